package embedded

import (
	"reflect"
	"testing"

	"github.com/nats-io/nats-server/v2/conf"
)

// TestReadersMayDoTheSameInACluster compares the two configurations; what they
// permit is tried in bustest.
func TestReadersMayDoTheSameInACluster(t *testing.T) {
	for _, user := range []string{"CONSUMER", "CREDENTIAL", "CATALOG", "SUBSCRIPTION", "PORTAL", "GATEWAY", "READER"} {
		t.Setenv("NATS_"+user+"_PASSWORD", "secret")
	}
	deployed, err := conf.ParseFile("../../../deploy/nats/accounts.conf")
	if err != nil {
		t.Fatal(err)
	}
	here, err := conf.Parse(settings("internal", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	at := func(config map[string]any, path ...string) any {
		var found any = config
		for _, name := range path {
			found = found.(map[string]any)[name]
		}
		if found == nil {
			t.Fatalf("%v is not there", path)
		}
		return found
	}
	for _, path := range [][]string{{"accounts", "EVENTS"}, {"accounts", "TIDEGATE", "exports"}} {
		if want, got := at(deployed, path...), at(here, path...); !reflect.DeepEqual(want, got) {
			t.Errorf("%v: a cluster has\n%v\nand the embedded server\n%v", path, want, got)
		}
	}
}
