package deliver

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Door is the way to the server for requests beside pushes: the same credentials, tenant and headers.
type Door struct {
	url     string
	headers map[string]string
	tenant  string
	agent   string
	token   *watchedFile
	client  *http.Client
}

// NewDoor makes a door from the options of a deliverer; timeout is for one request.
func NewDoor(options Options, timeout time.Duration) (*Door, error) {
	transport, err := options.Credentials.transport()
	if err != nil {
		return nil, err
	}
	now := options.Now
	if now == nil {
		now = time.Now
	}
	return &Door{
		url: strings.TrimRight(options.URL, "/"), headers: options.Headers, tenant: options.Tenant, agent: options.UserAgent,
		token: &watchedFile{path: options.Credentials.TokenFile, now: now},
		client: &http.Client{
			Transport: transport, Timeout: timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// URL gives the address of a path.
func (d *Door) URL(path string) string { return d.url + path }

// Do sends a request with everything that identifies us.
func (d *Door) Do(request *http.Request) (*http.Response, error) {
	for name, value := range d.headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("User-Agent", d.agent)
	if d.tenant != "" {
		request.Header.Set("X-Scope-OrgID", d.tenant)
	}
	token, err := d.token.get()
	if err != nil {
		return nil, fmt.Errorf("the token cannot be read: %w", err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return d.client.Do(request)
}
