package header_test

import (
	"slices"
	"testing"

	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
)

func TestLinesAreReadAsTheyWereSent(t *testing.T) {
	got, err := header.Parse(nil, []byte("Host: a\r\nx-lower:v \t\r\nX-Empty:\r\nCookie:  a=b; c=d\nX-Utf: \xc3\xa9\r\n\r\n"))
	want := []header.Field{{Name: "Host", Value: "a"}, {Name: "x-lower", Value: "v"}, {Name: "X-Empty"}, {Name: "Cookie", Value: "a=b; c=d"}, {Name: "X-Utf", Value: "\xc3\xa9"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestLinesWithTwoReadingsAreRefused(t *testing.T) {
	for _, raw := range []string{
		"X-A : b\r\n", " X-A: b\r\n", "X-A: b\r\n folded\r\n", "X-A: b\r\n\tfolded\r\n", "X A: b\r\n", ": b\r\n", "X-A\r\n",
		"X-A: b\rX-B: c\r\n", "X-A: b\x00c\r\n", "X-A: \x7f\r\n", "X-\x80: b\r\n", "X(A): b\r\n",
	} {
		if got, err := header.Parse(nil, []byte(raw)); err == nil {
			t.Errorf("%q is read as %q", raw, got)
		}
	}
}

func TestNoSpellingOfOurHeadersIsAClientsToSend(t *testing.T) {
	for _, name := range []string{
		"X-Consumer-Id", "x-consumer-id", "X_CONSUMER_ID", "X.Consumer.Id", "x-consumer_id", "X-Consumer-Username", "X-Consumer-Custom-Id",
		"X-Consumer-Anything", "X-Credential-Identifier", "X_Credential.Identifier", "X-Subscription-Id", "X-Forwarded-For", "x_forwarded_for",
		"X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "Forwarded", "FORWARDED", "X-Real-IP", "X_Real_Ip", "X-Request-Id", "x.request.id",
		"X-Original-URL", "X-Rewrite-Url",
	} {
		if !header.Ours(name) || header.Crosses(name, nil) {
			t.Errorf("%s crosses", name)
		}
	}
	for _, name := range []string{"X-Api-Key", "Authorization", "X-Consumer", "X-Forward", "From", "X-Request", "Accept", "X-Customer-Id"} {
		if header.Ours(name) || !header.Crosses(name, nil) {
			t.Errorf("%s does not cross", name)
		}
	}
}

func TestWhatConcernsOneConnectionStaysOnIt(t *testing.T) {
	fields, err := header.Parse(nil, []byte("Connection: close, X-Private\r\nConnection: x-consumer-id ,X-Other\r\nX-Private: 1\r\nx-other: 2\r\nAccept: 3\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	nominated := header.Nominate(nil, fields)
	var crossed []string
	for _, f := range fields {
		if header.Crosses(f.Name, nominated) {
			crossed = append(crossed, f.Name)
		}
	}
	if !slices.Equal(crossed, []string{"Accept"}) {
		t.Errorf("crossed: %q", crossed)
	}
	for _, name := range []string{"Connection", "keep-alive", "TE", "te", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Authorization", "Content-Length", "Host", "Expect"} {
		if header.Crosses(name, nil) {
			t.Errorf("%s crosses", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("A: b\r\nC: d\r\n\r\n"))
	f.Add([]byte("A: b\n c\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		fields, err := header.Parse(nil, raw)
		if err != nil {
			return
		}
		for _, field := range fields {
			if !header.Token(field.Name) {
				t.Fatalf("%q: name %q", raw, field.Name)
			}
			for _, c := range []byte(field.Value) {
				if c == '\r' || c == '\n' || c == 0 {
					t.Fatalf("%q: value %q", raw, field.Value)
				}
			}
		}
	})
}
