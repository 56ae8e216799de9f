package upstream_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/services/gateway/internal/upstream"
)

func TestConnectionsAreToldByWhatTheyDo(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer up.Close()
	var set upstream.Set
	get := func(url string) *upstream.Conn {
		c, _ := set.Pick([]catalog.Upstream{{URL: url, Weight: 1}}, nil, time.Now()).Get(time.Second)
		return c
	}
	first, second := get(up.URL), get(up.URL)
	first.Release()
	if again := get(up.URL); !again.Reused {
		t.Fatal("a connection that was released is not used again")
	} else {
		again.Release()
	}
	_ = second.Close()
	_ = second.Close()
	if get("http://127.0.0.1:1") != nil {
		t.Fatal("nobody listens there")
	}
	_ = get(up.URL)
	third := get(up.URL)
	third.Release()
	want := `
# HELP tidegate_gateway_upstream_connections Connections to upstreams that are open: busy with an exchange, or idle.
# TYPE tidegate_gateway_upstream_connections gauge
tidegate_gateway_upstream_connections{state="busy"} 1
tidegate_gateway_upstream_connections{state="idle"} 1
# HELP tidegate_gateway_upstream_dials_total Connections to upstreams that were dialled, by outcome: ok or failed.
# TYPE tidegate_gateway_upstream_dials_total counter
tidegate_gateway_upstream_dials_total{outcome="failed"} 1
tidegate_gateway_upstream_dials_total{outcome="ok"} 3
# HELP tidegate_gateway_upstream_reuses_total Times that an exchange got a connection that had carried another one.
# TYPE tidegate_gateway_upstream_reuses_total counter
tidegate_gateway_upstream_reuses_total 2
`
	if err := testutil.CollectAndCompare(&set, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}
