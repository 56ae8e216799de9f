package extauthz_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
)

// dial opens a connection as Envoy does.
func dial(t *testing.T, g *gatewaytest.Gateway) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient(g.EnvoyAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// envoy is what Envoy asks about a message. Each line of the header is told by
// itself, as with encode_raw_headers.
func envoy(m gatewaytest.Message, change ...func(*auth.AttributeContext)) *auth.CheckRequest {
	q := &auth.AttributeContext_HttpRequest{
		Method: m.Method, Path: m.Target, Host: m.Host, Scheme: "https", Protocol: "HTTP/1.1", RawBody: []byte(m.Body),
		HeaderMap: &core.HeaderMap{Headers: []*core.HeaderValue{{Key: ":path", RawValue: []byte(m.Target)}}},
	}
	for i := 0; i < len(m.Headers); i += 2 {
		q.HeaderMap.Headers = append(q.HeaderMap.Headers, &core.HeaderValue{Key: strings.ToLower(m.Headers[i]), RawValue: []byte(m.Headers[i+1])})
	}
	if m.Body != "" {
		q.HeaderMap.Headers = append(q.HeaderMap.Headers, &core.HeaderValue{Key: "content-length", RawValue: fmt.Append(nil, len(m.Body))})
	}
	of := &auth.AttributeContext{
		Source:  &auth.AttributeContext_Peer{Address: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{Address: "127.0.0.1"}}}},
		Request: &auth.AttributeContext_Request{Http: q},
	}
	for _, c := range change {
		c(of)
	}
	return &auth.CheckRequest{Attributes: of}
}

