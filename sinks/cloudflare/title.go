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

// checkNamespace returns a hint about a namespace that does not exist: if it is a title,
// its id.
func (s *Sink) checkNamespace(ctx context.Context) string {
	namespace := s.config.Namespace
	switch id := s.idOfTitle(ctx, namespace); {
	case id != "":
		return fmt.Sprintf("%q is the title of namespace %s: write that id", namespace, id)
	case !hexID.MatchString(namespace):
		return fmt.Sprintf("namespace %q looks like a title: the id is needed, 32 hexadecimal digits (%s)", namespace,
			whereNamespace)
	}
	return fmt.Sprintf("check namespace %q (%s)", namespace, whereNamespace)
}

// idOfTitle returns the id of the namespace with a title, or "" if there is none or the
// token may not list them. It requests the list once.
func (s *Sink) idOfTitle(ctx context.Context, title string) string {
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
