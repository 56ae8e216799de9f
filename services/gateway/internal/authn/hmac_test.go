package authn_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

// sign issues an HMAC credential with a config, whose secret has a version for
// each key.
func (d *desk) sign(id, config string, keys ...string) gatewaytest.MACSigner {
	var c struct {
		Scheme    string `json:"scheme"`
		AccessKey string `json:"access_key"`
	}
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		panic(err)
	}
	place := "Authorization"
	if c.Scheme == "rfc9421" {
		place = "Signature"
	}
	data := credential.Issued{
		Concerns: events.Concerns{CredentialID: id, ConsumerID: "acme"}, Type: credential.TypeHMAC, Config: json.RawMessage(config),
		Placement: credential.Placement{In: "header", Name: place}, SecretVersion: len(keys),
	}
	d.state.Rule.Apply(events.Envelope{Type: data.EventType(), Stream: "credential-" + id, Version: 1, Position: 1}, data)
	for i, key := range keys {
		d.state.Proofs.Put(id, material.Proof{Version: i + 1, Key: []byte(key)})
	}
	return gatewaytest.MACSigner{AccessKey: c.AccessKey, Secret: keys[len(keys)-1]}
}

// here is a body that is here.
type here string

func (b here) Whole(limit int) ([]byte, error) {
	if len(b) > limit {
		return nil, authn.ErrBodyTooLarge
	}
	return []byte(b), nil
}

var signedAt = time.Date(2020, 9, 24, 6, 39, 52, 0, time.UTC)

// verify answers whose signature a request has, or the code.
func (d *desk) verify(m gatewaytest.Message, at time.Time) string {
	_, query, _ := strings.Cut(m.Target, "?")
	var found authn.Identity
	d.verifier.Identify(d.state, access.TypesOf("hmac"), authn.Request{
		Method: m.Method, Raw: m.Target, Host: m.Host, Query: query, Fields: m.Fields(), At: at, Body: here(m.Body),
	}, &found)
	switch {
	case found.Code != access.Allowed:
		return string(found.Code)
	case found.Fault != access.Allowed:
		return string(found.Fault)
	}
	return found.Credential.ID
}

var example = gatewaytest.Message{Method: "GET", Target: "/hello?a=1&b=2", Host: "api.example.com", Headers: []string{"content-type", "application/json"}}

func TestTheWorkedExampleOfAKSK(t *testing.T) {
	d := newDesk()
	s := d.sign("example", `{"scheme":"aksk","access_key":"my-access-key"}`, "my-secret-key")
	m := s.AKSK(example, signedAt, "content-type", "host", "x-gateway-date")
	sum := sha256.Sum256([]byte(m.Canonical("content-type", "host", "x-gateway-date")))
	if got := hex.EncodeToString(sum[:]); got != "fa13416a9eff2275dab33a02a0ba47f817dbdfe58604f17935e90ed161407f8d" {
		t.Errorf("the canonical request of the test's own signer has the hash %s", got)
	}
	const authorization = "HMAC-SHA256 Access=my-access-key, SignedHeaders=content-type;host;x-gateway-date, Signature=0243e4fc34cf180a3c8fa3f6e99d339ccb8b99b3ebd7b9814e5c28f2468c9cc3"
	if got := m.Headers[len(m.Headers)-1]; got != authorization {
		t.Errorf("the test's own signer gives %s", got)
	}
	if got := d.verify(example.With("x-gateway-date", "20200924T063952Z", "authorization", authorization), signedAt); got != "example" {
		t.Error(got)
	}
}

// cases are requests that are signed rightly and then changed, by name; only an
// empty want means that the signature holds.
type cases map[string]struct {
	message gatewaytest.Message
	want    string
}

