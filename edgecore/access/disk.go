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

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/disk"
	"github.com/flagcast/flagcast/edgecore/untrusted"
)

// What is kept of valid tokens, and what Unleash Edge 20 keeps, in clear.
const (
	keptFile = "tokens.json"
	edgeFile = "unleash_tokens.json"
)

// diskBytes bounds either file: a token takes some two hundred bytes.
const diskBytes = 32 << 20

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
	var list []keptToken
	if err := json.Unmarshal(content, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", keptFile, err)
	}
	known := map[digest]Known{}
	for _, t := range list {
		sum, err := hex.DecodeString(t.SHA256)
		if err != nil || len(sum) != len(digest{}) || t.Kind != Client && t.Kind != Frontend {
			return nil, fmt.Errorf("%s: an entry is damaged", keptFile)
		}
		known[digest(sum)] = Known{Kind: t.Kind, Scope: Scope{Environment: t.Environment, Projects: t.Projects}}
	}
	return known, nil
}

func readEdge(path string) (map[digest]Known, error) {
	content, err := untrusted.ReadFile(path, diskBytes)
	if err != nil {
		return nil, err
	}
	var list []wireToken
	if err := json.Unmarshal(content, &list); err != nil {
		// What json says may quote the file, which holds tokens.
		return nil, fmt.Errorf("%s is no list of tokens", edgeFile)
	}
	known := map[digest]Known{}
	for _, t := range list {
		if k := t.known(); k != nil && t.Environment != "" && strings.EqualFold(t.Status, "validated") {
			known[digestOf(t.Token)] = *k
		}
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

// Report is what may be told of tokens to people of the house: no token can be
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
