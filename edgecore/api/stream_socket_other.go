//go:build !linux && !darwin

package api

import "syscall"

// canTry says that sockets can be written without waiting.
const canTry = false

func tryWrite(syscall.RawConn, []byte) (int, error) { return 0, nil }

func isClosed(syscall.RawConn) bool { return false }
