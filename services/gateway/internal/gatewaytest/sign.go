package gatewaytest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the contract has it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
)

// MACSigner signs requests with a shared secret, as a client does. It is written from the contract's text
// (4.1) and shares nothing with what verifies signatures.
type MACSigner struct{ AccessKey, Secret string }

// Message is a request: Headers are "Name", "value" and so on, without Host.
type Message struct {
	Method, Target, Host string
	Headers              []string
	Body                 string
	Chunked              bool
	Trailers             []string
}

// With answers the message with headers more.
func (m Message) With(headers ...string) Message {
	m.Headers = append(slices.Clone(m.Headers), headers...)
	return m
}

// Fields answers its headers as the gateway reads them.
func (m Message) Fields() []header.Field {
	fields := []header.Field{{Name: "Host", Value: m.Host}}
	for i := 0; i < len(m.Headers); i += 2 {
		fields = append(fields, header.Field{Name: m.Headers[i], Value: m.Headers[i+1]})
	}
	return fields
}

// Head answers what goes over the wire before the body.
func (m Message) Head() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\n", m.Method, m.Target, m.Host)
	for i := 0; i < len(m.Headers); i += 2 {
		fmt.Fprintf(&text, "%s: %s\r\n", m.Headers[i], m.Headers[i+1])
	}
	switch {
	case m.Chunked:
		text.WriteString("Transfer-Encoding: chunked\r\n")
		if len(m.Trailers) > 0 {
			fmt.Fprintf(&text, "Trailer: %s\r\n", m.Trailers[0])
		}
	case m.Body != "":
		fmt.Fprintf(&text, "Content-Length: %d\r\n", len(m.Body))
	}
	return text.String() + "\r\n"
}

// Wire answers the whole of it.
func (m Message) Wire() string {
	if !m.Chunked {
		return m.Head() + m.Body
	}
	var text strings.Builder
	text.WriteString(m.Head())
	for piece := range slices.Chunk([]byte(m.Body), 7000) {
		fmt.Fprintf(&text, "%x\r\n%s\r\n", len(piece), piece)
	}
	text.WriteString("0\r\n")
	for i := 0; i < len(m.Trailers); i += 2 {
		fmt.Fprintf(&text, "%s: %s\r\n", m.Trailers[i], m.Trailers[i+1])
	}
	return text.String() + "\r\n"
}

// value answers a header's value.
func (m Message) value(name string) string {
	if strings.EqualFold(name, "host") {
		return m.Host
	}
	for i := 0; i < len(m.Headers); i += 2 {
		if strings.EqualFold(m.Headers[i], name) {
			return m.Headers[i+1]
		}
	}
	return ""
}

func (s MACSigner) sum(kind func() hash.Hash, text string) []byte {
	mac := hmac.New(kind, []byte(s.Secret))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func hexOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Canonical answers the canonical request of the scheme aksk.
func (m Message) Canonical(signed ...string) string {
	path, query, _ := strings.Cut(m.Target, "?")
	if !strings.HasSuffix(path, "/") {
		path += "/"
	}
	encode := func(text string) string {
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
		return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
	}
	var pairs [][2]string
	for part := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(part, "="); part != "" {
			pairs = append(pairs, [2]string{encode(name), encode(value)})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		return 2*strings.Compare(a[0], b[0]) + strings.Compare(a[1], b[1])
	})
	var parts []string
	for _, p := range pairs {
		parts = append(parts, p[0]+"="+p[1])
	}
	var lines strings.Builder
	for _, name := range signed {
		fmt.Fprintf(&lines, "%s:%s\n", strings.ToLower(name), strings.TrimSpace(m.value(name)))
	}
	return m.Method + "\n" + path + "\n" + strings.Join(parts, "&") + "\n" + lines.String() + "\n" + strings.ToLower(strings.Join(signed, ";")) + "\n" + hexOf(m.Body)
}

// AKSK signs with the word "HMAC-SHA256".
func (s MACSigner) AKSK(m Message, at time.Time, signed ...string) Message {
	return s.AKSKWord("HMAC-SHA256", m, at, signed...)
}

