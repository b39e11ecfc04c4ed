//go:build linux || darwin

package api

import (
	"errors"
	"syscall"
)

// canTry says that sockets can be written without waiting.
const canTry = true

// tryWrite writes what a socket takes without waiting.
func tryWrite(raw syscall.RawConn, b []byte) (n int, err error) {
	failed := raw.Write(func(fd uintptr) bool {
		n, err = syscall.Write(int(fd), b)
		return true
	})
	if failed != nil {
		return 0, failed
	}
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return 0, nil
	}
	return max(n, 0), err
}

// isClosed reports whether the other end of a socket has closed it, or has sent something,
// which clients of a stream do as they end it alone.
func isClosed(raw syscall.RawConn) (closed bool) {
	failed := raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		closed = !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
	})
	return closed || failed != nil
}