func check(t *testing.T, c *grpc.ClientConn, asked *auth.CheckRequest) *auth.CheckResponse {
	t.Helper()
	answer, err := auth.NewAuthorizationClient(c).Check(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// status answers the HTTP status that an answer comes to.
func status(a *auth.CheckResponse) int {
	if a.GetStatus().GetCode() == int32(codes.OK) && a.GetOkResponse() != nil {
		return http.StatusOK
	}
	return int(a.GetDeniedResponse().GetStatus().GetCode())
}

func values(options []*core.HeaderValueOption) map[string]string {
	all := map[string]string{}
	for _, o := range options {
		name := strings.ToLower(o.Header.Key)
		if _, twice := all[name]; twice || o.AppendAction != core.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			all[name] = "not once"
			continue
		}
		all[name] = o.Header.Value
	}
	return all
}

func TestEnvoyIsToldTheDecisionOfTheDataPath(t *testing.T) {
	scene := gatewaytest.Play(t)
	c := dial(t, scene.Gateway)
	for _, call := range scene.Calls() {
		t.Run(call.Name, func(t *testing.T) {
			answer, body := scene.Gateway.Raw(t, call.Message.Wire())
			again := call.Again() // a signature serves once
			told := check(t, c, envoy(again))
			if answer.StatusCode != call.Status || status(told) != call.Status {
				t.Fatalf("the data path says %d (%s), Envoy is told %v, want %d", answer.StatusCode, body, told, call.Status)
			}
			if call.Status == http.StatusOK {
				set := values(told.GetOkResponse().GetHeaders())
				_, lines := scene.Upstream.Last(t)
				for _, name := range []string{
					"x-consumer-id", "x-consumer-username", "x-consumer-custom-id", "x-credential-identifier", "x-subscription-id", "x-token-scopes",
					"x-forwarded-for", "x-forwarded-host",
				} {
					if want := strings.Join(gatewaytest.Values(lines, name), "|"); set[name] != want {
						t.Errorf("%s: %q, and upstream of the data path gets %q", name, set[name], want)
					}
				}
				if len(set["x-request-id"]) != 36 || set["x-request-id"] != values(told.GetOkResponse().GetResponseHeadersToAdd())["x-request-id"] {
					t.Errorf("request ids: %v", set)
				}
				return
			}
			denied := told.GetDeniedResponse()
			headers := values(denied.GetHeaders())
			var ofData, ofEnvoy map[string]any
			if json.Unmarshal([]byte(body), &ofData) != nil || json.Unmarshal([]byte(denied.GetBody()), &ofEnvoy) != nil {
				t.Fatalf("not JSON: %s, %s", body, denied.GetBody())
			}
			if ofEnvoy["code"] != call.Code || ofEnvoy["request_id"] != headers["x-request-id"] || told.GetStatus().GetCode() == int32(codes.OK) {
				t.Errorf("told %s, %v", denied.GetBody(), headers)
			}
			delete(ofData, "request_id")
			delete(ofEnvoy, "request_id")
			if !maps.Equal(ofData, ofEnvoy) {
				t.Errorf("the data path says %v, Envoy is told %v", ofData, ofEnvoy)
			}
			for _, name := range []string{"WWW-Authenticate", "Allow", "Content-Type"} {
				if want := strings.Join(answer.Header.Values(name), ", "); headers[strings.ToLower(name)] != want {
					t.Errorf("%s: %q, want %q", name, headers[strings.ToLower(name)], want)
				}
			}
		})
	}
}

func TestLimitsAreToldAndCountTogetherWithTheDataPath(t *testing.T) {
	scene := gatewaytest.Play(t)
	c := dial(t, scene.Gateway)
	m := scene.Get("X-API-Key", scene.Limited)
	if first := check(t, c, envoy(m)); status(first) != 200 || values(first.GetOkResponse().GetResponseHeadersToAdd())["ratelimit-policy"] != `"consumer";q=2;w=3600` ||
		!strings.HasPrefix(values(first.GetOkResponse().GetResponseHeadersToAdd())["ratelimit"], `"consumer";r=1;t=`) {
		t.Fatalf("the first of two: %v", first)
	}
	if answer, body := scene.Gateway.Raw(t, m.Wire()); answer.StatusCode != 200 {
		t.Fatalf("the second of two: %d %s", answer.StatusCode, body)
	}
	third := check(t, c, envoy(m))
	told := values(third.GetDeniedResponse().GetHeaders())
	if status(third) != 429 || told["retry-after"] == "" || !strings.HasPrefix(told["ratelimit"], `"consumer";r=0;t=`) {
		t.Errorf("the third of two: %v", third)
	}
}

func TestAClientsOwnWordsAboutItselfAreTakenOut(t *testing.T) {
	scene := gatewaytest.Play(t)
	m := scene.Get("X-API-Key", scene.Key, "X-Consumer-Id", "lie", "x_consumer_id", "lie", "X.Credential.Identifier", "lie", "X-Forwarded-Host", "lie",
		"X-Real-Ip", "1.2.3.4", "X-Token-Scopes", "all", "X-Forwarded-Client-Cert", "Envoy's own", "X-Custom", "stays")
	ok := check(t, dial(t, scene.Gateway), envoy(m)).GetOkResponse()
	if want := []string{"x-real-ip", "x-token-scopes", "x.credential.identifier", "x_consumer_id"}; !slices.Equal(ok.GetHeadersToRemove(), want) {
		t.Errorf("removed %q, want %q", ok.GetHeadersToRemove(), want)
	}
	set := values(ok.GetHeaders()) // what is removed is removed after what is set
	if set["x-consumer-id"] != "acme" || set["x-forwarded-host"] != "api.example.com" || set["x-forwarded-proto"] != "https" {
		t.Errorf("set %v", set)
	}
}

func TestCredentialsAreHidden(t *testing.T) {
	w := gatewaytest.NewWorld()
	w.Service(t, "pets", "http://127.0.0.1:1")
	w.Consumer(t, "acme")
	w.Subscribe(t, "sub_1", "acme", "pets")
	hidden := func(in, name string) func(*credential.Issued) {
		return func(d *credential.Issued) {
			d.Placement, d.HideCredentials = credential.Placement{In: in, Name: name}, true
		}
	}
	inHeader, inQuery, inCookie := w.APIKey(t, "cred_h", "acme", hidden("header", "X-My-Key")), w.APIKey(t, "cred_q", "acme", hidden("query", "my key")), w.APIKey(t, "cred_c", "acme", hidden("cookie", "k"))
	shown := w.APIKey(t, "cred_s", "acme")
	s := w.HMAC(t, "cred_m", "acme", "rfc9421", nil, func(d *credential.Issued) { d.HideCredentials = true })
	c := dial(t, gatewaytest.Start(t, w))
	at := func(target string, headers ...string) gatewaytest.Message {
		return gatewaytest.Message{Method: "GET", Target: target, Host: "api.example.com", Headers: headers}
	}
	signed := s.RFC9421("ours", at("/pets"), time.Now(), "", "@method", "@target-uri")
	for i := 0; i < len(signed.Headers); i += 2 {
		switch signed.Headers[i] {
		case "Signature":
			signed.Headers[i+1] = "theirs=:AAAA:, " + signed.Headers[i+1]
		case "Signature-Input":
			signed.Headers[i+1] = `theirs=("@method");keyid="x", ` + signed.Headers[i+1]
		}
	}
	for name, call := range map[string]struct {
		message gatewaytest.Message
		removed []string
		set     map[string]string
		query   []string
	}{
		"a header":                        {at("/pets", "X-My-Key", inHeader), []string{"x-my-key"}, nil, nil},
		"a header beside another value":   {at("/pets", "X-My-Key", inHeader, "X-My-Key", "other"), nil, map[string]string{"x-my-key": "other"}, nil},
		"a pair of the query, as written": {at("/pets?a=1&my%20key=" + inQuery + "&b"), nil, nil, []string{"my%20key"}},
		"the only cookie":                 {at("/pets", "Cookie", "k="+inCookie), []string{"cookie"}, nil, nil},
		"a cookie among others":           {at("/pets", "Cookie", "a=1; k="+inCookie+"; b=2"), nil, map[string]string{"cookie": "a=1; b=2"}, nil},
		"a signature among others":        {signed, nil, map[string]string{"signature": "theirs=:AAAA:", "signature-input": `theirs=("@method");keyid="x"`}, nil},
		"what is not to be hidden":        {at("/pets", "X-API-Key", shown), nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			answer := check(t, c, envoy(call.message))
			ok := answer.GetOkResponse()
			if ok == nil || !slices.Equal(ok.GetHeadersToRemove(), call.removed) || !slices.Equal(ok.GetQueryParametersToRemove(), call.query) {
				t.Fatalf("told %v", answer)
			}
			set := values(ok.GetHeaders())
			for _, name := range []string{"x-my-key", "cookie", "signature", "signature-input", ":path"} {
				if set[name] != call.set[name] {
					t.Errorf("%s is set to %q, want %q", name, set[name], call.set[name])
				}
			}
		})
	}
}

