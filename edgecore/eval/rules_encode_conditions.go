package eval

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// condition returns the reference of a condition: its number, or ^number for
// the opposite.
func (e *encoder) condition(k *condition) int {
	if e.refuses(k) {
		e.refused[e.name] = true
	}
	if n, ok := e.conditions[k]; ok {
		return n
	}
	var n int
	if k.op == opIn {
		n = e.list(k)
	} else {
		n = intern(e.numbers, &e.out.Conditions, e.plain(k))
	}
	if k.inverted {
		n = ^n
	}
	e.conditions[k] = n
	return n
}

// refuses reports whether a condition holds ids that may not be written. A
// segment, which many strategies may have, is looked through once.
func (e *encoder) refuses(k *condition) bool {
	if k.op != opAll {
		return k.identifies() && (slices.Contains(e.forbidden, k.field) || k.op != opIn && e.hashed[k.field])
	}
	held, known := e.segments[k]
	if !known {
		held = slices.ContainsFunc(k.all, e.refuses)
		e.segments[k] = held
	}
	return held
}

// list numbers a list. Its values are written with those of its field.
func (e *encoder) list(k *condition) int {
	key := fmt.Sprint("list ", k.field, k.items)
	n, ok := e.numbers[key]
	if ok {
		return n
	}
	n = len(e.out.Conditions)
	e.numbers[key] = n
	e.out.Conditions = append(e.out.Conditions, []any{wireIn, e.field(k.field)})
	byItem := e.postings[k.field]
	if byItem == nil {
		byItem = map[int32][]int{}
		e.postings[k.field] = byItem
	}
	for _, item := range k.items {
		byItem[item] = append(byItem[item], n)
	}
	return n
}

func (e *encoder) plain(k *condition) []any {
	switch k.op {
	case opAll:
		out := []any{wireAll}
		for _, one := range k.all {
			out = append(out, e.condition(one))
		}
		return out
	case opDate:
		return []any{wireDate, k.order, k.instant}
	}
	at := e.field(k.field)
	switch k.op {
	case opStartsWith, opEndsWith, opContains:
		if m := k.machineOf(); m != nil {
			return wirePattern(at, m)
		}
		number := map[operator]int{opStartsWith: wireStartsWith, opEndsWith: wireEndsWith, opContains: wireContains}[k.op]
		if k.fold {
			number += wireStartsWithFolded - wireStartsWith
		}
		out := []any{number, at}
		for _, text := range k.texts {
			out = append(out, text)
		}
		return out
	case opNumber:
		return []any{wireNumber, at, k.order, json.RawMessage(formatNumber(k.number))}
	case opVersion:
		return append([]any{wireVersion, at, k.order}, wireVersionParts(k.version)...)
	case opRegex:
		return wirePattern(at, k.machineOf())
	default: // opCIDR
		out := []any{wireCIDR, at}
		for _, prefix := range k.prefixes {
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
func wireVersionParts(v version) []any {
	out := []any{v.release[0], v.release[1], v.release[2]}
	if v.prerelease == "" {
		return out
	}
	for part := range strings.SplitSeq(v.prerelease, ".") {
		switch {
		case !isNumeric(part):
			out = append(out, part)
		case len(part) > exactDigits:
			out = append(out, []any{part})
		default:
			out = append(out, json.RawMessage(part))
		}
	}
	return out
}

func wirePattern(field int, m *machine) []any {
	if all, _ := m.ranges(); len(m.code) > maxPlainInstructions || all > maxPlainRanges {
		return append([]any{wireSharedRegex, field}, wireMachine(m, true)...)
	}
	return append([]any{wireRegex, field}, wireMachine(m, false)...)
}

// wireMachine writes instructions: [0] match, [1, out, alt], [2, out, need],
// [3, out, first, last, …]. With shared, ranges that another instruction has
// are [3, out, instruction].
func wireMachine(m *machine, shared bool) []any {
	out := make([]any, len(m.code))
	written := map[*int32]int{}
	for i := range m.code {
		from := &m.code[i]
		one := []any{from.op}
		switch from.op {
		case codeSplit:
			one = append(one, from.out, from.alt)
		case codeAssert:
			one = append(one, from.out, from.need)
		case codeRune:
			one = append(one, from.out)
			if shared && len(from.runs) > 2 {
				if at, ok := written[&from.runs[0]]; ok {
					one = append(one, at)
					break
				}
				written[&from.runs[0]] = i
			}
			for _, r := range from.runs {
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
		values := e.texts.of(e.p, i)
		for item, numbers := range byItem {
			text := values[item]
			if e.hashed[i] && !e.p.fields[i].hashed {
				text = digest(e.salt, text)
				e.out.Salt = e.salt
			}
			texts = append(texts, text)
			postings[text] = numbers
		}
		if e.p.fields[i].hashed {
			e.out.Salt = e.p.salt
		}
		slices.Sort(texts)
		var b []byte
		for _, text := range texts {
			b = append(b, endOfText+text+endOfValue...)
			last := -1
			for _, n := range postings[text] {
				b = appendPosting(b, n-last)
				last = n
			}
		}
		if len(b) > 0 {
			b = append(b, endOfText...)
		}
		e.out.Values[e.fields[i]] = string(b)
	}
}
