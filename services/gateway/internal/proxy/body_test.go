package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// inBody places a credential in a body.
func inBody(name string, hide bool) func(*credential.Issued) {
	return func(d *credential.Issued) {
		d.Placement, d.HideCredentials = credential.Placement{In: "body", Name: name}, hide
	}
}

func TestAKeyInABody(t *testing.T) {
	w, up, header := open(t)
	shown := w.APIKey(t, "cred_shown", "acme", inBody("shown", false))
	hidden := w.APIKey(t, "cred_hidden", "acme", inBody("a key", true))
	w.Credential(t, "cred_own", "acme", inBody("own", true))
	own := "own key, 100% of 16+"
	w.Key(t, "cred_own", 1, own)
	g := gatewaytest.Start(t, w)
	for name, c := range map[string]struct {
		kind, body string
		status     int
		want       string // what upstream gets; empty: the body as it was
	}{
		"form":                          {formType, "a=1&shown=" + shown + "&b=%2f+", 200, ""},
		"form, of another case of type": {"Application/X-WWW-Form-Urlencoded ; charset=utf-8", "shown=" + shown, 200, ""},
		"form, hidden first":            {formType, "a+key=" + hidden + "&b=2&c", 200, "b=2&c"},
		"form, hidden middle":           {formType, "a=%41&&a%20key=" + hidden + "&c=", 200, "a=%41&&c="},
		"form, hidden last":             {formType, "a=%41&a+key=" + hidden, 200, "a=%41"},
		"form, hidden alone":            {formType, "a+key=" + hidden, 200, " "},
		"form, encoded":                 {formType, "own=" + url.QueryEscape(own) + "&x", 200, "x"},
		"form, twice":                   {formType, "shown=" + shown + "&shown=" + shown, 401, ""},
		"form, twice in two spellings":  {formType, "shown=" + shown + "&%73hown=", 401, ""},
		"form, wrong":                   {formType, "shown=" + header, 401, ""},
		"form, of another name":         {formType, "Shown=" + shown, 401, ""},
		"form, empty":                   {formType, "shown=", 401, ""},
		"form, in another's place":      {formType, "shown=" + hidden, 401, ""},
		"form as JSON":                  {jsonType, "shown=" + shown, 401, ""},
		"JSON":                          {jsonType, ` {"a": [1, {"shown": 2}], "shown" : "` + shown + `"}` + "\n", 200, ""},
		"JSON, hidden first":            {jsonType, `{ "a key": "` + hidden + `" , "b" :1.0, "c":{}}`, 200, `{ "b" :1.0, "c":{}}`},
		"JSON, hidden middle":           {jsonType, "{\n  \"b\": \"}\\\"\",\n  \"a key\": \"" + hidden + "\",\n  \"c\": null\n}", 200, "{\n  \"b\": \"}\\\"\",\n  \"c\": null\n}"},
		"JSON, hidden last":             {jsonType, `{"b":[{}],"a\u0020key":"` + hidden + `" }`, 200, `{"b":[{}] }`},
		"JSON, hidden alone":            {jsonType, ` { "a key":"` + hidden + `" } `, 200, ` {  } `},
		"JSON, with escapes":            {jsonType, `{"own":"own\u0020key, 100% of 16\u002b","é":"\u00e9"}`, 200, `{"é":"\u00e9"}`},
		"JSON, twice":                   {jsonType, `{"shown":"` + shown + `","shown":"` + shown + `"}`, 401, ""},
		"JSON, twice, once a number":    {jsonType, `{"shown":"` + shown + `","\u0073hown":1}`, 401, ""},
		"JSON, deeper":                  {jsonType, `{"x":{"shown":"` + shown + `"}}`, 401, ""},
		"JSON, in a list":               {jsonType, `[{"shown":"` + shown + `"}]`, 401, ""},
		"JSON, a number":                {jsonType, `{"shown":1}`, 401, ""},
		"JSON, broken":                  {jsonType, `{"shown":"` + shown + `"`, 401, ""},
		"JSON, with more behind":        {jsonType, `{"shown":"` + shown + `"}{}`, 401, ""},
		"text":                          {"text/plain", "shown=" + shown, 401, ""},
		"no type":                       {"", "shown=" + shown, 401, ""},
		"a form with files":             {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"shown\"\r\n\r\n" + shown + "\r\n--x--\r\n", 401, ""},
		"64 KiB":                        {formType, "shown=" + shown + "&x=" + strings.Repeat("x", 64<<10-len("shown=&x=")-len(shown)), 200, ""},
		"a byte more":                   {formType, "shown=" + shown + "&x=" + strings.Repeat("x", 64<<10-len("shown=&x=")-len(shown)+1), 401, ""},
	} {
		for _, chunked := range []bool{false, true} {
			m := gatewaytest.Message{Method: "POST", Target: "/pets/a", Host: "h", Body: c.body, Chunked: chunked}
			if c.kind != "" {
				m = m.With("Content-Type", c.kind)
			}
			calls := len(up.Heads())
			answer, body := g.Raw(t, m.Wire())
			if answer.StatusCode != c.status {
				t.Errorf("%s, chunked %v: %s %.200s", name, chunked, answer.Status, body)
				continue
			}
			if c.status != 200 {
				if n := len(up.Heads()); n != calls {
					t.Errorf("%s: upstream was called", name)
				}
				continue
			}
			want := c.want
			switch want {
			case "":
				want = c.body
			case " ":
				want = ""
			}
			if got := up.LastBody(t); got != want {
				t.Errorf("%s, chunked %v: upstream got %q, want %q", name, chunked, got, want)
			}
			if _, headers := up.Last(t); !chunked && gatewaytest.Values(headers, "Content-Length")[0] != fmt.Sprint(len(want)) {
				t.Errorf("%s: %q", name, headers)
			}
		}
	}
}

