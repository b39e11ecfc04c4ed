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
	"github.com/flagcast/flagcast/internal/atomicfile"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// The files of valid tokens: by their SHA-256, and in clear by Unleash Edge 20.
const (
	storedFile = "tokens.json"
	edgeFile   = "unleash_tokens.json"
)

// diskBytes is above the size of maxValid tokens with 100 projects each.
const diskBytes = 64 << 20

// storedToken is one valid token in the file.
type storedToken struct {
	SHA256      string               `json:"sha256"`
	Kind        Kind                 `json:"kind"`
	Environment edgecore.Environment `json:"environment"`
	Projects    []string             `json:"projects"` // null: all
}

// Restore reads the tokens that were valid in an earlier run, or, at the first start
// in a folder of Unleash Edge, those of its backup. They are valid at once, and
// revalidated when they are first used. A failure is logged and does not prevent a
// start. Temporary files of earlier runs are removed.
func (a *Access) Restore() {
	c := a.validated
	if c == nil || c.dir == "" {
		return
	}
	if n := atomicfile.RemoveAbandoned(c.dir, func(name string) bool { return name == storedFile }); n > 0 {
		c.log.Info("removed temporary files of an earlier run", "dir", c.dir, "files", n)
	}
	known, err := readStored(filepath.Join(c.dir, storedFile))
	if errors.Is(err, fs.ErrNotExist) {
		known, err = readEdge(filepath.Join(c.dir, edgeFile))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		c.log.Warn("cannot restore validated tokens; each is validated again", "dir", c.dir,
			"err", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for key, k := range known {
		if _, here := a.served[k.Scope.Environment]; here || a.served == nil {
			c.valid[key] = entry{info: k, expires: now}
		}
	}
}

func readStored(path string) (map[digest]TokenInfo, error) {
	content, err := untrusted.ReadFile(path, diskBytes)
	if err != nil {
		return nil, err
	}
	return parseStored(content)
}

func parseStored(content []byte) (map[digest]TokenInfo, error) {
	damaged := fmt.Errorf("%s: an entry is damaged", storedFile)
	if err := untrusted.CheckJSON(content, untrusted.RequestDepth); err != nil {
		return nil, fmt.Errorf("%s: %w", storedFile, err)
	}
	list := gjson.ParseBytes(content)
	if !list.IsArray() {
		return nil, fmt.Errorf("%s: not a list", storedFile)
	}
	known := map[digest]TokenInfo{}
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
		// Copies, which do not keep the file in memory.
		environment := edgecore.Environment(strings.Clone(t.Get("environment").String()))
		known[digest(sum)] = TokenInfo{
			Kind: Kind(strings.Clone(string(kind))), Scope: Scope{Environment: environment, Projects: projects},
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return known, nil
}

func readEdge(path string) (map[digest]TokenInfo, error) {
	content, err := untrusted.ReadFile(path, diskBytes)
	if err != nil {
		return nil, err
	}
	return parseEdge(content)
}

// parseEdge reads the backup of Unleash Edge, up to maxValid tokens: others are
// validated when they are used.
func parseEdge(content []byte) (map[digest]TokenInfo, error) {
	known := map[digest]TokenInfo{}
	wanted := func(token string) bool { return token != "" && len(known) < maxValid }
	err := readTokens(content, wanted, func(t *wireToken) {
		if k := t.info(); k != nil && t.Environment != "" && strings.EqualFold(t.Status, "validated") {
			known[digestOf(t.Token)] = *k
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", edgeFile, err)
	}
	return known, nil
}

// save writes the valid tokens. A failure is logged: a restart validates them again.
func (c *cache) save() {
	c.mu.Lock()
	list := []storedToken{}
	for key, e := range c.valid {
		list = append(list, storedToken{
			SHA256: hex.EncodeToString(key[:]), Kind: e.info.Kind,
			Environment: e.info.Scope.Environment, Projects: e.info.Scope.Projects,
		})
	}
	c.mu.Unlock()
	slices.SortFunc(list, func(a, b storedToken) int { return strings.Compare(a.SHA256, b.SHA256) })
	content, err := json.Marshal(list)
	if err == nil {
		err = atomicfile.WritePrivate(filepath.Join(c.dir, storedFile), content)
	}
	if err != nil {
		c.log.Warn("cannot store validated tokens; a restart validates them again", "dir", c.dir, "err", err)
	}
}