// AKSKWord signs with a word.
func (s MACSigner) AKSKWord(word string, m Message, at time.Time, signed ...string) Message {
	date := at.UTC().Format("20060102T150405Z")
	m = m.With("x-gateway-date", date)
	text := word + "\n" + date + "\n" + hexOf(m.Canonical(signed...))
	return m.With("Authorization", fmt.Sprintf("%s Access=%s, SignedHeaders=%s, Signature=%s", word, s.AccessKey, strings.Join(signed, ";"), hex.EncodeToString(s.sum(sha256.New, text))))
}

// Draft signs by the scheme "signature", and gives a date when there is none.
func (s MACSigner) Draft(algorithm string, m Message, at time.Time, listed ...string) Message {
	if m.value("date") == "" {
		m = m.With("Date", at.UTC().Format(http.TimeFormat))
	}
	text := s.Lines(m, listed...)
	kind := map[string]func() hash.Hash{"hmac-sha256": sha256.New, "hmac-sha512": sha512.New, "hmac-sha1": sha1.New}[algorithm]
	return m.With("Authorization", fmt.Sprintf(`Signature keyId="%s",algorithm="%s",headers="%s",signature="%s"`,
		s.AccessKey, algorithm, strings.Join(listed, " "), base64.StdEncoding.EncodeToString(s.sum(kind, text))))
}

// Lines answers what the scheme "signature" signs.
func (s MACSigner) Lines(m Message, listed ...string) string {
	lines := []string{s.AccessKey}
	for _, name := range listed {
		if name == "@request-target" {
			lines = append(lines, m.Method+" "+m.Target)
			continue
		}
		lines = append(lines, name+": "+m.value(name))
	}
	return strings.Join(lines, "\n") + "\n"
}

// Digest adds the body's Digest.
func (m Message) Digest() Message {
	sum := sha256.Sum256([]byte(m.Body))
	return m.With("Digest", "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]))
}

// ContentDigest adds the body's Content-Digest.
func (m Message) ContentDigest() Message {
	sum := sha256.Sum256([]byte(m.Body))
	return m.With("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
}

// RFC9421 signs by RFC 9421 with parameters such as `;created=1;keyid="k"` (none:
// the usual ones), under a label.
func (s MACSigner) RFC9421(label string, m Message, at time.Time, params string, covered ...string) Message {
	if params == "" {
		params = fmt.Sprintf(`;created=%d;keyid="%s";alg="hmac-sha256"`, at.Unix(), s.AccessKey)
	}
	input := `("` + strings.Join(covered, `" "`) + `")` + params
	sum := s.sum(sha256.New, m.Base(input, covered...))
	return m.With("Signature-Input", label+"="+input, "Signature", label+"=:"+base64.StdEncoding.EncodeToString(sum)+":")
}

// Base answers the signature base of RFC 9421, of which input is the end.
func (m Message) Base(input string, covered ...string) string {
	path, query, asked := strings.Cut(m.Target, "?")
	lines := make([]string, 0, len(covered)+1)
	for _, name := range covered {
		value := ""
		switch name {
		case "@method":
			value = m.Method
		case "@authority":
			value = strings.ToLower(m.Host)
		case "@scheme":
			value = "http"
		case "@target-uri":
			value = "http://" + m.Host + m.Target
		case "@request-target":
			value = m.Target
		case "@path":
			value = path
		case "@query":
			if value = "?"; asked {
				value += query
			}
		default:
			value = m.value(name)
		}
		lines = append(lines, `"`+name+`": `+value)
	}
	return strings.Join(append(lines, `"@signature-params": `+input), "\n")
}

// HMAC issues a credential for signatures and answers its signer. The config has
// the members given, beside the scheme.
func (w *World) HMAC(t testing.TB, id, consumerID, scheme string, config map[string]any, change ...func(*credential.Issued)) MACSigner {
	t.Helper()
	s := MACSigner{AccessKey: "access-" + id, Secret: secret.Generate(secret.Secret)}
	members := map[string]any{"scheme": scheme, "access_key": s.AccessKey, "clock_skew_seconds": 300, "allowed_algorithms": []string{}, "require_digest": false, "replay_protection": true}
	maps.Copy(members, config)
	place := "Authorization"
	if scheme == "rfc9421" {
		place = "Signature"
	}
	w.Credential(t, id, consumerID, append([]func(*credential.Issued){func(d *credential.Issued) {
		d.Type, d.Placement = credential.TypeHMAC, Header(place)
		d.Config, _ = json.Marshal(members)
	}}, change...)...)
	w.Put(t, id, 1, secret.SharedProof([]byte(s.Secret)))
	return s
}
