package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/kv"
)

// allNamespaces is how many namespaces an account may have, and the longest
// page of their list.
const allNamespaces = 1000

// titles keeps the namespaces of the account, by title.
type titles struct {
	mu    sync.Mutex
	known bool
	ids   map[string]string
}

// checkNamespace says what to do about a namespace that does not exist: when
// it is a title, to write the id that goes with it.
func (s *Sink) checkNamespace(ctx context.Context) string {
	namespace := s.config.Namespace
	switch id := s.titled(ctx, namespace); {
	case id != "":
		return fmt.Sprintf("%q is the title of namespace %s: write that id", namespace, id)
	case !hexID.MatchString(namespace):
		return fmt.Sprintf("namespace %q looks like a title: the id is needed, 32 hexadecimal digits (%s)", namespace,
			whereNamespace)
	}
	return fmt.Sprintf("check namespace %q (%s)", namespace, whereNamespace)
}

// titled returns the id of the namespace with a title, or "" where there is
// none or the token may not list them. The service is asked once.
func (s *Sink) titled(ctx context.Context, title string) string {
	s.titles.mu.Lock()
	defer s.titles.mu.Unlock()
	if !s.titles.known {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		var params kv.NamespaceListParams
		params.AccountID.Value, params.AccountID.Present = s.config.Account, true
		params.PerPage.Value, params.PerPage.Present = allNamespaces, true
		page, err := s.namespaces.List(ctx, params)
		a, answered := errors.AsType[*apiError](err)
		refused := answered && a.status >= 400 && a.status < 500 && a.status != http.StatusTooManyRequests
		s.titles.known = err == nil || refused
		if err == nil {
			s.titles.ids = map[string]string{}
			for _, namespace := range page.Result {
				s.titles.ids[namespace.Title] = namespace.ID
			}
		}
	}
	return s.titles.ids[title]
}
