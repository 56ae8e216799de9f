package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
)

// open is a world with a recording upstream behind /pets and one subscriber.
func open(t *testing.T, change ...func(*catalog.Drafted)) (w *gatewaytest.World, up *gatewaytest.Recorder, key string) {
	t.Helper()
	w, up = gatewaytest.NewWorld(), gatewaytest.Record(t)
	w.Service(t, "pets", up.URL, change...)
	w.Consumer(t, "acme", func(d *consumer.Registered) { d.Labels = map[string]string{"custom_id": "customer 17"} })
	w.Subscribe(t, "sub_1", "acme", "pets")
	return w, up, w.APIKey(t, "cred_1", "acme")
}

func TestUpstreamHearsWhoCallsFromTheGatewayAlone(t *testing.T) {
	w, up, key := open(t)
	g := gatewaytest.Start(t, w)
	lies := ""
	for _, name := range []string{
		"X-Consumer-Id", "x-consumer-id", "X_Consumer_Id", "X.Consumer.Id", "X-CONSUMER_ID", "X-Consumer-Username", "X-Consumer-Custom-Id", "x_consumer.custom-id",
		"X-Credential-Identifier", "X_Credential_Identifier", "X-Subscription-Id", "X-Forwarded-For", "X_Forwarded_For", "X-Forwarded-Proto",
		"X-Forwarded-Host", "X-Forwarded-Port", "Forwarded", "X-Real-IP", "X-Request-Id", "X-Original-URL",
	} {
		lies += name + ": lie\r\n"
	}
	answer, _ := g.Raw(t, "GET /pets/a HTTP/1.1\r\nHost: Shop.example:8000\r\nX-API-Key: "+key+"\r\n"+lies+
		"Connection: keep-alive, X-Consumer-Id, X-Request-Id, X-Private, X-Forwarded-For\r\nX-Private: secret\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nProxy-Authorization: Basic x\r\nAccept: */*\r\n\r\n")
	line, headers := up.Last(t)
	if answer.StatusCode != 200 || line != "GET /a HTTP/1.1" {
		t.Fatalf("%s, %s", answer.Status, line)
	}
	for name, want := range map[string]string{
		"X-Consumer-Id": "acme", "X-Consumer-Username": "acme", "X-Consumer-Custom-Id": "customer 17", "X-Credential-Identifier": "cred_1",
		"X-Subscription-Id": "sub_1", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "Shop.example:8000",
		"X-Request-Id": answer.Header.Get("X-Request-Id"), "Host": strings.TrimPrefix(up.URL, "http://"), "Accept": "*/*", "X-API-Key": key,
	} {
		if got := gatewaytest.Values(headers, name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q once", name, got, want)
		}
	}
	if all := strings.Join(headers, "\n"); strings.Contains(all, "lie") || strings.Contains(all, "X-Private") || len(headers) != 12 {
		t.Errorf("upstream got\n%s", all)
	}
}