func TestABodyIsLookedAtOnlyWhenNothingElseHolds(t *testing.T) {
	w, up, key := open(t)
	inside := w.APIKey(t, "cred_body", "acme", inBody("k", true))
	g := gatewaytest.Start(t, w)
	for _, kind := range []string{formType, "multipart/form-data; boundary=x"} {
		c := g.Dial(t)
		before := len(up.Heads())
		fmt.Fprintf(c, "POST /pets HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\nk=", key, kind)
		gatewaytest.Eventually(t, "upstream hears of it before its end", func() bool { return len(up.Heads()) > before })
		_, _ = io.WriteString(c, inside+strings.Repeat("x", 98-len(inside)))
		if answer, body := gatewaytest.ReadAnswer(t, bufio.NewReader(c), "POST"); answer.StatusCode != 200 || !strings.HasPrefix(body, "k="+inside) {
			t.Errorf("%s %s", answer.Status, body)
		}
	}
	m := gatewaytest.Message{Method: "POST", Target: "/pets", Host: "h", Body: "k=" + inside + "&x"}.With("Content-Type", formType)
	if answer, _ := g.Raw(t, m.With("X-API-Key", "a wrong key").Wire()); answer.StatusCode != 200 || up.LastBody(t) != "x" {
		t.Errorf("beside a wrong key: %s", answer.Status)
	}
	if answer, _ := g.Raw(t, m.With("X-API-Key", key).Wire()); answer.StatusCode != 200 || up.LastBody(t) != m.Body {
		t.Errorf("beside another that holds: %s, upstream got %q", answer.Status, up.LastBody(t))
	}
	c := g.Dial(t)
	b := bufio.NewReader(c)
	_, _ = io.WriteString(c, m.With("Expect", "100-continue").Head())
	if line, err := b.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	_, _ = b.ReadString('\n')
	_, _ = io.WriteString(c, m.Body)
	if answer, _ := gatewaytest.ReadAnswer(t, b, "POST"); answer.StatusCode != 200 || up.LastBody(t) != "x" {
		t.Errorf("%s, upstream got %q", answer.Status, up.LastBody(t))
	}
	large := gatewaytest.Message{Method: "POST", Target: "/pets", Host: "h", Body: strings.Repeat("x", 300_000), Chunked: true}.With("Content-Type", formType, "X-API-Key", key)
	if answer, body := g.Raw(t, large.Wire()); answer.StatusCode != 200 || body != large.Body {
		t.Errorf("a large one: %s, %d bytes", answer.Status, len(body))
	}
	large.Headers = large.Headers[:2]
	if answer, _ := g.Raw(t, large.Wire()); answer.StatusCode != 401 {
		t.Errorf("a large one without a key: %s", answer.Status)
	}
}

func TestASignatureIsHiddenWhole(t *testing.T) {
	for _, scheme := range []string{"aksk", "signature", "rfc9421"} {
		for _, hide := range []bool{false, true} {
			w, up, _ := open(t)
			s := w.HMAC(t, "cred_mac", "acme", scheme, nil, func(d *credential.Issued) { d.HideCredentials = hide })
			g := gatewaytest.Start(t, w)
			m := post("").With("X-Other", "o")
			switch scheme {
			case "aksk":
				m = s.AKSK(m, now(), "host")
			case "signature":
				m = s.Draft("hmac-sha512", m, now(), "@request-target", "date")
			case "rfc9421":
				m = s.RFC9421("ours", m, now(), "", "@method", "@target-uri")
				m.Headers[3] = `first=("x"  "y");a , ` + m.Headers[3] + `, last=( )`
				m.Headers[5] = "first=:AAAA:,  " + m.Headers[5]
				m = m.With("signature", "last=:AAAA:")
			}
			if answer, body := g.Raw(t, m.Wire()); answer.StatusCode != 200 {
				t.Fatalf("%s: %s %s", scheme, answer.Status, body)
			}
			_, headers := up.Last(t)
			for i := 0; i < len(m.Headers); i += 2 {
				want := []string{m.Headers[i+1]}
				if hide {
					switch m.Headers[i] {
					case "Authorization":
						want = nil
					case "Signature-Input":
						want = []string{`first=("x"  "y");a , last=( )`}
					case "Signature":
						want = []string{"first=:AAAA:"}
					}
				}
				if m.Headers[i] == "signature" || m.Headers[i] == "Signature" && scheme == "rfc9421" {
					want = append(want[:1:1], "last=:AAAA:") // two lines of one name
					if m.Headers[i] == "signature" {
						continue
					}
				}
				if got := gatewaytest.Values(headers, m.Headers[i]); !slices.Equal(got, want) {
					t.Errorf("%s, hidden %v: %s is %q, want %q", scheme, hide, m.Headers[i], got, want)
				}
			}
		}
	}
}
