package projection

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidegate-io/tidegate/services/gateway/internal/journal"
)

// Identity answers the name under which this gateway reports, made at its first
// start and kept in a file. A gateway that loses its folder is another gateway,
// and the old one stays unconfirmed until somebody removes it.
func Identity(path string) (string, error) {
	kept, err := os.ReadFile(path)
	if err == nil {
		if id := strings.TrimSpace(string(kept)); strings.HasPrefix(id, "gw_") {
			return id, nil
		}
		return "", fmt.Errorf("%s does not hold a gateway's id: remove it to be a new one", path)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	id := "gw_" + strings.ToLower(rand.Text())
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(id + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return "", err
	}
	return id, journal.SyncDir(filepath.Dir(path))
}
