module workloads/hotgo

go 1.24
