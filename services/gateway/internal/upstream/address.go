package upstream

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/tidegate-io/tidegate/libs/access"
)

// Address is an upstream URL, read once.
type Address struct {
	Dial string // host:port
	Host string // for the Host header: as in the URL
	Base string // canonical path before the forwarded one, without a final slash
	TLS  *tls.Config
}

// ParseAddress reads an upstream URL: http or https, a host, perhaps a port and
// a path, nothing else.
func ParseAddress(raw string) (Address, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return Address{}, fmt.Errorf("upstream address %q: %w", raw, err)
	}
	if u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return Address{}, fmt.Errorf("upstream address %q: want http://host:port/path", raw)
	}
	a := Address{Host: u.Host}
	port := u.Port()
	switch u.Scheme {
	case "http":
		if port == "" {
			port = "80"
		}
	case "https":
		if port == "" {
			port = "443"
		}
		a.TLS = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	default:
		return Address{}, fmt.Errorf("upstream address %q: neither http nor https", raw)
	}
	a.Dial = net.JoinHostPort(u.Hostname(), port)
	if path := u.EscapedPath(); path != "" {
		if path, err = access.CanonicalPath(path); err != nil {
			return Address{}, fmt.Errorf("upstream address %q: %w", raw, err)
		}
		a.Base = strings.TrimSuffix(path, "/")
	}
	return a, nil
}
