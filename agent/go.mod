module brazier.dev/agent

go 1.26
