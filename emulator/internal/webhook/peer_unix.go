//go:build darwin || linux

package webhook

import (
	"errors"
	"syscall"
)

// hungUp reports whether the other side has closed the connection. It looks without
// reading or waiting. Bytes that wait to be read say nothing.
func hungUp(raw syscall.RawConn) bool {
	gone := false
	err := raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		waiting := errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
		gone = n == 0 && err == nil || err != nil && !waiting
	})
	return gone || err != nil
}
