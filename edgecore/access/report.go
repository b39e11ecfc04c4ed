package access

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore"
)

// Report is the state of the tokens for operators. It identifies tokens, and does not
// reveal them.
type Report struct {
	Tokens []ReportedToken `json:"tokens"`
	// Unknown is the number of tokens that were invalid in the last minute, Waiting
	// that of tokens that wait for validation.
	Unknown int `json:"unknown"`
	Waiting int `json:"waiting"`
}

// ReportedToken is one valid token, identified by the start of its SHA-256.
type ReportedToken struct {
	SHA256      string               `json:"sha256"` // the first 12 digits
	Type        Kind                 `json:"type"`
	Environment edgecore.Environment `json:"environment"`
	Projects    []string             `json:"projects"`
	Configured  bool                 `json:"configured"` // else upstream has validated it
	Expires     *time.Time           `json:"expires,omitempty"`
}

// Report lists valid tokens.
func (a *Access) Report() Report {
	r := Report{Tokens: []ReportedToken{}}
	add := func(key digest, k TokenInfo, expires *time.Time) {
		r.Tokens = append(r.Tokens, ReportedToken{
			SHA256: hex.EncodeToString(key[:6]), Type: k.Kind, Environment: k.Scope.Environment,
			Projects: k.Scope.Names(), Configured: expires == nil, Expires: expires,
		})
	}
	for key, k := range *a.configured.Load() {
		add(key, k, nil)
	}
	if c := a.validated; c != nil {
		c.mu.Lock()
		for key, e := range c.valid {
			add(key, e.info, &e.expires)
		}
		r.Unknown, r.Waiting = len(c.invalid), len(c.waiting)
		c.mu.Unlock()
	}
	slices.SortFunc(r.Tokens, func(a, b ReportedToken) int { return strings.Compare(a.SHA256, b.SHA256) })
	return r
}

// Names lists the projects in the form of Unleash: "*" is all.
func (s Scope) Names() []string {
	if s.Projects == nil {
		return []string{"*"}
	}
	return s.Projects
}