func TestBodiesThatEnvoySends(t *testing.T) {
	w := gatewaytest.NewWorld()
	w.Service(t, "pets", "http://127.0.0.1:1")
	w.Consumer(t, "acme")
	w.Subscribe(t, "sub_1", "acme", "pets")
	key := w.APIKey(t, "cred_b", "acme", func(d *credential.Issued) { d.Placement = credential.Placement{In: "body", Name: "key"} })
	s := w.HMAC(t, "cred_m", "acme", "aksk", nil)
	g := gatewaytest.Start(t, w, func(set *gatewaytest.Setup) { set.SignedBodyLimit = 100 })
	c := dial(t, g)
	sign := func(body string) gatewaytest.Message {
		return s.AKSK(gatewaytest.Message{Method: "POST", Target: "/pets/" + fmt.Sprint(time.Now().UnixNano()), Host: "api.example.com", Body: body}, time.Now(), "host")
	}
	http1 := func(change func(q *auth.AttributeContext_HttpRequest)) func(*auth.AttributeContext) {
		return func(of *auth.AttributeContext) { change(of.Request.Http) }
	}
	header := func(q *auth.AttributeContext_HttpRequest, name, value string) {
		q.HeaderMap.Headers = append(q.HeaderMap.Headers, &core.HeaderValue{Key: name, Value: value})
	}
	unsized := func(q *auth.AttributeContext_HttpRequest) {
		q.HeaderMap.Headers = slices.DeleteFunc(q.HeaderMap.Headers, func(h *core.HeaderValue) bool { return h.Key == "content-length" })
	}
	for name, call := range map[string]struct {
		message gatewaytest.Message
		change  func(q *auth.AttributeContext_HttpRequest)
		status  int
	}{
		"the whole of it":             {sign("a body"), func(*auth.AttributeContext_HttpRequest) {}, 200},
		"as text":                     {sign("a body"), func(q *auth.AttributeContext_HttpRequest) { q.Body, q.RawBody = "a body", nil }, 200},
		"another":                     {sign("a body"), func(q *auth.AttributeContext_HttpRequest) { q.RawBody = []byte("a lie!") }, 401},
		"not sent":                    {sign("a body"), func(q *auth.AttributeContext_HttpRequest) { q.RawBody = nil }, 401},
		"its beginning":               {sign("a body"), func(q *auth.AttributeContext_HttpRequest) { q.RawBody = []byte("a b") }, 413},
		"more than was announced":     {sign("a body"), func(q *auth.AttributeContext_HttpRequest) { q.RawBody = []byte("a body of evil") }, 400},
		"larger than may be signed":   {sign(strings.Repeat("x", 101)), func(*auth.AttributeContext_HttpRequest) {}, 413},
		"in chunks":                   {sign("a body"), func(q *auth.AttributeContext_HttpRequest) { unsized(q); header(q, "transfer-encoding", "chunked") }, 200},
		"in chunks, its beginning":    {sign("a body"), func(q *auth.AttributeContext_HttpRequest) { unsized(q); header(q, "x-envoy-auth-partial-body", "true") }, 413},
		"none":                        {sign(""), func(*auth.AttributeContext_HttpRequest) {}, 200},
		"none, of HTTP/2, announced":  {sign(""), func(q *auth.AttributeContext_HttpRequest) { q.Protocol = "HTTP/2"; header(q, "content-length", "0") }, 200},
		"perhaps one that is unseen":  {sign(""), func(q *auth.AttributeContext_HttpRequest) { q.Protocol = "HTTP/2" }, 401},
		"a size that is no number":    {sign(""), func(q *auth.AttributeContext_HttpRequest) { header(q, "content-length", "x") }, 400},
		"a key in it":                 {gatewaytest.Message{Method: "POST", Target: "/pets", Host: "a", Headers: []string{"Content-Type", "application/json"}, Body: `{"key":"` + key + `"}`}, func(*auth.AttributeContext_HttpRequest) {}, 200},
		"a key in it, and not sent":   {gatewaytest.Message{Method: "POST", Target: "/pets", Host: "a", Headers: []string{"Content-Type", "application/json"}, Body: `{"key":"` + key + `"}`}, func(q *auth.AttributeContext_HttpRequest) { q.RawBody = nil }, 401},
		"a key in an unfinished body": {gatewaytest.Message{Method: "POST", Target: "/pets", Host: "a", Headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, Body: "key=" + key + "&x"}, func(q *auth.AttributeContext_HttpRequest) { q.RawBody = q.RawBody[:len(q.RawBody)-2] }, 401},
	} {
		t.Run(name, func(t *testing.T) {
			if told := check(t, c, envoy(call.message, http1(call.change))); status(told) != call.status {
				t.Errorf("told %v, want %d", told, call.status)
			}
		})
	}
}

