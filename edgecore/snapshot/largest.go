package snapshot

import (
	"cmp"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore/eval/rules"
)

// FlagSize is what one flag takes in a snapshot.
type FlagSize struct {
	Flag  string // or "segment 3": a list that flags of definitions share
	Bytes int
}

// Largest lists the largest flags of a snapshot, largest first, at most n; from
// what is stored, or from Content. In rules a flag counts with all that it
// needs, though lists that several flags share are stored once. Bytes that are
// no snapshot have none.
func Largest(stored []byte, n int) []FlagSize {
	sizes := []FlagSize{}
	root := gjson.ParseBytes(stored)
	root.Get("toggles").ForEach(func(_, t gjson.Result) bool {
		sizes = append(sizes, FlagSize{t.Get("name").Str, len(t.Raw)})
		return true
	})
	root.Get("features").ForEach(func(_, f gjson.Result) bool {
		sizes = append(sizes, FlagSize{f.Get("name").Str, len(f.Raw)})
		return true
	})
	root.Get("segments").ForEach(func(_, s gjson.Result) bool {
		sizes = append(sizes, FlagSize{"segment " + s.Get("id").String(), len(s.Raw)})
		return true
	})
	if member := root.Get("rules"); member.Exists() {
		if p, err := rules.Decode([]byte(member.Raw)); err == nil {
			for i, size := range rules.Sizes(p) {
				sizes = append(sizes, FlagSize{p.Flags()[i].Name, size})
			}
		}
	}
	slices.SortFunc(sizes, func(a, b FlagSize) int { return cmp.Or(b.Bytes-a.Bytes, cmp.Compare(a.Flag, b.Flag)) })
	return sizes[:min(max(n, 0), len(sizes))]
}

// Largest lists the largest flags of a snapshot, as the function does.
func (s *Snapshot) Largest(n int) []FlagSize { return Largest(s.content, n) }
