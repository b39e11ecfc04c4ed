package rules

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore/eval"
)

// condition returns the reference of a condition: its number, or ^number for
// the opposite.
func (e *encoder) condition(k *eval.Condition) int {
	if e.refuses(k) {
		e.refused[e.name] = true
	}
	if n, ok := e.conditions[k]; ok {
		return n
	}
	var n int
	if k.Op == eval.OpIn {
		n = e.list(k)
	} else {
		n = intern(e.numbers, &e.out.Conditions, e.plain(k))
	}
	if k.Inverted {
		n = ^n
	}
	e.conditions[k] = n
	return n
}

// refuses reports whether a condition holds ids that may not be written. A
// segment, which many strategies may have, is looked through once.
func (e *encoder) refuses(k *eval.Condition) bool {
	if k.Op != eval.OpAll {
		return k.Identifies() && (slices.Contains(e.forbidden, k.Field) || k.Op != eval.OpIn && e.hashed[k.Field])
	}
	held, known := e.segments[k]
	if !known {
		held = slices.ContainsFunc(k.All, e.refuses)
		e.segments[k] = held
	}
	return held
}

// list numbers a list. Its values are written with those of its field.
func (e *encoder) list(k *eval.Condition) int {
	key := fmt.Sprint("list ", k.Field, k.Items)
	n, ok := e.numbers[key]
	if ok {
		return n
	}
	n = len(e.out.Conditions)
	e.numbers[key] = n
	e.out.Conditions = append(e.out.Conditions, []any{wireIn, e.field(k.Field)})
	byItem := e.postings[k.Field]
	if byItem == nil {
		byItem = map[int32][]int{}
		e.postings[k.Field] = byItem
	}
	for _, item := range k.Items {
		byItem[item] = append(byItem[item], n)
	}
	return n
}

func (e *encoder) plain(k *eval.Condition) []any {
	switch k.Op {
	case eval.OpAll:
		out := []any{wireAll}
		for _, one := range k.All {
			out = append(out, e.condition(one))
		}
		return out
	case eval.OpDate:
		return []any{wireDate, k.Order, k.Instant}
	}
	at := e.field(k.Field)
	switch k.Op {
	case eval.OpStartsWith, eval.OpEndsWith, eval.OpContains:
		if m := k.MachineOf(); m != nil {
			return wirePattern(at, m)
		}
		number := map[eval.Operator]int{
			eval.OpStartsWith: wireStartsWith, eval.OpEndsWith: wireEndsWith, eval.OpContains: wireContains,
		}[k.Op]
		if k.Fold {
			number += wireStartsWithFolded - wireStartsWith
		}
		out := []any{number, at}
		for _, text := range k.Texts {
			out = append(out, text)
		}
		return out
	case eval.OpNumber:
		return []any{wireNumber, at, k.Order, json.RawMessage(eval.FormatNumber(k.Number))}
	case eval.OpVersion:
		return append([]any{wireVersion, at, k.Order}, wireVersionParts(k.Version)...)
	case eval.OpRegex:
		return wirePattern(at, k.MachineOf())
	default: // OpCIDR
		out := []any{wireCIDR, at}
		for _, prefix := range k.Prefixes {
			out = append(out, wirePrefix(prefix))
		}
		return out
	}
}

// exactDigits is how many digits of a number JavaScript counts exactly.
const exactDigits = 15

// wireVersionParts are major, minor, patch and the identifiers of the
// prerelease: texts, numbers, and [text] for numbers that JavaScript would
// round. Readers that know numbers and texts only order such a list rightly
// against every identifier that they can read.
func wireVersionParts(v eval.Version) []any {
	out := []any{v.Release[0], v.Release[1], v.Release[2]}
	if v.Prerelease == "" {
		return out
	}
	for part := range strings.SplitSeq(v.Prerelease, ".") {
		switch {
		case !eval.IsNumeric(part):
			out = append(out, part)
		case len(part) > exactDigits:
			out = append(out, []any{part})
		default:
			out = append(out, json.RawMessage(part))
		}
	}
	return out
}

func wirePattern(field int, m *eval.Machine) []any {
	if all, _ := m.Ranges(); len(m.Code) > maxPlainInstructions || all > maxPlainRanges {
		return append([]any{wireSharedRegex, field}, wireMachine(m, true)...)
	}
	return append([]any{wireRegex, field}, wireMachine(m, false)...)
}

// wireMachine writes instructions: [0] match, [1, out, alt], [2, out, need],
// [3, out, first, last, …]. With shared, ranges that another instruction has
// are [3, out, instruction].
func wireMachine(m *eval.Machine, shared bool) []any {
	out := make([]any, len(m.Code))
	written := map[*int32]int{}
	for i := range m.Code {
		from := &m.Code[i]
		one := []any{from.Op}
		switch from.Op {
		case eval.CodeSplit:
			one = append(one, from.Out, from.Alt)
		case eval.CodeAssert:
			one = append(one, from.Out, from.Need)
		case eval.CodeRune:
			one = append(one, from.Out)
			if shared && len(from.Runs) > 2 {
				if at, ok := written[&from.Runs[0]]; ok {
					one = append(one, at)
					break
				}
				written[&from.Runs[0]] = i
			}
			for _, r := range from.Runs {
				one = append(one, r)
			}
		}
		out[i] = one
	}
	return out
}

// wirePrefix is the number of bits and the address in words of 32 bits: one
// for IPv4, four for IPv6.
func wirePrefix(p netip.Prefix) []any {
	out := []any{p.Bits()}
	b := p.Addr().AsSlice()
	for i := 0; i < len(b); i += 4 {
		out = append(out, uint32(b[i])<<24|uint32(b[i+1])<<16|uint32(b[i+2])<<8|uint32(b[i+3]))
	}
	return out
}

// values writes the texts of each field with their postings.
func (e *encoder) values() {
	for i, byItem := range e.postings {
		texts := make([]string, 0, len(byItem))
		postings := map[string][]int{}
		values := e.texts.Of(e.p, i)
		for item, numbers := range byItem {
			text := values[item]
			if e.hashed[i] && !e.p.Fields[i].Hashed {
				text = eval.Digest(e.salt, text)
				e.out.Salt = e.salt
			}
			texts = append(texts, text)
			postings[text] = numbers
		}
		if e.p.Fields[i].Hashed {
			e.out.Salt = e.p.Salt
		}
		slices.Sort(texts)
		var b []byte
		for _, text := range texts {
			b = append(b, eval.EndOfText+text+eval.EndOfValue...)
			last := -1
			for _, n := range postings[text] {
				b = appendPosting(b, n-last)
				last = n
			}
		}
		if len(b) > 0 {
			b = append(b, eval.EndOfText...)
		}
		e.out.Values[e.fields[i]] = string(b)
	}
}
