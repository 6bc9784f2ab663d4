package deliver

import "fmt"

// protocol is how uploads become one request, and how its answer is understood.
type protocol struct {
	path, contentType, encoding string
	body                        func(uploads []*Upload) ([]byte, error)
	// accepted judges the body of a 200.
	accepted func(body []byte) answer
	// alone: one upload in each request, as the answer does not say which of several it is about.
	alone bool
}

var protocols = map[string]protocol{
	"push": {
		path: pushPath, contentType: "application/proto",
		body:     func(uploads []*Upload) ([]byte, error) { return pushBody(uploads), nil },
		accepted: func([]byte) answer { return answer{verdict: verdictDelivered, outcome: "delivered"} },
	},
	"otlp": {path: otlpPath, contentType: otlpContentType, encoding: "gzip", body: otlpBody, accepted: otlpAccepted, alone: true},
}

func protocolOf(name string) (protocol, error) {
	if name == "" {
		name = "push"
	}
	known, ok := protocols[name]
	if !ok {
		return protocol{}, fmt.Errorf("protocol: %q is none of push, otlp", name)
	}
	return known, nil
}
