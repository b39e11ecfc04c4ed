package api

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// connection is what a stream is written to.
type connection interface {
	// form returns the bytes of a frame as this connection has them.
	form(f *frame) []byte
	// try writes what fits without waiting, and returns how much that was.
	try(b []byte) (int, error)
	// write writes everything, within streamTimeout for each streamChunk.
	write(b []byte) error
	// gone reports whether the client has closed it, as far as that is known.
	gone() bool
	// close ends it. broken says that a frame is being written.
	close(broken bool)
	// wait returns when the handler may return.
	wait(c *client)
}

// newConnection takes the connection of a request over where it is HTTP/1: net/http would
// keep a goroutine and buffers for it.
func newConnection(w http.ResponseWriter, r *http.Request) connection {
	h := w.Header()
	if r.ProtoMajor == 1 {
		h.Set("Connection", "close") // so that its end leads to another process
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			return newTaken(conn, h, r.ProtoAtLeast(1, 1))
		}
	}
	return &response{w: w, r: r, controller: http.NewResponseController(w), done: make(chan struct{})}
}

// taken is a connection that was taken over from net/http.
type taken struct {
	conn    net.Conn
	raw     syscall.RawConn // nil where nothing can be written without waiting
	socket  syscall.RawConn // of the system, also below TLS; nil for none
	chunked bool
	header  []byte // that is sent before the first frame
}

// sendBuffer bounds what the kernel keeps for a client that does not read.
const sendBuffer = 64 << 10

func newTaken(conn net.Conn, h http.Header, chunked bool) *taken {
	t := &taken{conn: conn, chunked: chunked}
	_ = conn.SetDeadline(time.Time{}) // those of the server are for short requests
	if s, ok := conn.(syscall.Conn); ok {
		t.raw, _ = s.SyscallConn()
		t.socket = t.raw
	}
	if encrypted, ok := conn.(*tls.Conn); ok {
		if s, ok := encrypted.NetConn().(syscall.Conn); ok {
			t.socket, _ = s.SyscallConn()
		}
	}
	if !canTry {
		t.raw = nil
	}
	if tcp, ok := conn.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = tcp.SetWriteBuffer(sendBuffer)
	}
	var header strings.Builder
	header.WriteString("HTTP/1.1 200 OK\r\nDate: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n")
	if chunked {
		header.WriteString("Transfer-Encoding: chunked\r\n")
	}
	_ = h.Write(&header) // a builder has no errors
	header.WriteString("\r\n")
	t.header = []byte(header.String())
	return t
}

func (t *taken) form(f *frame) []byte {
	if t.chunked {
		return f.chunk
	}
	return f.chunk[f.start : len(f.chunk)-len("\r\n")]
}

func (t *taken) try(b []byte) (int, error) {
	if t.raw == nil {
		return 0, nil
	}
	return tryWrite(t.raw, b)
}

func (t *taken) write(b []byte) error {
	if t.header != nil {
		header := t.header
		t.header = nil
		if err := t.write(header); err != nil {
			return err
		}
	}
	defer func() { _ = t.conn.SetWriteDeadline(time.Time{}) }() // for try
	for len(b) > 0 {
		_ = t.conn.SetWriteDeadline(time.Now().Add(streamTimeout))
		n, err := t.conn.Write(b[:min(len(b), streamChunk)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (t *taken) gone() bool {
	return canTry && t.socket != nil && isClosed(t.socket)
}

func (t *taken) close(broken bool) {
	if t.chunked && !broken {
		_ = t.conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = t.conn.Write([]byte("0\r\n\r\n")) // the end of a body that is complete
	}
	_ = t.conn.Close()
}

func (*taken) wait(*client) {}

// response is a stream of HTTP/2, or of a server that lets no connection be taken over.
type response struct {
	w          http.ResponseWriter
	r          *http.Request
	controller *http.ResponseController
	once       sync.Once
	done       chan struct{}
}

func (s *response) form(f *frame) []byte { return f.chunk[f.start : len(f.chunk)-len("\r\n")] }

func (*response) try([]byte) (int, error) { return 0, nil }

func (s *response) write(b []byte) error {
	_ = s.controller.SetReadDeadline(time.Time{}) // a server in a test may have none
	for len(b) > 0 {
		_ = s.controller.SetWriteDeadline(time.Now().Add(streamTimeout))
		n, err := s.w.Write(b[:min(len(b), streamChunk)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return s.controller.Flush()
}

func (s *response) gone() bool { return s.r.Context().Err() != nil }

func (s *response) close(bool) { s.once.Do(func() { close(s.done) }) }

func (s *response) wait(c *client) {
	select {
	case <-s.done:
	case <-s.r.Context().Done():
		c.end(endGone)
	}
	c.writes.Wait() // nothing writes after the handler has returned
}

// newFrame makes the bytes of an event, or of a comment, as chunk of HTTP/1.1.
func newFrame(text string, data []byte, end string) *frame {
	head := fmt.Sprintf("%x\r\n", len(text)+len(data)+len(end))
	f := &frame{start: len(head)}
	f.chunk = make([]byte, 0, len(head)+len(text)+len(data)+len(end)+len("\r\n"))
	f.chunk = append(append(f.chunk, head...), text...)
	from := len(f.chunk)
	f.chunk = append(f.chunk, data...)
	f.data = f.chunk[from:len(f.chunk):len(f.chunk)]
	f.chunk = append(append(f.chunk, end...), "\r\n"...)
	return f
}
