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

// transport makes connections by the files of the credentials. A pool of authorities is read when the agent starts; our own
// certificate is read for every new connection.
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