func (c cases) run(t *testing.T, d *desk) {
	t.Helper()
	for name, each := range c {
		want := each.want
		if want == "" {
			want = "cred"
		}
		if got := d.verify(each.message, signedAt); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

const invalid = "credential_invalid"

func TestAKSK(t *testing.T) {
	d := newDesk()
	s := d.sign("cred", `{"access_key":"k","replay_protection":false}`, "an older secret", "the newest secret")
	d.sign("other", `{"scheme":"signature","access_key":"draft","replay_protection":false}`, s.Secret)
	d.sign("unread", `{"scheme":"aksk","access_key":"unread","clock_skew_seconds":"300"}`, s.Secret)
	old, stranger := gatewaytest.MACSigner{AccessKey: "k", Secret: "an older secret"}, gatewaytest.MACSigner{AccessKey: "k", Secret: "another secret"}
	post := gatewaytest.Message{Method: "POST", Target: "/a", Host: "h:8000", Body: "the body", Headers: []string{"X-Space", "in  the middle"}}
	right := s.AKSK(post, signedAt, "host")
	authorization := right.Headers[len(right.Headers)-1]
	change := func(edit func(*gatewaytest.Message)) gatewaytest.Message {
		m := right.With()
		edit(&m)
		return m
	}
	say := func(text string) gatewaytest.Message {
		return post.With("x-gateway-date", signedAt.Format("20060102T150405Z"), "Authorization", text)
	}
	target := func(text string) gatewaytest.Message {
		m := post
		m.Target = text
		return s.AKSK(m, signedAt, "host")
	}
	cases{
		"right":                             {right, ""},
		"the other word":                    {s.AKSKWord("SDK-HMAC-SHA256", post, signedAt, "host"), ""},
		"the other word than was signed":    {say("SDK-" + authorization), invalid},
		"an older version of the secret":    {old.AKSK(post, signedAt, "host"), ""},
		"another secret":                    {stranger.AKSK(post, signedAt, "host"), invalid},
		"an access key of nobody":           {gatewaytest.MACSigner{AccessKey: "n", Secret: s.Secret}.AKSK(post, signedAt, "host"), invalid},
		"an access key of another scheme":   {gatewaytest.MACSigner{AccessKey: "draft", Secret: s.Secret}.AKSK(post, signedAt, "host"), invalid},
		"a config that cannot be read":      {gatewaytest.MACSigner{AccessKey: "unread", Secret: s.Secret}.AKSK(post, signedAt, "host"), invalid},
		"another method":                    {change(func(m *gatewaytest.Message) { m.Method = "PUT" }), invalid},
		"another path":                      {change(func(m *gatewaytest.Message) { m.Target = "/b" }), invalid},
		"a slash at the end is the same":    {change(func(m *gatewaytest.Message) { m.Target = "/a/" }), ""},
		"two are not":                       {change(func(m *gatewaytest.Message) { m.Target = "/a//" }), invalid},
		"a query that was not signed":       {change(func(m *gatewaytest.Message) { m.Target = "/a?x" }), invalid},
		"an empty query":                    {change(func(m *gatewaytest.Message) { m.Target = "/a?" }), ""},
		"another host":                      {change(func(m *gatewaytest.Message) { m.Host = "i" }), invalid},
		"another body":                      {change(func(m *gatewaytest.Message) { m.Body = "The body" }), invalid},
		"no body":                           {change(func(m *gatewaytest.Message) { m.Body = "" }), invalid},
		"another date":                      {change(func(m *gatewaytest.Message) { m.Headers[3] = signedAt.Add(time.Second).Format("20060102T150405Z") }), invalid},
		"a header that was not signed":      {right.With("X-More", "1"), ""},
		"a query in another order":          {change2(s, "/a?b=2&a=1", "/a?a=1&b=2"), ""},
		"a query written otherwise":         {change2(s, "/a?q=%7e%41+b%2fc&d&&e=%e2%82%ac", "/a?q=~A%2Bb%2Fc&d=&e=%E2%82%AC"), ""},
		"a plus is no space":                {change2(s, "/a?q=a+b", "/a?q=a%20b"), invalid},
		"a query of everything":             {target("/a?z=1&z=0&&=&=x&y&%zz=%&a=b=c&+%20&~*'()&%F0%9F%98%80"), ""},
		"a path with escapes":               {target("/a%20b/%41;c"), ""},
		"an escape in the path undone":      {change2(s, "/%41", "/A"), invalid},
		"a header with spaces inside":       {s.AKSK(post, signedAt, "X-Space", "host"), ""},
		"capitals in the signed names":      {s.AKSK(post, signedAt, "Host", "X-SPACE"), ""},
		"a signed header that is not there": {s.AKSK(post, signedAt, "host", "x-absent"), invalid},
		"a signed header that is empty":     {s.AKSK(post.With("x-empty", ""), signedAt, "host", "x-empty"), ""},
		"a signed header twice":             {s.AKSK(post.With("x-two", "1", "X-Two", "2"), signedAt, "host", "x-two"), invalid},
		"a header named twice":              {s.AKSK(post, signedAt, "host", "x-space", "Host"), invalid},
		"no signed header":                  {s.AKSK(post, signedAt), invalid},
		"two dates":                         {right.With("X-Gateway-Date", signedAt.Format("20060102T150405Z")), invalid},
		"no date":                           {post.With("Authorization", authorization), invalid},
		"at the end of the skew":            {s.AKSK(post, signedAt.Add(300*time.Second), "host"), ""},
		"behind the end of the skew":        {s.AKSK(post, signedAt.Add(301*time.Second), "host"), invalid},
		"before the skew":                   {s.AKSK(post, signedAt.Add(-301*time.Second), "host"), invalid},
		"the parameters in another order":   {say("HMAC-SHA256 " + authorization[strings.Index(authorization, "Signature="):] + ",SignedHeaders=host,Access=k"), ""},
		"a parameter twice":                 {say(authorization + ", Access=k"), invalid},
		"a parameter that is not known":     {say(authorization + ", Other=1"), invalid},
		"no parameters":                     {say("HMAC-SHA256 "), invalid},
		"the word alone":                    {say("HMAC-SHA256"), invalid},
		"a signature in capitals":           {say(strings.ToUpper(authorization[:0]) + authorization[:len(authorization)-64] + strings.ToUpper(authorization[len(authorization)-64:])), invalid},
		"half a signature":                  {say(authorization[:len(authorization)-2]), invalid},
		"an absolute target of the host":    {change2(s, "/a?b", "http://h:8000/a?b"), ""},
		"an absolute target of another":     {change2(s, "/a?b", "http://i/a?b"), invalid},
		"as long as it may be":              {say(authorization + strings.Repeat(" ", 5000)), invalid},
	}.run(t, d)
}

// change2 signs one target and sends another.
func change2(s gatewaytest.MACSigner, signed, sent string) gatewaytest.Message {
	m := s.AKSK(gatewaytest.Message{Method: "POST", Target: signed, Host: "h:8000", Body: "b"}, signedAt, "host")
	m.Target = sent
	return m
}

func TestSignatureByTheDraft(t *testing.T) {
	d := newDesk()
	s := d.sign("cred", `{"scheme":"signature","access_key":"k","replay_protection":false}`, "secret one", "secret two")
	dateless := d.sign("dateless", `{"scheme":"signature","access_key":"dateless","replay_protection":false,"clock_skew_seconds":0}`, "secret")
	strict := d.sign("strict", `{"scheme":"signature","access_key":"strict","replay_protection":false,"require_digest":true,"allowed_algorithms":["hmac-sha1"]}`, "secret")
	post := gatewaytest.Message{Method: "POST", Target: "/a?b=%41", Host: "h", Body: "the body", Headers: []string{"X-H", "v w"}}
	right := s.Draft("hmac-sha256", post, signedAt, "@request-target", "date", "x-h")
	say := func(edit ...string) gatewaytest.Message {
		m := right.With()
		m.Headers[len(m.Headers)-1] = strings.NewReplacer(edit...).Replace(m.Headers[len(m.Headers)-1])
		return m
	}
	other := func(edit func(*gatewaytest.Message)) gatewaytest.Message {
		m := right.With()
		edit(&m)
		return m
	}
	cases{
		"right":                         {right, ""},
		"sha512":                        {s.Draft("hmac-sha512", post, signedAt, "@request-target", "date"), ""},
		"sha1, which is not allowed":    {s.Draft("hmac-sha1", post, signedAt, "@request-target", "date"), invalid},
		"sha1, allowed by name":         {strict.Draft("hmac-sha1", post.Digest(), signedAt, "date", "digest"), "strict"},
		"not the one allowed by name":   {strict.Draft("hmac-sha256", post.Digest(), signedAt, "date", "digest"), invalid},
		"an older secret":               {gatewaytest.MACSigner{AccessKey: "k", Secret: "secret one"}.Draft("hmac-sha256", post, signedAt, "date"), ""},
		"another secret":                {gatewaytest.MACSigner{AccessKey: "k", Secret: "secret"}.Draft("hmac-sha256", post, signedAt, "date"), invalid},
		"names as they were listed":     {s.Draft("hmac-sha256", post, signedAt, "Date", "HOST", "X-H"), ""},
		"another method":                {other(func(m *gatewaytest.Message) { m.Method = "PUT" }), invalid},
		"another target":                {other(func(m *gatewaytest.Message) { m.Target = "/a?b=A" }), invalid},
		"another header":                {other(func(m *gatewaytest.Message) { m.Headers[1] = "v  w" }), invalid},
		"another body, which is free":   {other(func(m *gatewaytest.Message) { m.Body = "x" }), ""},
		"another algorithm than signed": {say("sha256", "sha512"), invalid},
		"an algorithm nobody knows":     {say("hmac-sha256", "rsa-sha256"), invalid},
		"an algorithm in capitals":      {say("hmac-sha256", "HMAC-SHA256"), invalid},
		"no algorithm":                  {say(`algorithm="hmac-sha256",`, ""), invalid},
		"no headers":                    {say(`headers="@request-target date x-h",`, ""), invalid},
		"spaces between parameters":     {say(`",`, `" , `), ""},
		"a parameter twice":             {say(`keyId="k",`, `keyId="k",keyId="k",`), invalid},
		"a parameter nobody knows":      {say(`keyId="k",`, `keyId="k",created=1,`), invalid},
		"a quote that does not end":     {say(`="k",`, `="k,`), invalid},
		"an escape":                     {say(`="k",`, `="\k",`), invalid},
		"a comma at the end":            {right.With("Authorization", ""), ""},
		"date not listed":               {s.Draft("hmac-sha256", post, signedAt, "@request-target"), invalid},
		"date not listed, no skew":      {dateless.Draft("hmac-sha256", post, signedAt, "@request-target"), "dateless"},
		"date of long ago, no skew":     {dateless.Draft("hmac-sha256", post, signedAt.AddDate(-9, 0, 0), "date"), "dateless"},
		"no date at all, no skew":       {noDate(dateless, post), "dateless"},
		"date at the end of the skew":   {s.Draft("hmac-sha256", post, signedAt.Add(-300*time.Second), "date"), ""},
		"date behind it":                {s.Draft("hmac-sha256", post, signedAt.Add(-301*time.Second), "date"), invalid},
		"two dates":                     {right.With("Date", signedAt.Format(http.TimeFormat)), invalid},
		"no date that can be read":      {s.Draft("hmac-sha256", post.With("Date", "today"), signedAt, "date"), invalid},
		"a header that is not there":    {s.Draft("hmac-sha256", post, signedAt, "date", "x-absent"), invalid},
		"a header listed twice":         {s.Draft("hmac-sha256", post, signedAt, "date", "x-h", "X-h"), invalid},
		"a header there twice":          {s.Draft("hmac-sha256", post.With("X-H", "v w"), signedAt, "date", "x-h"), invalid},
		"two spaces in the list":        {s.Draft("hmac-sha256", post, signedAt, "date", "", "x-h"), invalid},
		"a digest":                      {s.Draft("hmac-sha256", post.Digest(), signedAt, "date", "digest"), ""},
		"a digest that is not listed":   {s.Draft("hmac-sha256", post.Digest(), signedAt, "date"), invalid},
		"a digest of another body":      {s.Draft("hmac-sha256", otherBody(post.Digest()), signedAt, "date", "digest"), invalid},
		"a digest of a kind unknown":    {s.Draft("hmac-sha256", post.With("Digest", "MD5=abc"), signedAt, "date", "digest"), invalid},
		"several digests":               {s.Draft("hmac-sha256", post.With("Digest", "md5=x, "+value(post.Digest())), signedAt, "date", "digest"), ""},
		"the same kind twice":           {s.Draft("hmac-sha256", post.With("Digest", value(post.Digest())+","+value(post.Digest())), signedAt, "date", "digest"), invalid},
		"two digest lines":              {s.Draft("hmac-sha256", post.Digest().Digest(), signedAt, "date", "digest"), invalid},
		"a digest that is required":     {strict.Draft("hmac-sha1", post, signedAt, "date"), invalid},
		"required and not listed":       {strict.Draft("hmac-sha1", post.Digest(), signedAt, "date"), invalid},
	}.run(t, d)
}

func value(m gatewaytest.Message) string { return m.Headers[len(m.Headers)-1] }

func otherBody(m gatewaytest.Message) gatewaytest.Message {
	m.Body = "another body"
	return m
}

// noDate signs without any date.
func noDate(s gatewaytest.MACSigner, m gatewaytest.Message) gatewaytest.Message {
	m = s.Draft("hmac-sha256", m, signedAt, "host")
	m.Headers = append(m.Headers[:2:2], m.Headers[4:]...)
	return m
}

func TestASignatureServesOnce(t *testing.T) {
	d := newDesk()
	aksk := d.sign("aksk", `{"access_key":"a","clock_skew_seconds":60}`, "secret")
	dateless := d.sign("dateless", `{"access_key":"z","clock_skew_seconds":0}`, "secret")
	free := d.sign("free", `{"access_key":"f","replay_protection":false}`, "secret")
	late := signedAt.Add(60 * time.Second)
	m := aksk.AKSK(example, late, "host")
	for i, c := range []struct {
		at   time.Time
		want string
	}{
		{signedAt, "aksk"}, {signedAt, "replay_detected"}, {late, "replay_detected"}, {signedAt.Add(120*time.Second - time.Millisecond), "replay_detected"},
		{signedAt.Add(121 * time.Second), invalid},
	} {
		if got := d.verify(m, c.at); got != c.want {
			t.Errorf("use %d: %s, want %s", i, got, c.want)
		}
	}
	if got := d.verify(aksk.AKSK(example, signedAt, "host"), signedAt); got != "aksk" {
		t.Errorf("of another second: %s", got)
	}
	wrong := gatewaytest.MACSigner{AccessKey: "a", Secret: "wrong"}.AKSK(example, late.Add(time.Second), "host")
	if first, second := d.verify(wrong, late), d.verify(wrong, late); first != invalid || second != invalid {
		t.Errorf("a wrong one: %s, then %s: only one that is right is remembered", first, second)
	}
	twice := aksk.AKSK(example, late.Add(2*time.Second), "host")
	twice = twice.With("Authorization", value(twice))
	if got := d.verify(twice, late); got != "aksk" {
		t.Errorf("twice in one request: %s", got)
	}
	m = dateless.AKSK(example, signedAt.AddDate(-1, 0, 0), "host")
	if first, second, later := d.verify(m, signedAt), d.verify(m, signedAt.Add(10*time.Minute-1)), d.verify(m, signedAt.Add(10*time.Minute)); first != "dateless" || second != "replay_detected" || later != "dateless" {
		t.Errorf("without a skew ten minutes count: %s, %s, %s", first, second, later)
	}
	m = free.AKSK(example, signedAt, "host")
	if first, second := d.verify(m, signedAt), d.verify(m, signedAt); first != "free" || second != "free" {
		t.Errorf("without protection: %s, %s", first, second)
	}
}

func TestOfEqualRequestsAtOnceOnePasses(t *testing.T) {
	d := newDesk()
	s := d.sign("cred", `{"access_key":"k"}`, "secret")
	for round := range 50 {
		m := s.AKSK(example.With("x-round", fmt.Sprint(round)), signedAt, "x-round")
		var passed atomic.Int64
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				switch got := d.verify(m, signedAt); got {
				case "cred":
					passed.Add(1)
				case "replay_detected":
				default:
					t.Error(got)
				}
			})
		}
		callers.Wait()
		if passed.Load() != 1 {
			t.Fatalf("%d passed", passed.Load())
		}
	}
}
