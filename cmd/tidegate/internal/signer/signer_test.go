package signer_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/signer"
)

func TestTheWorkedExampleOfTheContract(t *testing.T) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://api.example.com/hello?a=1&b=2", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	at := time.Date(2020, 9, 24, 6, 39, 52, 0, time.UTC)
	if err := signer.AKSK(r, "my-access-key", "my-secret-key", at, "content-type"); err != nil {
		t.Fatal(err)
	}
	want := "HMAC-SHA256 Access=my-access-key, SignedHeaders=content-type;host;x-gateway-date, Signature=0243e4fc34cf180a3c8fa3f6e99d339ccb8b99b3ebd7b9814e5c28f2468c9cc3"
	if got := r.Header.Get("Authorization"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if date := r.Header.Get("X-Gateway-Date"); !strings.HasPrefix(date, "20200924T") {
		t.Error(date)
	}
}
