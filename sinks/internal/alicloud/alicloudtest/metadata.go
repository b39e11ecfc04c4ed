package alicloudtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Metadata is the metadata service of an ECS instance in its hardened mode, as
// far as the keys of its role go. It is an http.Handler, safe for concurrent
// use.
type Metadata struct {
	queue
	issuer *Issuer
	role   string

	mu       sync.Mutex
	sessions map[string]time.Time // tokens, and their ends
}

// NewMetadata returns one of an instance that has a role, or none if that is
// empty.
func NewMetadata(issuer *Issuer, role string) *Metadata {
	return &Metadata{issuer: issuer, role: role, sessions: map[string]time.Time{}}
}

// ServeHTTP answers one request.
func (m *Metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if fault, ok := m.next(); ok {
		fault.page(w)
		return
	}
	const roles = "/latest/meta-data/ram/security-credentials/"
	if r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" {
		m.open(w, r)
		return
	}
	switch name, ok := strings.CutPrefix(r.URL.Path, roles); {
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case !m.knows(r.Header.Get("X-aliyun-ecs-metadata-token")):
		w.WriteHeader(http.StatusForbidden)
	case !ok || m.role == "" || name != "" && name != m.role:
		w.WriteHeader(http.StatusNotFound)
	case name == "":
		_, _ = io.WriteString(w, m.role)
	default:
		keys := m.issuer.issue()
		keys["LastUpdated"], keys["Code"] = time.Now().UTC().Format("2006-01-02T15:04:05Z"), "Success"
		_ = json.NewEncoder(w).Encode(keys)
	}
}

// open answers with a token for the time that is asked for.
func (m *Metadata) open(w http.ResponseWriter, r *http.Request) {
	seconds, err := strconv.Atoi(r.Header.Get("X-aliyun-ecs-metadata-token-ttl-seconds"))
	if err != nil || seconds < 1 || seconds > 21600 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	token := fmt.Sprintf("metadata-token-%d==", len(m.sessions)+1)
	m.sessions[token] = time.Now().Add(time.Duration(seconds) * time.Second)
	_, _ = io.WriteString(w, token)
}

func (m *Metadata) knows(token string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	ends, ok := m.sessions[token]
	return ok && time.Now().Before(ends)
}
