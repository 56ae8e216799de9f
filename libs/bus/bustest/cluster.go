package bustest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// Users are those of deploy/nats/accounts.conf.
var Users = []string{"consumer", "credential", "catalog", "subscription", "portal", "gateway", "reader"}

// Cluster is a nats-server cluster on deploy/nats: real processes, accounts and
// permissions.
type Cluster struct {
	t         testing.TB
	nodes     []*process
	passwords map[string]string
}

// NewCluster starts a cluster that ends with the test, and returns once streams
// can be made in it.
func NewCluster(t testing.TB, size int) *Cluster {
	t.Helper()
	libs, err := output("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tidegate-io/tidegate/libs")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{t: t, passwords: map[string]string{}}
	env := []string{"NATS_ROUTE_PASSWORD=" + c.password("route")}
	for _, user := range Users {
		env = append(env, "NATS_"+strings.ToUpper(user)+"_PASSWORD="+c.password(user))
	}
	var routes []string
	among := make([]string, size)
	for i := range size {
		among[i] = FreeAddress(t)
		routes = append(routes, fmt.Sprintf("nats://route:%s@%s", c.password("route"), among[i]))
	}
	env = append(env, "NATS_ROUTES=["+strings.Join(routes, ", ")+"]")
	for i := range size {
		dir := t.TempDir()
		node := &process{t: t, config: filepath.Join(libs, "..", "deploy", "nats", "server.conf"), log: filepath.Join(dir, "server.log"), address: FreeAddress(t)}
		node.env = append(slices.Clip(env),
			fmt.Sprintf("NATS_SERVER_NAME=nats-%d", i+1),
			"NATS_LISTEN="+node.address,
			"NATS_CLUSTER_LISTEN="+among[i],
			"NATS_STORE_DIR="+filepath.Join(dir, "jetstream"))
		c.nodes = append(c.nodes, node)
		t.Cleanup(node.kill)
	}
	for _, node := range c.nodes {
		node.start()
	}
	c.Await()
	return c
}

func (c *Cluster) password(user string) string {
	if c.passwords[user] == "" {
		c.passwords[user] = "p" + rand.Text()
	}
	return c.passwords[user]
}

// URL answers the addresses of all nodes, for one of Users.
func (c *Cluster) URL(user string) string {
	all := make([]string, len(c.nodes))
	for i := range c.nodes {
		all[i] = c.NodeURL(i, user)
	}
	return strings.Join(all, ",")
}

// NodeURL answers the address of one node, from 0, for one of Users.
func (c *Cluster) NodeURL(node int, user string) string {
	return fmt.Sprintf("nats://%s:%s@%s", user, c.password(user), c.nodes[node].address)
}

// Kill ends a node as a crash does.
func (c *Cluster) Kill(node int) { c.nodes[node].kill() }

// Start starts a node again on what it had on disk, and does not wait for it.
func (c *Cluster) Start(node int) {
	c.t.Helper()
	c.nodes[node].kill()
	c.nodes[node].start()
}

// Restart starts a node again on what it had on disk, and returns once it takes
// connections.
func (c *Cluster) Restart(node int) {
	c.t.Helper()
	c.Start(node)
	c.Await()
}

// Await returns once the running nodes have a leader that answers each of them.
func (c *Cluster) Await() {
	c.t.Helper()
	var err error
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		err = nil
		for i, node := range c.nodes {
			if node.running != nil {
				err = errors.Join(err, c.usable(i))
			}
		}
		if err == nil {
			return
		}
	}
	for _, node := range c.nodes {
		log, _ := os.ReadFile(node.log)
		c.t.Logf("%s:\n%s", node.address, log)
	}
	c.t.Fatalf("the cluster is not usable: %v", err)
}

// usable asks a node about a stream that does not exist: only a cluster with a
// leader can say so.
func (c *Cluster) usable(node int) error {
	nc, err := nats.Connect(c.NodeURL(node, "consumer"), nats.Timeout(time.Second), nats.CustomInboxPrefix("_INBOX_consumer"))
	if err != nil {
		return err
	}
	defer nc.Close()
	answer, err := nc.Request("$JS.API.STREAM.INFO.REBUILD_TIDEGATE_CONSUMER", nil, time.Second)
	if err == nil && !strings.Contains(string(answer.Data), "10059") && !strings.Contains(string(answer.Data), `"config"`) {
		err = fmt.Errorf("JetStream: %s", answer.Data)
	}
	return err
}
