package rules

import (
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/internal/plainjson"
)

// Sizes are the bytes of a snapshot, by what they are for. What is in neither
// list does not depend on the flags.
type Sizes struct {
	// Flags are the flags of the snapshot, each with about the bytes that the
	// snapshot loses when this flag alone is removed.
	Flags []Size
	// Shared are the parts that several flags use, each counted once.
	Shared []Size
}

// Size is the size of one part.
type Size struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
}

// SizesOf measures what Encode has written. A hidden flag counts for
// the flags that depend on it. An error is that of Decode.
func SizesOf(document []byte) (Sizes, error) {
	if _, err := Decode(document); err != nil {
		return Sizes{}, err
	}
	wire, err := readRules(document)
	if err != nil {
		return Sizes{}, err
	}
	s := sizer{wire: wire, hidden: map[int]bool{}, rows: map[tableRow]int{}}
	for _, i := range wire.Hidden {
		s.hidden[int(i)] = true
	}
	for i := range wire.Flags {
		if !s.hidden[i] {
			s.flag(i, wire.Flags[i])
		}
	}
	return s.sizes(), nil
}

// sizes adds up the bytes of the rows by the flags that use them.
func (s *sizer) sizes() Sizes {
	bytes, rest := make([]int, len(s.wire.Flags)), 0
	add := func(user, n int) {
		if user == severalFlags {
			rest += n
		} else {
			bytes[user] += n
		}
	}
	names := strings.Split(s.wire.Names, eval.EndOfText)
	for i, v := range s.wire.Flags {
		user := i
		if s.hidden[i] {
			user = s.user(tableFlags, i)
			add(user, len(strconv.Itoa(i))+len(",")) // in the list of hidden flags
		}
		add(user, escaped(names[i])+len(eval.EndOfText)+element(v))
	}
	for _, i := range s.wire.Impressions {
		add(s.userOfFlag(int(i)), len(strconv.Itoa(int(i)))+len(","))
	}
	for t, rows := range map[table][]any{
		tableFields: s.wire.Fields, tableStickies: s.wire.Stickies, tableShares: s.wire.Shares,
		tableConditions: s.wire.Conditions, tableShapes: s.wire.Shapes,
	} {
		for i, v := range rows {
			add(s.user(t, i), element(v))
		}
	}
	var out Sizes
	for i := range s.wire.Values {
		if shared := s.values(i, add); shared > 0 {
			name, _ := s.wire.Fields[i].(string)
			out.Shared = append(out.Shared, Size{"values of " + name, shared})
		}
	}
	if rest > 0 {
		out.Shared = append(out.Shared, Size{"other rules", rest})
	}
	for i, name := range names[:len(bytes)] {
		if !s.hidden[i] {
			out.Flags = append(out.Flags, Size{name, bytes[i]})
		}
	}
	return out
}

// values adds the values of a field to the flags that use them, and returns the
// bytes of those that several flags use. A posting counts for the flag of its
// condition, a value for the one flag of all its conditions.
func (s *sizer) values(field int, add func(user, bytes int)) (shared int) {
	joined, _ := s.wire.Values[field].(string)
	add(s.user(tableFields, field), len(`"",`)+min(len(joined), len(eval.EndOfText)))
	each := func(user, n int) {
		if user == severalFlags {
			shared += n
		} else {
			add(user, n)
		}
	}
	for entry := range strings.SplitSeq(strings.Trim(joined, eval.EndOfText), eval.EndOfText) {
		value, postings, ok := strings.Cut(entry, eval.EndOfValue)
		if !ok {
			continue
		}
		last, of, first := -1, severalFlags, true
		readPostings(postings, func(n int) bool {
			user := s.user(tableConditions, n)
			if first {
				of, first = user, false
			} else if of != user {
				of = severalFlags
			}
			each(user, len(appendPosting(nil, n-last)))
			last = n
			return true
		})
		each(of, len(eval.EndOfText)+escaped(value)+len(eval.EndOfValue))
	}
	return shared
}

// element is the length of an element of a list with its comma.
func element(v any) int { return len(plainjson.Must(v)) + len(",") }

// escaped is the length of a text within a JSON string.
func escaped(text string) int { return len(plainjson.Must(text)) - len(`""`) }