func TestWhatCannotBeReadIsRefusedAndNotAnsweredWithAFault(t *testing.T) {
	scene := gatewaytest.Play(t)
	c := dial(t, scene.Gateway)
	m := scene.Get("X-API-Key", scene.Key)
	of := func(change func(q *auth.AttributeContext_HttpRequest)) *auth.CheckRequest {
		return envoy(m, func(of *auth.AttributeContext) { change(of.Request.Http) })
	}
	for name, asked := range map[string]*auth.CheckRequest{
		"nothing":           {},
		"no HTTP":           {Attributes: &auth.AttributeContext{}},
		"no method":         of(func(q *auth.AttributeContext_HttpRequest) { q.Method = "" }),
		"no host":           of(func(q *auth.AttributeContext_HttpRequest) { q.Host = "" }),
		"no path":           of(func(q *auth.AttributeContext_HttpRequest) { q.Path = "" }),
		"a fragment":        of(func(q *auth.AttributeContext_HttpRequest) { q.Fragment = "x" }),
		"a line in a value": of(func(q *auth.AttributeContext_HttpRequest) { q.HeaderMap.Headers[1].RawValue = []byte("a\r\nb: c") }),
		"a name with space": of(func(q *auth.AttributeContext_HttpRequest) { q.HeaderMap.Headers[1].Key = "x api" }),
	} {
		t.Run(name, func(t *testing.T) {
			if told := check(t, c, asked); status(told) != 400 {
				t.Errorf("told %v", told)
			}
		})
	}
	joined := of(func(q *auth.AttributeContext_HttpRequest) {
		q.HeaderMap, q.Headers = nil, map[string]string{":authority": "x", "x-api-key": scene.Key}
	})
	if told := check(t, c, joined); status(told) != 200 {
		t.Errorf("headers that are not raw: %v", told)
	}
	asked := of(func(q *auth.AttributeContext_HttpRequest) { q.Path, q.Query = "/x/..//pets/%2e/1", "a=%2e" })
	if path := values(check(t, c, asked).GetOkResponse().GetHeaders())[":path"]; path != "/pets/1?a=%2e" {
		t.Errorf("upstream gets %q, which is not what was decided on", path)
	}
}

func TestItSaysHowItStandsAndDrains(t *testing.T) {
	scene := gatewaytest.Play(t)
	c := dial(t, scene.Gateway)
	for _, service := range []string{"", "envoy.service.auth.v3.Authorization"} {
		gatewaytest.Eventually(t, "it says that it serves", func() bool {
			answer, err := healthpb.NewHealthClient(c).Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
			return err == nil && answer.Status == healthpb.HealthCheckResponse_SERVING
		})
	}
	watch, err := healthpb.NewHealthClient(c).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := watch.Recv(); err != nil || first.Status != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("%v %v", first, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_ = scene.Gateway.Envoy.Shutdown(ctx) // the watch is open until it is cut off
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if last, err := watch.Recv(); err != nil || last.Status != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("who watches is not told: %v %v", last, err)
	}
	if _, err := auth.NewAuthorizationClient(c).Check(t.Context(), envoy(scene.Get())); err == nil {
		t.Error("it still answers")
	}
}
