package upstream

import (
	"errors"
	"net"
	"syscall"
)

// quiet says that an idle connection is open and that the server has sent
// nothing on it: neither its end nor anything that nobody asked for.
func quiet(conn net.Conn) bool {
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return true // TLS: its own close_notify is found when it is used
	}
	rc, err := raw.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	var b [1]byte
	err = rc.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		open = errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EWOULDBLOCK)
		return true
	})
	return err == nil && open
}
