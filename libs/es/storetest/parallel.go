package storetest

import (
	"errors"
	"sync"
	"testing"
)

// must answers a value that is there unless there is an error.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		noError(t, err)
		return v
	}
}

// atOnce runs functions at the same time and answers their errors in order.
func atOnce(all ...func() error) []error {
	errs := make([]error, len(all))
	start := make(chan struct{})
	var running sync.WaitGroup
	for i, f := range all {
		running.Go(func() {
			<-start
			errs[i] = f()
		})
	}
	close(start)
	running.Wait()
	return errs
}

// oneWins demands that exactly one had no error and the others had want.
func oneWins(t testing.TB, errs []error, want error) {
	t.Helper()
	winners := 0
	for _, err := range errs {
		switch {
		case err == nil:
			winners++
		case !errors.Is(err, want):
			t.Fatalf("who did not win was told %v, not %v", err, want)
		}
	}
	if winners != 1 {
		t.Fatalf("%d won, not one", winners)
	}
}
