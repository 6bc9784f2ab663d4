package deliver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// pushPath is the method that Pyroscope's clients call: Connect over HTTP/1.1, a protobuf message as the body.
const pushPath = "/push.v1.PusherService/Push"

// Fields of push.v1.PushRequest and the messages within.
const (
	requestSeries = 1
	seriesLabels  = 1
	seriesSamples = 2
	labelName     = 1
	labelValue    = 2
	sampleProfile = 1
	sampleID      = 2
)

// pushBody writes a PushRequest. The profiles are gzipped as they are.
func pushBody(uploads []*Upload) []byte {
	var request, series, part []byte
	for _, upload := range uploads {
		series = series[:0]
		labels := maps.Clone(upload.Labels)
		labels["__name__"] = upload.Kind
		for _, name := range slices.Sorted(maps.Keys(labels)) {
			part = appendField(part[:0], labelName, []byte(name))
			part = appendField(part, labelValue, []byte(labels[name]))
			series = appendField(series, seriesLabels, part)
		}
		part = appendField(part[:0], sampleProfile, upload.Pprof)
		part = appendField(part, sampleID, []byte(upload.ID))
		series = appendField(series, seriesSamples, part)
		request = appendField(request, requestSeries, series)
	}
	return request
}

func appendField(to []byte, field uint64, content []byte) []byte {
	to = binary.AppendUvarint(to, field<<3|2)
	to = binary.AppendUvarint(to, uint64(len(content)))
	return append(to, content...)
}

// pusher sends batches to one server.
type pusher struct {
	url     string
	with    protocol
	headers map[string]string
	tenant  string
	token   func() (string, error)
	client  *http.Client
	agent   string
	now     func() time.Time
}

// maxAnswer is how much of an answer is read: its message, not a page of HTML.
const maxAnswer = 4096

func (p *pusher) push(ctx context.Context, uploads []*Upload) answer {
	body, err := p.with.body(uploads)
	if err != nil {
		return answer{verdict: verdictRefused, outcome: "unsendable", problem: err.Error()}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+p.with.path, bytes.NewReader(body))
	if err != nil {
		return answer{verdict: verdictRetry, outcome: "request", problem: err.Error()}
	}
	for name, value := range p.headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("Content-Type", p.with.contentType)
	if p.with.encoding != "" {
		request.Header.Set("Content-Encoding", p.with.encoding)
	}
	request.Header.Set("User-Agent", p.agent)
	if p.tenant != "" {
		request.Header.Set("X-Scope-OrgID", p.tenant)
	}
	token, err := p.token()
	if err != nil {
		return answer{verdict: verdictRetry, outcome: "token", problem: fmt.Sprintf("the token cannot be read: %v", err)}
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return answer{verdict: verdictRetry, outcome: failureOf(err), problem: err.Error()}
	}
	defer response.Body.Close()
	message, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode != http.StatusOK {
		return answerOf(response, strings.TrimSpace(strings.ToValidUTF8(string(message), "\uFFFD")), p.now())
	}
	// A proxy's or captive portal's page is 200 too: only the server's own answer says that it has the profiles.
	if kind := response.Header.Get("Content-Type"); kind != p.with.contentType {
		return answer{verdict: verdictRetry, outcome: "garbage", problem: fmt.Sprintf("what answers at %s is no profile server: its answer has the type %q", p.url, kind)}
	}
	return p.with.accepted(message)
}

func failureOf(err error) string {
	var timeout interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return "timeout"
	}
	return "connection"
}
