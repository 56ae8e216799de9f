// Package signer signs calls as clients of each type of credential do.
//
// It is written from the contract alone and shares nothing with what verifies, so
// that tests have somebody to disagree with.
package signer

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// AKSK signs by the scheme aksk: the headers named, which are set already, beside
// host and date.
func AKSK(r *http.Request, access, secret string, at time.Time, signed ...string) error {
	r.Header.Set("X-Gateway-Date", at.UTC().Format("20060102T150405Z"))
	signed = append(signed, "host", "x-gateway-date")
	slices.Sort(signed)
	body, err := read(r)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, name := range signed {
		value := r.Header.Get(name)
		if name == "host" {
			value = host(r)
		}
		fmt.Fprintf(&lines, "%s:%s\n", name, strings.TrimSpace(value))
	}
	path := r.URL.EscapedPath()
	if !strings.HasSuffix(path, "/") {
		path += "/"
	}
	canonical := strings.Join([]string{r.Method, path, canonicalQuery(r.URL.RawQuery), lines.String(), strings.Join(signed, ";"), sum(body)}, "\n")
	toSign := "HMAC-SHA256\n" + r.Header.Get("X-Gateway-Date") + "\n" + sum([]byte(canonical))
	r.Header.Set("Authorization", fmt.Sprintf("HMAC-SHA256 Access=%s, SignedHeaders=%s, Signature=%s",
		access, strings.Join(signed, ";"), hex.EncodeToString(mac(secret, toSign))))
	return nil
}

// Signature signs by the scheme signature: the target, the date and the digest of
// the body.
func Signature(r *http.Request, key, secret string, at time.Time) error {
	r.Header.Set("Date", at.UTC().Format(http.TimeFormat))
	body, err := read(r)
	if err != nil {
		return err
	}
	listed := []string{"@request-target", "date"}
	if len(body) > 0 {
		digest := sha256.Sum256(body)
		r.Header.Set("Digest", "SHA-256="+base64.StdEncoding.EncodeToString(digest[:]))
		listed = append(listed, "digest")
	}
	lines := []string{key}
	for _, name := range listed {
		if name == "@request-target" {
			lines = append(lines, r.Method+" "+r.URL.RequestURI())
		} else {
			lines = append(lines, name+": "+r.Header.Get(name))
		}
	}
	text := strings.Join(lines, "\n") + "\n"
	r.Header.Set("Authorization", fmt.Sprintf(`Signature keyId=%q,algorithm="hmac-sha256",headers=%q,signature=%q`,
		key, strings.Join(listed, " "), base64.StdEncoding.EncodeToString(mac(secret, text))))
	return nil
}

// RFC9421 signs an HTTP message: the method, the path, the query and the digest of
// the body. A nonce may be empty.
func RFC9421(r *http.Request, key, secret, nonce string, at time.Time) error {
	body, err := read(r)
	if err != nil {
		return err
	}
	covered := []string{`"@method"`, `"@path"`, `"@query"`}
	values := []string{r.Method, r.URL.EscapedPath(), "?" + r.URL.RawQuery}
	if len(body) > 0 {
		digest := sha512.Sum512(body)
		r.Header.Set("Content-Digest", "sha-512=:"+base64.StdEncoding.EncodeToString(digest[:])+":")
		covered, values = append(covered, `"content-digest"`), append(values, r.Header.Get("Content-Digest"))
	}
	params := fmt.Sprintf(`(%s);created=%d;keyid=%q;alg="hmac-sha256"`, strings.Join(covered, " "), at.Unix(), key)
	if nonce != "" {
		params += fmt.Sprintf(";nonce=%q", nonce)
	}
	var lines []string
	for i, name := range covered {
		lines = append(lines, name+": "+values[i])
	}
	base := strings.Join(append(lines, `"@signature-params": `+params), "\n")
	r.Header.Set("Signature-Input", "sig="+params)
	r.Header.Set("Signature", "sig=:"+base64.StdEncoding.EncodeToString(mac(secret, base))+":")
	return nil
}

// read answers the body of a request, which still has it.
func read(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

func host(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

func mac(secret, text string) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	_, _ = m.Write([]byte(text))
	return m.Sum(nil)
}

func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

// canonicalQuery sorts the pairs as they are encoded.
func canonicalQuery(raw string) string {
	type pair struct{ name, value string }
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, pair{encode(name), encode(value)})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if order := strings.Compare(a.name, b.name); order != 0 {
			return order
		}
		return strings.Compare(a.value, b.value)
	})
	encoded := make([]string, len(pairs))
	for i, p := range pairs {
		encoded[i] = p.name + "=" + p.value
	}
	return strings.Join(encoded, "&")
}

// encode decodes a part of a query once and encodes it by RFC 3986.
func encode(part string) string {
	if plain, err := url.PathUnescape(part); err == nil {
		part = plain
	}
	return strings.ReplaceAll(url.QueryEscape(part), "+", "%20")
}
