package rules

import "encoding/json"

// sizer finds out which flag uses a row of a table. It walks over a row when
// the first flag is found that uses it, and again when the second is.
type sizer struct {
	wire   *wireRules
	hidden map[int]bool
	rows   map[tableRow]int // the flag that uses the row, or severalFlags
}

type tableRow struct {
	table table
	row   int
}

type table uint8

const (
	tableFlags table = iota // the hidden ones
	tableFields
	tableStickies
	tableShares
	tableConditions
	tableShapes
)

const severalFlags = -1

// use notes that a flag uses a row, and with it the rows that this one refers
// to.
func (s *sizer) use(flag int, t table, row int) {
	at := tableRow{t, row}
	switch user, used := s.rows[at]; {
	case !used:
		s.rows[at] = flag
	case user == flag || user == severalFlags:
		return
	default:
		flag = severalFlags
		s.rows[at] = flag
	}
	switch t {
	case tableFlags:
		s.flag(flag, s.wire.Flags[row])
	case tableStickies:
		for _, v := range listOf(s.wire.Stickies[row]) {
			if n, ok := wholeOf(v); ok && n >= 0 {
				s.use(flag, tableFields, n)
			}
		}
	case tableShares:
		s.share(flag, listOf(s.wire.Shares[row])[0])
	case tableConditions:
		s.condition(flag, listOf(s.wire.Conditions[row]))
	case tableShapes:
		shape := listOf(s.wire.Shapes[row])
		n, _ := wholeOf(shape[0])
		s.use(flag, tableStickies, n)
		if len(shape) > 4 {
			overrides := listOf(shape[4])
			for i := 0; i+1 < len(overrides); i += 2 {
				s.reference(flag, overrides[i])
			}
		}
	}
}

// flag notes what the form of a flag refers to: see encoder.flag.
func (s *sizer) flag(flag int, v any) {
	list := listOf(v)
	var strategies []any
	if len(list) > 0 {
		strategies = listOf(list[0])
	}
	if len(strategies) == 0 {
		s.strategy(flag, v)
		return
	}
	for _, one := range strategies {
		s.strategy(flag, one)
	}
	full := make([]any, 4)
	copy(full, list)
	s.variants(flag, full[1])
	own := listOf(full[2])
	for _, one := range own[:min(len(own), len(strategies))] { // no reader looks at more
		s.variants(flag, one)
	}
	for _, one := range listOf(full[3]) {
		if n, ok := wholeOf(listOf(one)[0]); ok && s.hidden[n] {
			s.use(flag, tableFlags, n)
		}
	}
}

func (s *sizer) strategy(flag int, v any) {
	list := listOf(v)
	if len(list) == 0 {
		s.share(flag, v)
		return
	}
	s.share(flag, list[0])
	for _, one := range list[1:] {
		s.reference(flag, one)
	}
}

func (s *sizer) share(flag int, v any) {
	switch n, _ := wholeOf(v); {
	case n < 0:
		s.use(flag, tableShares, ^n)
	case n >= firstShare:
		s.use(flag, tableStickies, (n-firstShare)/perSticky)
	}
}

func (s *sizer) variants(flag int, v any) {
	if list := listOf(v); len(list) > 0 {
		n, _ := wholeOf(list[0])
		s.use(flag, tableShapes, n)
	}
}

// reference notes the use of a condition, or of its opposite.
func (s *sizer) reference(flag int, v any) {
	n, _ := wholeOf(v)
	s.use(flag, tableConditions, max(n, ^n))
}

func (s *sizer) condition(flag int, list []any) {
	switch number, _ := wholeOf(list[0]); number {
	case wireAll:
		for _, one := range list[1:] {
			s.reference(flag, one)
		}
	case wireDate:
	default:
		n, _ := wholeOf(list[1])
		s.use(flag, tableFields, n)
	}
}

// user returns the flag that alone uses a row. What no flag uses counts as
// shared.
func (s *sizer) user(t table, row int) int {
	if user, used := s.rows[tableRow{t, row}]; used {
		return user
	}
	return severalFlags
}

func (s *sizer) userOfFlag(i int) int {
	if s.hidden[i] {
		return s.user(tableFlags, i)
	}
	return i
}

func listOf(v any) []any {
	list, _ := v.([]any)
	return list
}

func wholeOf(v any) (int, bool) {
	number, _ := v.(json.Number)
	n, err := number.Int64()
	return int(n), err == nil
}
