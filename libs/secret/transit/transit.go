// Package transit wraps a key ring by the transit engine of Vault or OpenBao:
// the ring's file holds nothing but its ciphertext, and whoever takes the file
// has to ask the engine, which judges and records who does.
//
// The engine is asked when a process starts, when the ring's file has changed
// and when a key is added, activated or retired; never to answer a call.
package transit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/libs/secret"
)

// Config says which engine, and as whom.
type Config struct {
	Address   string // https://vault.example.com:8200
	Key       string // name of the engine's key: "tidegate"
	Mount     string // path of the engine; "transit" when empty
	Namespace string // of Vault Enterprise or OpenBao; empty: none
	CAFile    string // PEM of who signed the server's certificate; empty: the system's
	// Token is what the calls are made with; TokenFile is read at each of them,
	// for tokens that are renewed.
	Token     string
	TokenFile string
	// Timeout bounds one call; 5 seconds when 0.
	Timeout time.Duration
}

const (
	defaultMount   = "transit"
	defaultTimeout = 5 * time.Second
	maxAnswer      = 4 << 20
)

// Transit wraps with one key of one engine.
type Transit struct {
	cfg    Config
	base   *url.URL
	client *http.Client
}

var _ secret.Driver = (*Transit)(nil)

var segments = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$`)

// New judges a configuration; it calls nobody. The error tells every fault, by
// the name of its field.
func New(cfg Config) (*Transit, error) {
	if cfg.Mount == "" {
		cfg.Mount = defaultMount
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	var faults []error
	base, err := url.Parse(strings.TrimSuffix(cfg.Address, "/"))
	switch {
	case err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil || base.Path != "":
		faults = append(faults, errors.New("address: want https://host:port"))
	case base.Scheme == "http" && !loopback(base.Hostname()):
		faults = append(faults, errors.New("address: want https, for the key ring travels there; http is for an agent on this machine alone"))
	}
	if !segments.MatchString(cfg.Key) || strings.Contains(cfg.Key, "/") {
		faults = append(faults, errors.New("key: want the name of the engine's key, such as tidegate"))
	}
	if !segments.MatchString(cfg.Mount) {
		faults = append(faults, errors.New("mount: want the engine's path, such as transit"))
	}
	if (cfg.Token == "") == (cfg.TokenFile == "") {
		faults = append(faults, errors.New("token: want one, or the file that it is in"))
	}
	roots, err := authorities(cfg.CAFile)
	if faults = append(faults, err); errors.Join(faults...) != nil {
		return nil, errors.Join(faults...)
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   cfg.Timeout,
		ResponseHeaderTimeout: cfg.Timeout,
		IdleConnTimeout:       30 * time.Second,
	}
	return &Transit{cfg: cfg, base: base, client: &http.Client{
		Timeout: cfg.Timeout, Transport: transport, CheckRedirect: faithful,
	}}, nil
}

// faithful follows a standby server to the active one, and nowhere less safe.
func faithful(next *http.Request, before []*http.Request) error {
	if len(before) > 3 || before[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
		return errors.New("it redirects to where the token must not go")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("CA file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file: %s holds no certificate in PEM", file)
	}
	return roots, nil
}

// Plain is false: the file is nothing without the engine.
func (*Transit) Plain() bool { return false }

const prefix = "vault:v" // of what the engine has encrypted, then its key's version

// Wrap has a ring encrypted under the newest version of the engine's key.
func (t *Transit) Wrap(ctx context.Context, ring []byte) ([]byte, error) {
	var answer struct {
		Ciphertext string `json:"ciphertext"`
	}
	if err := t.call(ctx, "encrypt", map[string]string{"plaintext": base64.StdEncoding.EncodeToString(ring)}, &answer); err != nil {
		return nil, err
	}
	return written(answer.Ciphertext)
}

// Unwrap has the engine decrypt what it has encrypted.
func (t *Transit) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	ciphertext := strings.TrimSpace(string(wrapped))
	if !strings.HasPrefix(ciphertext, prefix) {
		return nil, fmt.Errorf("%w: the file was not wrapped by a transit engine; wrap a plain one with `tidegate keyring init --from`", secret.ErrRing)
	}
	var answer struct {
		Plaintext string `json:"plaintext"`
	}
	if err := t.call(ctx, "decrypt", map[string]string{"ciphertext": ciphertext}, &answer); err != nil {
		return nil, err
	}
	ring, err := base64.StdEncoding.DecodeString(answer.Plaintext)
	if err != nil {
		return nil, fmt.Errorf("%w: the engine's answer is no base64", secret.ErrRing)
	}
	return ring, nil
}

func written(ciphertext string) ([]byte, error) {
	if !strings.HasPrefix(ciphertext, prefix) || strings.ContainsAny(ciphertext, " \r\n") {
		return nil, fmt.Errorf("%w: the engine's answer is no ciphertext", secret.ErrRing)
	}
	return []byte(ciphertext + "\n"), nil
}

func (t *Transit) token() (string, error) {
	token := t.cfg.Token
	if t.cfg.TokenFile != "" {
		content, err := os.ReadFile(t.cfg.TokenFile)
		if err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
		token = strings.TrimSpace(string(content))
	}
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%w: the token is empty or no text of one line", secret.ErrRefused)
	}
	return token, nil
}
