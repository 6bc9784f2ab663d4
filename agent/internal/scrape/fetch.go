package scrape

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/pprof/profile"
)

const (
	// bodyMax bounds an answer, plainMax what it unpacks to: a program may be broken, or mean ill.
	bodyMax  = 16 << 20
	plainMax = 64 << 20
	// patience is what a program may take beyond the time that it records.
	patience = 10 * time.Second
)

// newClient fetches from pods by their address. A certificate for an address is rare, and what is at stake is a wrong profile:
// certificates are not checked. Redirects are not followed: an annotation must not send the agent elsewhere.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
			DisableCompression:  true,
			MaxIdleConnsPerHost: 1,
			IdleConnTimeout:     time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// fetch gets one profile; a timed one is recorded for so long.
func fetch(ctx context.Context, client *http.Client, address, agent string, record time.Duration) (*profile.Profile, error) {
	ctx, cancel := context.WithTimeout(ctx, record+patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if record > 0 {
		query := request.URL.Query()
		query.Set("seconds", strconv.Itoa(max(1, int(record/time.Second))))
		request.URL.RawQuery = query.Encode()
	}
	request.Header.Set("User-Agent", agent)
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %d", response.StatusCode)
	}
	body, err := readBounded(response.Body, bodyMax)
	if err != nil {
		return nil, err
	}
	return parse(body)
}

func parse(body []byte) (*profile.Profile, error) {
	if len(body) >= 2 && body[0] == 0x1f && body[1] == 0x8b {
		unpacked, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if body, err = readBounded(unpacked, plainMax); err != nil {
			return nil, err
		}
	}
	p, err := profile.ParseUncompressed(body)
	if err != nil {
		return nil, fmt.Errorf("its answer is no pprof: %w", err)
	}
	return p, p.CheckValid()
}

var errTooLarge = errors.New("its answer is too large")

func readBounded(from io.Reader, most int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(from, most+1))
	if err == nil && int64(len(body)) > most {
		err = errTooLarge
	}
	return body, err
}
