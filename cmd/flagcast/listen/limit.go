package listen

import (
	"errors"
	"net"
	"sync"
	"syscall"
)

// limit bounds the connections that several listeners have open at a time. nil:
// no bound.
type limit chan struct{}

func newLimit(connections int) limit {
	if connections == 0 {
		return nil
	}
	return make(limit, connections)
}

// of returns a listener whose connections count. Beyond the limit they wait to
// be accepted, in the queue of the kernel.
func (l limit) of(listener net.Listener) net.Listener {
	if l == nil || listener == nil {
		return listener
	}
	return &limited{Listener: listener, limit: l, closed: make(chan struct{})}
}

type limited struct {
	net.Listener
	limit  limit
	once   sync.Once
	closed chan struct{}
}

// Accept takes a connection before it waits: a listener that waits with none
// would keep a place from the others.
func (l *limited) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case l.limit <- struct{}{}:
		return &counted{Conn: c, release: sync.OnceFunc(func() { <-l.limit })}, nil
	case <-l.closed:
		_ = c.Close()
		return nil, net.ErrClosed
	}
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// counted is a connection that counts until it is closed.
type counted struct {
	net.Conn
	release func()
}

func (c *counted) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// SyscallConn lets streams be written without a goroutine for each.
func (c *counted) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// SetWriteBuffer bounds what the kernel keeps for a client that does not read.
func (c *counted) SetWriteBuffer(bytes int) error {
	if s, ok := c.Conn.(interface{ SetWriteBuffer(int) error }); ok {
		return s.SetWriteBuffer(bytes)
	}
	return errors.ErrUnsupported
}

// CloseWrite lets net/http end a connection so that the client still reads the
// last answer.
func (c *counted) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
