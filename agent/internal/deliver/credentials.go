package deliver

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// Credentials are files, read again when they change: tokens and certificates are short-lived.
type Credentials struct {
	TokenFile string
	// CAFile replaces the system's authorities; CertFile and KeyFile are ours, for a server that asks.
	CAFile, CertFile, KeyFile string
}

// rereadAfter bounds how often files are looked at.
const rereadAfter = 10 * time.Second

// watchedFile gives the content of a file, read again when it may have changed.
type watchedFile struct {
	path string
	now  func() time.Time

	mu      sync.Mutex
	content string
	read    time.Time
}

func (w *watchedFile) get() (string, error) {
	if w.path == "" {
		return "", nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := w.now(); w.read.IsZero() || now.Sub(w.read) >= rereadAfter {
		content, err := os.ReadFile(w.path)
		if err != nil {
			return "", err
		}
		w.content, w.read = strings.TrimSpace(string(content)), now
	}
	return w.content, nil
}

// transport makes connections by the files of the credentials. Our own certificate is read for every new connection.
func (c Credentials) transport() (*http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 2
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		bundle, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading ca_file: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(bundle) {
			return nil, fmt.Errorf("ca_file %s has no certificate in PEM form", c.CAFile)
		}
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return nil, fmt.Errorf("cert_file and key_file go together: set both or neither")
	}
	if c.CertFile != "" {
		load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
			return &pair, err
		}
		if _, err := load(nil); err != nil {
			return nil, fmt.Errorf("reading cert_file and key_file: %w", err)
		}
		settings.GetClientCertificate = load
	}
	transport.TLSClientConfig = settings
	return transport, nil
}

// reloadingTransport makes its connections anew when one of the files has changed: authorities are renewed too, and an open connection
// would keep showing the old certificate. Until the changed files can be read together, what was there before is used.
type reloadingTransport struct {
	credentials Credentials

	mu      sync.Mutex
	state   string
	current *http.Transport
}

func newReloadingTransport(credentials Credentials) (*reloadingTransport, error) {
	t := &reloadingTransport{credentials: credentials, state: credentials.state()}
	var err error
	t.current, err = credentials.transport()
	return t, err
}

// RoundTrip is called by the client for each request.
func (t *reloadingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	return t.transport().RoundTrip(request)
}

func (t *reloadingTransport) transport() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if state := t.credentials.state(); state != t.state {
		if fresh, err := t.credentials.transport(); err == nil {
			t.current.CloseIdleConnections()
			t.current, t.state = fresh, state
		}
	}
	return t.current
}

// CloseIdleConnections is asked for by the client.
func (t *reloadingTransport) CloseIdleConnections() { t.transport().CloseIdleConnections() }

// state changes with the files. Mounted secrets are swapped by a link, which the times follow.
func (c Credentials) state() string {
	state := ""
	for _, file := range []string{c.CAFile, c.CertFile, c.KeyFile} {
		if file == "" {
			continue
		}
		if info, err := os.Stat(file); err == nil {
			state += fmt.Sprintf("%d/%d;", info.ModTime().UnixNano(), info.Size())
		}
	}
	return state
}
