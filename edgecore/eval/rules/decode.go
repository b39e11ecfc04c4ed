package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore/eval"
)

// Decode reads what Encode has written. Types and projects of flags,
// and what NextFlip returns, are not in it. Anything else than a program is an
// error that names the place. What is stored is not trusted: time and memory
// are at most proportional to its length.
func Decode(document []byte) (*eval.Program, error) {
	wire, err := readRules(document)
	if err != nil {
		return nil, err
	}
	r := decoder{
		wire: wire, p: &eval.Program{Index: map[string]int32{}, Salt: wire.Salt}, opposites: map[int]*eval.Condition{},
		shapes: make([]*shape, len(wire.Shapes)), variantsLeft: spareVariants + len(document),
	}
	for _, read := range []func(){r.fields, r.stickies, r.lists, r.values, r.conditions, r.flags} {
		if read(); r.err != nil {
			return nil, fmt.Errorf("decode rules: %w", r.err)
		}
	}
	return r.p.Finish(), nil
}

// readRules reads the JSON of rules. What it refers to is not checked.
func readRules(document []byte) (*wireRules, error) {
	var wire wireRules
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	if err := d.Decode(&wire); err != nil {
		return nil, fmt.Errorf("decode rules: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("decode rules: there is more behind the object")
	}
	return &wire, nil
}

// decoder keeps the first error; what it reads behind one does not count.
type decoder struct {
	wire   *wireRules
	p      *eval.Program
	sticky []*eval.Sticky
	all    []*eval.Condition // as they are on the wire: none is inverted
	err    error

	listField []int32   // by condition: the field of a list, -1 for other conditions
	items     [][]int32 // by condition: the values of a list
	opposites map[int]*eval.Condition
	shapes    []*shape // those that have been read

	variantsLeft int // see spareVariants

	// The place of what is being read, for errors. Without a row it is all of a
	// member.
	table string
	row   int
}

func (r *decoder) fail(format string, args ...any) {
	if r.err != nil {
		return
	}
	where := r.table
	if r.row >= 0 {
		where = fmt.Sprintf("%s[%d]", r.table, r.row)
	}
	r.err = fmt.Errorf("%s: %s", where, fmt.Sprintf(format, args...))
}

// at and in name the place of what follows: a row of a table, or a member.
func (r *decoder) at(table string, row int) { r.table, r.row = table, row }

func (r *decoder) in(member string) { r.at(member, -1) }

// shown is a value for an error, at most some characters of it.
func shown(v any) string {
	switch v := v.(type) {
	case []any:
		return "a list of " + strconv.Itoa(len(v))
	case map[string]any:
		return "an object"
	case string:
		return fmt.Sprintf("%.80s", v)
	default:
		return fmt.Sprintf("%.80v", v)
	}
}

func (r *decoder) list(v any, least int) []any {
	list, ok := v.([]any)
	if !ok || len(list) < least {
		r.fail("should be a list of at least %d", least)
		return make([]any, min(least, mostRead))
	}
	return list
}

// mostRead is how many elements of a list are looked at by their places: those
// of what is not as long are null.
const mostRead = 4

func (r *decoder) text(v any) string {
	text, ok := v.(string)
	if !ok {
		r.fail("%s should be a text", shown(v))
	}
	return text
}

// whole reads a whole number between two others.
func (r *decoder) whole(v any, least, most int64) int64 {
	number, ok := v.(json.Number)
	n, err := number.Int64()
	if !ok || err != nil || n < least || n > most {
		r.fail("%s should be a whole number from %d to %d", shown(v), least, most)
		return max(least, 0)
	}
	return n
}

// place reads the number of an element of a table.
func (r *decoder) place(v any, length int) int {
	n := int(r.whole(v, 0, int64(length)-1))
	if n >= length {
		r.fail("refers to an empty table")
		return -1
	}
	return n
}

func (r *decoder) fields() {
	for i, v := range r.wire.Fields {
		r.at("fields", i)
		r.p.Fields = append(r.p.Fields, eval.Field{Name: r.text(v)})
	}
	for _, i := range r.wire.Hashed {
		r.in("hashed")
		if int(i) >= len(r.p.Fields) || i < 0 {
			r.fail("there is no field %d", i)
			return
		}
		r.p.Fields[i].Hashed = true
	}
}

func (r *decoder) field(v any) int32 { return int32(max(r.place(v, len(r.p.Fields)), 0)) }

func (r *decoder) stickies() {
	for i, v := range r.wire.Stickies {
		r.at("stickies", i)
		s := &eval.Sticky{}
		for j, one := range r.list(v, 0) {
			fixed, isText := one.(string)
			last := j == len(r.list(v, 0))-1
			switch {
			case last && isText && fixed != "":
				s.Fixed = fixed
			case last && one == json.Number("-1"):
				s.Random = true
			default:
				s.Fields = append(s.Fields, r.field(one))
			}
		}
		r.sticky = append(r.sticky, s)
	}
}

func (r *decoder) conditions() {
	for i, v := range r.wire.Conditions {
		if r.err != nil {
			return
		}
		r.at("conditions", i)
		list := r.list(v, 1)
		r.all = append(r.all, r.condition(r.whole(list[0], wireIn, wireSharedRegex), list[1:]))
	}
}

// lists finds out which conditions are lists, and of which field.
func (r *decoder) lists() {
	r.listField, r.items = make([]int32, len(r.wire.Conditions)), make([][]int32, len(r.wire.Conditions))
	for i, v := range r.wire.Conditions {
		r.listField[i] = -1
		list, _ := v.([]any)
		if len(list) >= 2 && list[0] == json.Number("0") {
			r.at("conditions", i)
			r.listField[i] = r.field(list[1])
		}
	}
}

func (r *decoder) condition(number int64, rest []any) *eval.Condition {
	k := &eval.Condition{}
	switch number {
	case wireAll:
		k.Op = eval.OpAll
		for _, one := range rest {
			k.All = append(k.All, r.reference(one))
			if k.All[len(k.All)-1].Op == eval.OpAll {
				r.fail("a segment holds another one")
			}
		}
		return k
	case wireDate:
		rest = r.list(rest, 2)
		k.Op, k.Order, k.Instant = eval.OpDate, r.order(rest[0]), r.whole(rest[1], -1<<53, 1<<53)
		return k
	}
	rest = r.list(rest, 1)
	k.Field, rest = r.field(rest[0]), rest[1:]
	switch number {
	case wireIn:
		k.Op, k.Items = eval.OpIn, r.items[len(r.all)]
	case wireStartsWith, wireEndsWith, wireContains, wireStartsWithFolded, wireEndsWithFolded, wireContainsFolded:
		k.Fold = number >= wireStartsWithFolded
		k.Op = []eval.Operator{eval.OpStartsWith, eval.OpEndsWith, eval.OpContains}[(number-wireStartsWith)%3]
		for _, text := range rest {
			k.Texts = append(k.Texts, r.text(text))
		}
	case wireNumber:
		rest = r.list(rest, 2)
		k.Op, k.Order = eval.OpNumber, r.order(rest[0])
		number, _ := rest[1].(json.Number)
		n, err := number.Float64()
		if err != nil || math.IsInf(n, 0) {
			r.fail("%s should be a number", shown(rest[1]))
		}
		k.Number = n
	case wireVersion:
		rest = r.list(rest, 4)
		k.Op, k.Order, k.Version = eval.OpVersion, r.order(rest[0]), r.version(rest[1:])
	case wireRegex, wireSharedRegex:
		k.Op, k.Pattern = eval.OpRegex, r.machine(rest, number == wireSharedRegex)
	default:
		k.Op = eval.OpCIDR
		for _, one := range rest {
			k.Prefixes = append(k.Prefixes, r.prefix(r.list(one, 2)))
		}
	}
	return k
}

func (r *decoder) order(v any) eval.Order { return eval.Order(r.whole(v, 1, 7)) }

// reference reads a condition that precedes this one, or its opposite.
func (r *decoder) reference(v any) *eval.Condition {
	n := int(r.whole(v, -int64(len(r.all)), int64(len(r.all))-1))
	if n >= len(r.all) || n < -len(r.all) {
		r.fail("refers to no condition")
		return &eval.Condition{Op: eval.OpAll}
	}
	if n >= 0 {
		return r.all[n]
	}
	opposite := r.opposites[^n]
	if opposite == nil {
		opposite = &eval.Condition{}
		*opposite = *r.all[^n]
		opposite.Inverted = !opposite.Inverted
		r.opposites[^n] = opposite
	}
	return opposite
}

func (r *decoder) version(parts []any) eval.Version {
	var v eval.Version
	for i := range v.Release {
		v.Release[i] = uint64(r.whole(parts[i], 0, eval.MaxInteger))
	}
	identifiers := make([]string, len(parts)-3)
	for i, part := range parts[3:] {
		switch part := part.(type) {
		case string:
			identifiers[i] = part
		case []any:
			identifiers[i] = r.text(r.list(part, 1)[0])
		default:
			identifiers[i] = fmt.Sprint(r.whole(part, 0, eval.MaxInteger))
		}
	}
	v.Prerelease = strings.Join(identifiers, ".")
	if again, ok := eval.ParseVersion(v.String()); !ok || again != v {
		r.fail("%q is not a version", v)
	}
	return v
}

func (r *decoder) prefix(parts []any) netip.Prefix {
	var b []byte
	for _, word := range parts[1:] {
		w := uint32(r.whole(word, 0, math.MaxUint32))
		b = append(b, byte(w>>24), byte(w>>16), byte(w>>8), byte(w))
	}
	address, ok := netip.AddrFromSlice(b)
	if !ok {
		r.fail("an address has one word or four")
		return netip.Prefix{}
	}
	return netip.PrefixFrom(address, int(r.whole(parts[0], 0, int64(address.BitLen())))).Masked()
}

// machine reads instructions. shared says that they may refer to the ranges of
// others before them.
func (r *decoder) machine(list []any, shared bool) *eval.Machine {
	m := &eval.Machine{Code: make([]eval.Instruction, len(list)), Longest: eval.AnyLength}
	if len(list) == 0 || len(list) > maxSharedInstructions {
		r.fail("a pattern has 1 to %d instructions", maxSharedInstructions)
		return m
	}
	for i, v := range list {
		one := r.list(v, 1)
		to := &m.Code[i]
		to.Op = eval.Opcode(r.whole(one[0], int64(eval.CodeMatch), int64(eval.CodeRune)))
		if to.Op == eval.CodeMatch {
			continue
		}
		one = r.list(one, 2)
		to.Out = int32(max(r.place(one[1], len(list)), 0))
		switch to.Op {
		case eval.CodeSplit:
			to.Alt = int32(max(r.place(r.list(one, 3)[2], len(list)), 0))
		case eval.CodeAssert:
			to.Need = int32(r.whole(r.list(one, 3)[2], 0, 63))
		case eval.CodeRune:
			if shared && len(one) == 3 {
				if from := r.place(one[2], i); from >= 0 {
					to.Runs = m.Code[from].Runs
				}
				if len(to.Runs) == 0 {
					r.fail("refers to an instruction without ranges of characters")
				}
				continue
			}
			for _, c := range one[2:] {
				to.Runs = append(to.Runs, int32(r.whole(c, 0, math.MaxInt32)))
			}
			if len(to.Runs)%2 != 0 {
				r.fail("ranges of characters come in pairs")
				to.Runs = nil
			}
		}
	}
	return m
}

// values numbers the texts of each field, and collects which lists hold them.
func (r *decoder) values() {
	r.in("values")
	if len(r.wire.Values) != len(r.p.Fields) {
		r.fail("there are %d for %d fields", len(r.wire.Values), len(r.p.Fields))
		return
	}
	for i, v := range r.wire.Values {
		if r.err != nil {
			return
		}
		r.at("values", i)
		f := &r.p.Fields[i]
		f.Values = map[string]int32{}
		joined := r.text(v)
		if joined == "" {
			continue
		}
		entries, begun := strings.CutPrefix(joined, eval.EndOfText)
		entries, ended := strings.CutSuffix(entries, eval.EndOfText)
		if !begun || !ended {
			r.fail("does not begin and end with U+007F")
			return
		}
		for entry := range strings.SplitSeq(entries, eval.EndOfText) {
			value, postings, ok := strings.Cut(entry, eval.EndOfValue)
			item := int32(len(f.Values))
			if _, twice := f.Values[value]; !ok || twice || !r.postings(postings, int32(i), item) {
				r.fail("the entry of %q cannot be read, or is given twice", shown(value))
				return
			}
			f.Values[value] = item
		}
	}
}

// postings adds a value to the lists that hold it. It returns false for a text
// that cannot be read.
func (r *decoder) postings(text string, field, item int32) bool {
	return readPostings(text, func(n int) bool {
		if n >= len(r.listField) || r.listField[n] != field {
			r.fail("a value is listed by condition %d, which is not a list of this field", n)
			return false
		}
		r.items[n] = append(r.items[n], item)
		return true
	})
}
