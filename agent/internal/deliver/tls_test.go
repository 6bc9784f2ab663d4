package deliver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// authority signs certificates of a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})}
}

// sign gives a certificate and its key in PEM form.
func (a *authority) sign(t *testing.T, name string) (certificate, key []byte) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &own.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

func TestRenewedAuthoritiesAndCertificatesAreFollowed(t *testing.T) {
	var current atomic.Pointer[authority]
	var serving atomic.Pointer[tls.Certificate]
	turn := func(a *authority) {
		certificate, key := a.sign(t, "server")
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		current.Store(a)
		serving.Store(&pair)
	}
	first, second := newAuthority(t), newAuthority(t)
	turn(first)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/proto")
		w.Header().Set("Connection", "close")
	}))
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		pool := x509.NewCertPool()
		pool.AddCert(current.Load().certificate)
		return &tls.Config{Certificates: []tls.Certificate{*serving.Load()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}, nil
	}}
	server.StartTLS()
	t.Cleanup(server.Close)

	dir := t.TempDir()
	files := Credentials{CAFile: filepath.Join(dir, "ca.pem"), CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	put := func(a *authority) {
		certificate, key := a.sign(t, "agent")
		for file, content := range map[string][]byte{files.CAFile: a.pem, files.CertFile: certificate, files.KeyFile: key} {
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(first)
	d := newDeliverer(t, server.URL, func(o *Options) { o.Credentials = files })
	d.Start()
	d.Offer(upload(1))
	eventually(t, d, "a delivery under the first authority", func() bool { return d.Ledger().Delivered.Profiles == 1 })

	turn(second)
	d.Offer(upload(2))
	eventually(t, d, "a failure while the files are old", func() bool { return d.Problem() != "" })
	put(second)
	eventually(t, d, "a delivery under the second authority", func() bool { return d.Ledger().Delivered.Profiles == 2 })
	if ledger := finish(t, d); !ledger.Balanced() {
		t.Errorf("ledger: %+v", ledger)
	}
}

func TestCredentialsThatCannotBeUsedStopTheStart(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, credentials := range map[string]Credentials{
		"no such file":              {CAFile: filepath.Join(dir, "none")},
		"no certificate in it":      {CAFile: empty},
		"a certificate, but no key": {CertFile: empty},
		"no pair":                   {CertFile: empty, KeyFile: empty},
	} {
		if _, err := New(Options{URL: "http://127.0.0.1:1", Credentials: credentials}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
