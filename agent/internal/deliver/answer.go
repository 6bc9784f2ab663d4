package deliver

import (
	"fmt"
	"net/http"
	"time"
)

type verdict int

const (
	// verdictDelivered: the server has it.
	verdictDelivered verdict = iota
	// verdictRetry: the server or the way to it fails for now, or is set up wrongly and can be repaired.
	verdictRetry
	// verdictRefused: this body will be refused again.
	verdictRefused
)

// answer is what came of one request.
type answer struct {
	verdict verdict
	// outcome is a value of the metric's label: delivered, timeout, connection, refused, limited, …
	outcome string
	// problem says for people what is wrong, with the remedy where it is known.
	problem    string
	retryAfter time.Duration
	// tooMuch: a smaller batch may pass.
	tooMuch bool
}

// answerOf judges a status other than 200.
//
// Retried are also those that only somebody can repair, like a wrong token or path: the queue is bounded, and what it
// still holds then is worth having. Dropped is only what would be refused for its content.
func answerOf(response *http.Response, message string, now time.Time) answer {
	status := response.StatusCode
	result := answer{verdict: verdictRetry, outcome: fmt.Sprintf("http_%d", status), retryAfter: retryAfter(response.Header, now)}
	said := fmt.Sprintf("the server answered %d", status)
	if message != "" {
		said += ": " + message
	}
	switch {
	case status >= 300 && status < 400:
		result.problem = said + "; redirects are not followed, set the URL to " + response.Header.Get("Location")
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		result.problem = said + "; check the token file, the client certificate and the tenant"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status == http.StatusNotImplemented:
		result.problem = said + "; check that the URL leads to a server that takes profiles"
	case status == http.StatusTooManyRequests:
		result.outcome, result.problem = "limited", said
		// A limit on rate says when to come back; one without that may be a limit on size.
		result.tooMuch = result.retryAfter == 0
	case status == http.StatusRequestEntityTooLarge:
		result.verdict, result.problem, result.tooMuch = verdictRefused, said, true
	case status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusTooEarly,
		status == http.StatusProxyAuthRequired, status == 499:
		result.problem = said
	case status >= 400 && status < 500:
		result.verdict, result.problem = verdictRefused, said
	default:
		result.problem = said
	}
	return result
}
