package secret

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// private refuses a file that others can read or change. A group may read what
// its owner has mounted for it, as Kubernetes and Docker do with secrets: a file
// that nobody may write, or one of root's while we are not root. The world may
// never.
func private(path string, info fs.FileInfo) error {
	mode := info.Mode().Perm()
	if mode&0o037 == 0 && (mode&0o040 == 0 || mounted(info)) {
		return nil
	}
	return fmt.Errorf("%w: its mode is %04o; run: chmod 600 %s (as a mounted secret: mode 0440)", ErrPermissions, mode, path)
}

func mounted(info fs.FileInfo) bool {
	if info.Mode().Perm()&0o222 == 0 {
		return true
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0 && os.Geteuid() != 0
}
