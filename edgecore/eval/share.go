package eval

// sticky says which context field decides a share or a variant.
type sticky struct {
	fields []int32 // the first one with a value counts
	// Without one, fixed counts where it is not empty (a static context has
	// it), else a random draw, else nobody.
	fixed  string
	random bool
}

// share is the part of all ids whose bucket, of 100, is at most percent.
type share struct {
	sticky  *sticky
	group   string
	prefix  prefix // of the group
	percent int
}

// decider returns the deciding value. ok is false when there is none; drawn
// is true when chance decides.
func (v *View) decider(s *sticky) (id string, drawn, ok bool) {
	if v.sticky != s {
		v.id, v.drawn, v.ok = v.lookUp(s)
		v.sticky = s
	}
	return v.id, v.drawn, v.ok
}

func (v *View) lookUp(s *sticky) (id string, drawn, ok bool) {
	for _, i := range s.fields {
		// An empty value counts as missing here (unleash-client, Node).
		if value := v.field(i).value; value != "" {
			return value, false, true
		}
	}
	switch {
	case s.fixed != "":
		return s.fixed, false, true
	case !s.random:
		return "", false, false
	}
	return v.c.Seed, true, v.c.Seed != ""
}

func (v *View) shares(s *share) bool {
	id, drawn, ok := v.decider(s.sticky)
	switch {
	case s.percent <= 0:
		return false
	case s.percent >= 100:
		return ok || drawn
	default:
		return ok && s.prefix.percent(id) <= s.percent
	}
}