func TestHopByHopHeadersOfAnAnswerStayBehind(t *testing.T) {
	w, up, key := open(t)
	up.Answer = func(c net.Conn, _ *http.Request, _ []byte) {
		_, _ = io.WriteString(c, "HTTP/1.1 201 Made It\r\nconnection: keep-alive, X-Inner\r\nX-Inner: 1\r\nKeep-Alive: timeout=9\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\n"+
			"X-Request-Id: lie\r\nETag: \"x\"\r\nx-CaSe: Kept\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: a=2; Path=/b\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: inner\r\nContent-Length: 2\r\n\r\nok")
	}
	g := gatewaytest.Start(t, w)
	c := g.Dial(t)
	fmt.Fprintf(c, "GET /pets HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\nConnection: close\r\n\r\n", key)
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(all), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	if lines[0] != "HTTP/1.1 201 Made It" || body != "ok" {
		t.Errorf("%q", all)
	}
	for _, want := range []string{"ETag: \"x\"", "x-CaSe: Kept", "Set-Cookie: a=1; Path=/", "Set-Cookie: a=2; Path=/b", "Date: Thu, 01 Jan 1970 00:00:00 GMT", "Server: inner", "Content-Length: 2", "Connection: close"} {
		if !slices.Contains(lines, want) {
			t.Errorf("%q is not in\n%s", want, head)
		}
	}
	if len(gatewaytest.Values(lines, "X-Request-Id")) != 1 || strings.Contains(head, "lie") {
		t.Errorf("request ids in\n%s", head)
	}
	for _, name := range []string{"X-Inner", "Keep-Alive", "Proxy-Authenticate", "Upgrade"} {
		if got := gatewaytest.Values(lines, name); got != nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestTheCanonicalPathIsForwardedAndTheQueryIsUntouched(t *testing.T) {
	w, up, key := open(t)
	w.Service(t, "whole", up.URL+"/base", func(d *catalog.Drafted) { d.Routes[0].StripPrefix = false })
	w.Subscribe(t, "sub_2", "acme", "whole")
	g := gatewaytest.Start(t, w)
	for path, want := range map[string]string{
		"/pets":                               "/",
		"/pets/":                              "/",
		"/pets?":                              "/?",
		"/pets/%70ath/a%20b?q=%2F%2e&x=a+b&&": "/path/a%20b?q=%2F%2e&x=a+b&&",
		"//pets/./a/../b//c/":                 "/b/c/",
		"/%70ets/caf%c3%a9":                   "/caf%C3%A9",
		"/whole/a,b;c%2c":                     "/base/whole/a,b;c%2C",
		"/whole":                              "/base/whole",
		"http://any.host/pets/x?y":            "/x?y",
	} {
		answer, body := g.Raw(t, "GET "+path+" HTTP/1.1\r\nHost: h\r\nX-API-Key: "+key+"\r\n\r\n")
		line, _ := up.Last(t)
		if answer.StatusCode != 200 || line != "GET "+want+" HTTP/1.1" {
			t.Errorf("%s: %s %s, upstream got %q", path, answer.Status, body, line)
		}
	}
}

func TestAHiddenCredentialIsTakenOutAndNothingElse(t *testing.T) {
	w, up, _ := open(t)
	place := func(in, name string, hide bool) func(*credential.Issued) {
		return func(d *credential.Issued) {
			d.Placement, d.HideCredentials = credential.Placement{In: in, Name: name}, hide
		}
	}
	header := w.APIKey(t, "cred_h", "acme", place("header", "X-Hidden", true))
	query := w.APIKey(t, "cred_q", "acme", place("query", "key", true))
	cookie := w.APIKey(t, "cred_c", "acme", place("cookie", "session", true))
	shown := w.APIKey(t, "cred_s", "acme", place("query", "shown", false))
	auth := w.APIKey(t, "cred_a", "acme", place("header", "Authorization", true))
	g := gatewaytest.Start(t, w)
	for name, c := range map[string]struct {
		target, headers string
		line            string
		keep            []string
		gone            string
	}{
		"header":             {"/pets/a?x=1", "X-Hidden: " + header + "\r\nX-Other: o\r\n", "GET /a?x=1 HTTP/1.1", []string{"X-Other: o"}, header},
		"authorization":      {"/pets/a", "Authorization: ApiKey " + auth + "\r\n", "GET /a HTTP/1.1", nil, auth},
		"raw authorization":  {"/pets/a", "Authorization: " + auth + "\r\n", "GET /a HTTP/1.1", nil, auth},
		"bearer":             {"/pets/a", "Authorization: bearer " + auth + "\r\n", "GET /a HTTP/1.1", nil, auth},
		"query, middle":      {"/pets/a?x=%2f&key=" + query + "&y=a+b", "", "GET /a?x=%2f&y=a+b HTTP/1.1", nil, query},
		"query, first":       {"/pets/a?key=" + query + "&y", "", "GET /a?y HTTP/1.1", nil, query},
		"query, last":        {"/pets/a?&x=1&key=" + query, "", "GET /a?&x=1 HTTP/1.1", nil, query},
		"query, alone":       {"/pets/a?key=" + query, "", "GET /a HTTP/1.1", nil, query},
		"query, encoded":     {"/pets/a?x&%6Bey=%74" + query[1:], "", "GET /a?x HTTP/1.1", nil, query[1:]},
		"cookie, middle":     {"/pets/a", "Cookie: a=1; session=" + cookie + "; b=\"2\"\r\n", "GET /a HTTP/1.1", []string{"Cookie: a=1; b=\"2\""}, cookie},
		"cookie, first":      {"/pets/a", "Cookie: session=" + cookie + "; b=2\r\n", "GET /a HTTP/1.1", []string{"Cookie: b=2"}, cookie},
		"cookie, last":       {"/pets/a", "Cookie: b=2; session=" + cookie + "\r\n", "GET /a HTTP/1.1", []string{"Cookie: b=2"}, cookie},
		"cookie, alone":      {"/pets/a", "Cookie: session=" + cookie + "\r\n", "GET /a HTTP/1.1", nil, cookie},
		"not hidden":         {"/pets/a?shown=" + shown + "&b", "", "GET /a?shown=" + shown + "&b HTTP/1.1", nil, "-"},
		"the right one only": {"/pets/a?key=wrong&x", "X-Hidden: " + header + "\r\n", "GET /a?key=wrong&x HTTP/1.1", nil, header},
	} {
		t.Run(name, func(t *testing.T) {
			answer, body := g.Raw(t, "GET "+c.target+" HTTP/1.1\r\nHost: h\r\n"+c.headers+"\r\n")
			line, headers := up.Last(t)
			if answer.StatusCode != 200 || line != c.line {
				t.Fatalf("%s %s, upstream got %q", answer.Status, body, line)
			}
			for _, want := range c.keep {
				if !slices.Contains(headers, want) {
					t.Errorf("%q is not in %q", want, headers)
				}
			}
			if c.gone != "-" && strings.Contains(line+strings.Join(headers, "\n"), c.gone) {
				t.Errorf("the credential is in %q, %q", line, headers)
			}
			if c.keep == nil && len(gatewaytest.Values(headers, "Cookie")) > 0 {
				t.Errorf("an empty cookie is left: %q", headers)
			}
		})
	}
}

func TestWhatCanBeReadInTwoWaysIsRefused(t *testing.T) {
	w, up, key := open(t)
	g := gatewaytest.Start(t, w)
	auth := "X-API-Key: " + key + "\r\n"
	for name, request := range map[string]string{
		"two lengths":            "POST /pets HTTP/1.1\r\nHost: h\r\n" + auth + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"two equal lengths":      "POST /pets HTTP/1.1\r\nHost: h\r\n" + auth + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
		"length and chunks":      "POST /pets HTTP/1.1\r\nHost: h\r\n" + auth + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunks and length":      "POST /pets HTTP/1.1\r\nHost: h\r\n" + auth + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"another coding":         "POST /pets HTTP/1.1\r\nHost: h\r\n" + auth + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"two codings":            "POST /pets HTTP/1.1\r\nHost: h\r\n" + auth + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"identity":               "POST /pets HTTP/1.1\r\nHost: h\r\n" + auth + "Transfer-Encoding: identity\r\n\r\n",
		"a vertical tab coding":  "POST /pets HTTP/1.1\r\nHost: h\r\n" + auth + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
		"chunks in 1.0":          "POST /pets HTTP/1.0\r\nHost: h\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"space before the colon": "POST /pets HTTP/1.1\r\nHost: h\r\n" + auth + "Content-Length : 0\r\n\r\n",
		"a folded line":          "GET /pets HTTP/1.1\r\nHost: h\r\n" + auth + "X-A: b\r\n c\r\n\r\n",
		"a name with a space":    "GET /pets HTTP/1.1\r\nHost: h\r\n" + auth + "X A: b\r\n\r\n",
		"two hosts":              "GET /pets HTTP/1.1\r\nHost: h\r\nHost: i\r\n" + auth + "\r\n",
		"no host":                "GET /pets HTTP/1.1\r\n" + auth + "\r\n",
		"a signed length":        "POST /pets HTTP/1.1\r\nHost: h\r\n" + auth + "Content-Length: +1\r\n\r\na",
		"a bad host":             "GET /pets HTTP/1.1\r\nHost: h@i/\r\n" + auth + "\r\n",
		"no version":             "GET /pets\r\nHost: h\r\n" + auth + "\r\n",
		"a fragment":             "GET /pets#x HTTP/1.1\r\nHost: h\r\n" + auth + "\r\n",
		"a bad escape":           "GET /pets/%zz HTTP/1.1\r\nHost: h\r\n" + auth + "\r\n",
		"a control character":    "GET /pets/\x01 HTTP/1.1\r\nHost: h\r\n" + auth + "\r\n",
		"an asterisk":            "OPTIONS * HTTP/1.1\r\nHost: h\r\n" + auth + "\r\n",
		"a tunnel":               "CONNECT pets:443 HTTP/1.1\r\nHost: pets:443\r\n" + auth + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			answer, body := g.Raw(t, request)
			if answer.StatusCode != 400 || answer.Header.Get("Content-Type") != "application/problem+json" || answer.Header.Get("X-Request-Id") == "" {
				t.Errorf("%s, %s", answer.Status, body)
			}
		})
	}
	if heads := up.Heads(); len(heads) > 0 {
		t.Errorf("upstream got %q", heads)
	}
}

