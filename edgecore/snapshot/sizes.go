package snapshot

import (
	"cmp"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore/eval/rules"
)

// SizesOf measures a snapshot, from what is stored or from Content: both lists
// largest first. Bytes that are not snapshot have no sizes.
func SizesOf(stored []byte) rules.Sizes {
	var sizes rules.Sizes
	root := gjson.ParseBytes(stored)
	switch member := root.Get("rules"); {
	case member.Exists():
		sizes, _ = rules.SizesOf([]byte(member.Raw))
	case root.Get("features").Exists():
		sizes = sizesOfDefinitions(root)
	default:
		root.Get("toggles").ForEach(func(_, t gjson.Result) bool {
			sizes.Flags = append(sizes.Flags, rules.Size{Name: t.Get("name").Str, Bytes: element(t)})
			return true
		})
	}
	for _, list := range [][]rules.Size{sizes.Flags, sizes.Shared} {
		slices.SortFunc(list, func(a, b rules.Size) int { return cmp.Or(b.Bytes-a.Bytes, cmp.Compare(a.Name, b.Name)) })
	}
	return sizes
}

// Sizes measures the snapshot, as SizesOf does.
func (s *Snapshot) Sizes() rules.Sizes { return SizesOf(s.content) }

// sizesOfDefinitions counts a segment that one flag alone uses for that flag.
func sizesOfDefinitions(root gjson.Result) (sizes rules.Sizes) {
	const several = -1
	users := map[int64]int{} // the flag that uses a segment, or several
	root.Get("features").ForEach(func(_, f gjson.Result) bool {
		flag := len(sizes.Flags)
		sizes.Flags = append(sizes.Flags, rules.Size{Name: f.Get("name").Str, Bytes: element(f)})
		f.Get("strategies").ForEach(func(_, strategy gjson.Result) bool {
			strategy.Get("segments").ForEach(func(_, id gjson.Result) bool {
				if user, used := users[id.Int()]; used && user != flag {
					users[id.Int()] = several
				} else {
					users[id.Int()] = flag
				}
				return true
			})
			return true
		})
		return true
	})
	root.Get("segments").ForEach(func(_, segment gjson.Result) bool {
		id := segment.Get("id")
		if user, used := users[id.Int()]; used && user != several {
			sizes.Flags[user].Bytes += element(segment)
		} else {
			sizes.Shared = append(sizes.Shared, rules.Size{Name: "segment " + id.String(), Bytes: element(segment)})
		}
		return true
	})
	return sizes
}

// element is the length of an element of a list with its comma.
func element(r gjson.Result) int { return len(r.Raw) + len(",") }
