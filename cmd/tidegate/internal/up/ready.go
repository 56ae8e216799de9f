package up

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Ready is the ready line: where everything is, and how to come in.
type Ready struct {
	Ready           bool   `json:"ready"`
	ManagementURL   string `json:"management_url"`
	GatewayURL      string `json:"gateway_url"`
	GatewayAdminURL string `json:"gateway_admin_url"`
	ExtAuthzAddress string `json:"ext_authz_address,omitempty"`
	NATSURL         string `json:"nats_url"`
	AdminToken      string `json:"admin_token"`
	DataDir         string `json:"data_dir"`
}

// Line writes the ready line.
func (r Ready) Line(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// stateFile tells other commands on this machine where `up` listens. It holds
// no token: they make their own with the directory's key.
const stateFile = "up.json"

func (r Ready) save() error {
	r.AdminToken = ""
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	path := filepath.Join(r.DataDir, stateFile)
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return fmt.Errorf("say where it listens: %w", err)
	}
	return os.Rename(path+".new", path)
}

// Read answers where the `up` that runs on a data directory listens; nil when
// none runs there.
func Read(dataDir string) *Ready {
	content, err := os.ReadFile(filepath.Join(dataDir, stateFile))
	if err != nil || !locked(dataDir) {
		return nil
	}
	var r Ready
	if json.Unmarshal(content, &r) != nil {
		return nil
	}
	return &r
}

// locked says whether a process holds the data directory.
func locked(dataDir string) bool {
	file, err := os.Open(filepath.Join(dataDir, "lock"))
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	return errors.Is(syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
