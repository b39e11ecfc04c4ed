package access

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/disk"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// What is kept of valid tokens, and what Unleash Edge 20 keeps, in clear.
const (
	keptFile = "tokens.json"
	edgeFile = "unleash_tokens.json"
)

// diskBytes is above what maxValid tokens need of which each has 100 projects.
const diskBytes = 64 << 20

// keptToken is one valid token in the file.
type keptToken struct {
	SHA256      string               `json:"sha256"`
	Kind        Kind                 `json:"kind"`
	Environment edgecore.Environment `json:"environment"`
	Projects    []string             `json:"projects"` // null: all
}

// Restore takes over the tokens that were valid in an earlier run, or, at the
// first start in a folder of Unleash Edge, those of its backup. They are good
// at once, and asked about when they are first used. It never prevents a start.
// Temporary files that earlier runs have left are removed.
func (a *Access) Restore() {
	c := a.validated
	if c == nil || c.dir == "" {
		return
	}
	if n := disk.Tidy(c.dir, func(name string) bool { return name == keptFile }); n > 0 {
		c.log.Info("removed temporary files that an earlier run has left", "dir", c.dir, "files", n)
	}
	known, err := readKept(filepath.Join(c.dir, keptFile))
	if errors.Is(err, fs.ErrNotExist) {
		known, err = readEdge(filepath.Join(c.dir, edgeFile))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		c.log.Warn("restore: starting without the tokens of the last run: upstream is asked about each", "dir", c.dir, "err", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for key, k := range known {
		if _, here := a.followed[k.Scope.Environment]; here || a.followed == nil {
			c.valid[key] = entry{known: k, expires: now}
		}
	}
}

func readKept(path string) (map[digest]Known, error) {
	content, err := untrusted.ReadFile(path, diskBytes)
	if err != nil {
		return nil, err
	}
	return parseKept(content)
}

func parseKept(content []byte) (map[digest]Known, error) {
	damaged := fmt.Errorf("%s: an entry is damaged", keptFile)
	if err := untrusted.CheckJSON(content, untrusted.RequestDepth); err != nil {
		return nil, fmt.Errorf("%s: %w", keptFile, err)
	}
	list := gjson.ParseBytes(content)
	if !list.IsArray() {
		return nil, fmt.Errorf("%s: it is not a list", keptFile)
	}
	known := map[digest]Known{}
	var err error
	list.ForEach(func(_, t gjson.Result) bool {
		sum, bad := hex.DecodeString(t.Get("sha256").String())
		kind := Kind(t.Get("kind").String())
		projects, unread := projectsOf(t.Get("projects"))
		if bad != nil || unread != nil || len(sum) != len(digest{}) || kind != Client && kind != Frontend ||
			len(known) == maxValid {
			err = damaged
			return false
		}
		// Copies: they keep no file in memory.
		environment := edgecore.Environment(strings.Clone(t.Get("environment").String()))
		known[digest(sum)] = Known{
			Kind: Kind(strings.Clone(string(kind))), Scope: Scope{Environment: environment, Projects: projects},
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return known, nil
}

func readEdge(path string) (map[digest]Known, error) {
	content, err := untrusted.ReadFile(path, diskBytes)
	if err != nil {
		return nil, err
	}
	return parseEdge(content)
}

// parseEdge reads the backup of Unleash Edge. What is beyond maxValid tokens is
// left out: upstream is asked about it.
func parseEdge(content []byte) (map[digest]Known, error) {
	known := map[digest]Known{}
	wanted := func(token string) bool { return token != "" && len(known) < maxValid }
	err := readTokens(content, wanted, func(t *wireToken) {
		if k := t.known(); k != nil && t.Environment != "" && strings.EqualFold(t.Status, "validated") {
			known[digestOf(t.Token)] = *k
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", edgeFile, err)
	}
	return known, nil
}

// save writes the valid tokens. A disk that cannot be written costs only the
// knowledge after a restart.
func (c *cache) save() {
	c.mu.Lock()
	list := []keptToken{}
	for key, e := range c.valid {
		list = append(list, keptToken{
			SHA256: hex.EncodeToString(key[:]), Kind: e.known.Kind,
			Environment: e.known.Scope.Environment, Projects: e.known.Scope.Projects,
		})
	}
	c.mu.Unlock()
	slices.SortFunc(list, func(a, b keptToken) int { return strings.Compare(a.SHA256, b.SHA256) })
	content, err := json.Marshal(list)
	if err == nil {
		err = disk.Replace(filepath.Join(c.dir, keptFile), content)
	}
	if err != nil {
		c.log.Warn("valid tokens cannot be kept on disk: a restart will have to ask upstream", "dir", c.dir, "err", err)
	}
}

// Report is what may be shown of tokens to the operator: no token can be
// made of it.
type Report struct {
	Tokens []ReportedToken `json:"tokens"`
	// Unknown is the number of tokens that upstream did not know in the last
	// minute, Waiting that of tokens that it is being asked about.
	Unknown int `json:"unknown"`
	Waiting int `json:"waiting"`
}

// ReportedToken is one valid token, named by the start of its SHA-256.
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
	add := func(key digest, k Known, expires *time.Time) {
		r.Tokens = append(r.Tokens, ReportedToken{
			SHA256: hex.EncodeToString(key[:6]), Type: k.Kind, Environment: k.Scope.Environment,
			Projects: k.Scope.Names(), Configured: expires == nil, Expires: expires,
		})
	}
	for key, k := range a.configured {
		add(key, k, nil)
	}
	if c := a.validated; c != nil {
		c.mu.Lock()
		for key, e := range c.valid {
			add(key, e.known, &e.expires)
		}
		r.Unknown, r.Waiting = len(c.invalid), len(c.waiting)
		c.mu.Unlock()
	}
	slices.SortFunc(r.Tokens, func(a, b ReportedToken) int { return strings.Compare(a.SHA256, b.SHA256) })
	return r
}

// Names lists the projects as Unleash writes them: "*" is all.
func (s Scope) Names() []string {
	if s.Projects == nil {
		return []string{"*"}
	}
	return s.Projects
}
