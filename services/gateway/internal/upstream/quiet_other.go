//go:build !linux

package upstream

import "net"

// quiet trusts the connection: that it was closed is found when it is used.
func quiet(net.Conn) bool { return true }