func TestARefusedBodyIsNeverTakenForTheNextRequest(t *testing.T) {
	w, up, key := open(t)
	g := gatewaytest.Start(t, w)
	smuggled := "GET /pets/smuggled HTTP/1.1\r\nHost: h\r\nX-API-Key: " + key + "\r\n\r\n"
	for _, framing := range []string{
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(smuggled), smuggled),
		fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled),
	} {
		c := g.Dial(t)
		fmt.Fprintf(c, "POST /pets HTTP/1.1\r\nHost: h\r\n%s", framing)
		b := bufio.NewReader(c)
		if answer, _ := gatewaytest.ReadAnswer(t, b, "POST"); answer.StatusCode != 401 {
			t.Fatal(answer.Status)
		}
		fmt.Fprintf(c, "GET /pets/next HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\n\r\n", key)
		if answer, _ := gatewaytest.ReadAnswer(t, b, "GET"); answer.StatusCode != 200 {
			t.Fatal(answer.Status)
		}
		if line, _ := up.Last(t); line != "GET /next HTTP/1.1" {
			t.Errorf("upstream got %q", line)
		}
	}
}

// A server that uses its buffers again gives every string that was kept another
// content: so nothing may be kept. Calls of different consumers share few
// connections here, with names of equal length, and each must be seen as itself
// by upstream and by whoever observes.
func TestNothingOfARequestOutlivesIt(t *testing.T) {
	w, up := gatewaytest.NewWorld(), gatewaytest.Record(t)
	up.Answer = func(c net.Conn, r *http.Request, _ []byte) {
		body := r.Header.Get("X-Consumer-Id") + r.URL.Path + r.Header.Get("X-Forwarded-Host")
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	const many = 20
	keys := make([]string, many)
	for i := range many {
		service, consumerID := fmt.Sprintf("svc%02d", i), fmt.Sprintf("con%02d", i)
		w.Service(t, service, up.URL, func(d *catalog.Drafted) { d.Plans[0].Rate = &consumer.Rate{Requests: 1000, PerSeconds: 1} })
		w.Consumer(t, consumerID)
		w.Subscribe(t, fmt.Sprintf("sub%02d", i), consumerID, service)
		keys[i] = w.APIKey(t, fmt.Sprintf("cred%02d", i), consumerID)
	}
	g := gatewaytest.Start(t, w)
	var clients sync.WaitGroup
	for client := range 4 {
		clients.Go(func() {
			c := g.Dial(t)
			b := bufio.NewReader(c)
			for n := range 200 {
				i := (client*7 + n*3) % many
				fmt.Fprintf(c, "GET /svc%02d/p%03d HTTP/1.1\r\nHost: host%02d\r\nX-API-Key: %s\r\n\r\n", i, n, i, keys[i])
				answer, body := gatewaytest.ReadAnswer(t, b, "GET")
				if want := fmt.Sprintf("con%02d/p%03dhost%02d", i, n, i); answer.StatusCode != 200 || body != want {
					t.Errorf("%s %q, want %q", answer.Status, body, want)
				}
			}
		})
	}
	clients.Wait()
	calls := map[string]int{}
	for _, o := range g.Observed() {
		calls[o.Service]++
	}
	for i := range many {
		if calls[fmt.Sprintf("svc%02d", i)] != 4*200/many {
			t.Fatalf("observed %v", calls)
		}
	}
}

var planRate = &consumer.Rate{Requests: 3, PerSeconds: 60}
