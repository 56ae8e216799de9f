package app_test

import (
	"slices"
	"testing"

	"github.com/tidegate-io/tidegate/libs/app"
)

func TestVariablesAreThoseThatAreRead(t *testing.T) {
	names := app.Variables()
	for _, name := range []string{"TIDEGATE_NATS_URL", "TIDEGATE_NATS_URL_FILE", "TIDEGATE_LISTEN", "TIDEGATE_CREDENTIAL_URL", "TIDEGATE_KEYRING_DRIVER", "TIDEGATE_KEYRING_TRANSIT_TOKEN_FILE"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing: %v", name, names)
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("they are not in order, or one is there twice: %v", names)
	}
}
