package parse

import (
	"context"
	"errors"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// Next reads the next version of a document whose last version has given
// last, as Parse does. Flags and segments that are there byte for byte are
// those of last and are not read again: where little has changed, it takes a
// fraction of the time. last may be nil. An error is a *SyntaxError, or that of
// ctx, which ends the reading.
func Next[T string | []byte](
	ctx context.Context, doc T, env edgecore.Environment, last *edgecore.Definitions,
) (*edgecore.Definitions, error) {
	text := string(doc)                                  // no copy of a string
	if last != nil && edgecore.Complete(last.Problems) { // else it is not known what had one
		if rest, known := countLeftOut(last, text); known != nil {
			// What is wrong is reported for the document as it is, and so is a name
			// that is given twice.
			if d, err := parse(ctx, rest, env, known); err == nil || ctx.Err() != nil {
				return d, err
			}
		}
	}
	return parse(ctx, text, env, &known{})
}

// errClash: a name is given twice, and one of its flags is known.
var errClash = errors.New("a flag has the name of a known one")

// known are the elements of a document that are in older definitions. Its
// zero value is of a document that is read whole.
type known struct {
	last     *edgecore.Definitions
	features places
	segments places
}

// places gives elements of a list their places in an older list.
type places struct {
	raw   func(i int) string // of the older list, "" for what must be read again
	count int                // of the older list
	next  int                // the one that comes next, if nothing has changed
	found []int              // by place in the new list, -1: none
	some  int                // of found, that are not -1
	begun bool
}

// reach is how many elements in a row may have changed or gone before the rest
// is read as new.
const reach = 64

// find returns the length of the element at the beginning of text when the
// older list has it, and notes that it is element i of the new one.
func (p *places) find(text string, i int) int {
	for j := p.next; j < min(p.next+reach, p.count); j++ {
		if raw := p.raw(j); raw != "" && strings.HasPrefix(text, raw) {
			for len(p.found) < i {
				p.found = append(p.found, -1)
			}
			p.found = append(p.found, j)
			p.next = j + 1
			p.some++
			return len(raw)
		}
	}
	return 0
}

// of returns the place that element i has in the older list.
func (p *places) of(i int) (int, bool) {
	if i < len(p.found) && p.found[i] >= 0 {
		return p.found[i], true
	}
	return 0, false
}

// feature and segment return element i of their lists.
func (k *known) feature(i int) (f edgecore.Feature, ok bool) {
	j, ok := k.features.of(i)
	if ok {
		f = k.last.Features[j]
	}
	return f, ok
}

func (k *known) segment(i int) (s edgecore.Segment, ok bool) {
	j, ok := k.segments.of(i)
	if ok {
		s = k.last.Segments[j]
	}
	return s, ok
}

// whole reports whether nothing of the document is left out.
func (k *known) whole() bool { return k.last == nil }

// countLeftOut copies a document with {} in the place of each flag and segment that
// d has. known is nil where they are less than half of all flags.
//
// The copy is valid JSON if and only if the document is: each of them was a
// whole object, and was between two tokens.
func countLeftOut(d *edgecore.Definitions, doc string) (rest string, k *known) {
	k = elementsOf(d)
	var out strings.Builder
	var list *places      // the one that is being read
	from, depth := 0, 0   // of what is not copied yet, and of nesting
	key, element := "", 0 // of the document, and of list
	for i := 0; i < len(doc); {
		switch c := doc[i]; c {
		case '"':
			end := untrusted.EndOfString(doc, i)
			if depth == 1 {
				if key = doc[i:end]; strings.Contains(key, `\`) {
					return "", nil // it may be one of ours, spelt otherwise
				}
			}
			i = end
			continue
		case '{', '[':
			if depth == 2 && list != nil {
				if n := list.find(doc[i:], element); n > 0 {
					out.WriteString(doc[from:i])
					out.WriteString("{}")
					i += n
					from = i
					continue
				}
			}
			if depth == 1 && c == '[' {
				if list = k.list(key); list != nil && list.begun {
					return "", nil // the last one counts
				} else if list != nil {
					list.begun, element = true, 0
				}
			}
			depth++
		case '}', ']':
			if depth--; depth == 1 {
				list = nil
			}
		case ',':
			if depth == 2 {
				element++
			}
		}
		i++
	}
	if k.features.some < len(d.Features)/2 || k.features.some == 0 {
		return "", nil
	}
	out.WriteString(doc[from:])
	return out.String(), k
}

// elementsOf prepares the search for what d has. What had a problem is read again,
// so that it is reported again.
func elementsOf(d *edgecore.Definitions) *known {
	flags, segments := map[string]bool{}, false
	for _, p := range d.Problems {
		flags[p.Feature] = true
		segments = segments || strings.HasPrefix(p.Where, "segments")
	}
	k := &known{last: d}
	k.features = places{count: len(d.Features), raw: func(i int) string {
		if f := &d.Features[i]; !flags[f.Name] {
			return f.Raw
		}
		return ""
	}}
	k.segments = places{count: len(d.Segments), raw: func(i int) string {
		if segments {
			return ""
		}
		return d.Segments[i].Raw
	}}
	return k
}

// list returns the list with a key of the document, as it is written there.
func (k *known) list(key string) *places {
	switch key {
	case `"features"`:
		return &k.features
	case `"segments"`:
		return &k.segments
	}
	return nil
}
