package eval

// Sticky says which context field decides a share or a variant.
type Sticky struct {
	Fields []int32 // the first one with a value counts
	// Without one, fixed counts where it is not empty (a static context has
	// it), else a random draw, else no user.
	Fixed  string
	Random bool
}

// Share is the part of all ids whose bucket, of 100, is at most percent.
type Share struct {
	Sticky  *Sticky
	Group   string
	Prefix  HashState // of the group
	Percent int
}

// StickyValue returns the deciding value. ok is false when there is none; drawn
// is true when chance decides.
func (v *View) StickyValue(s *Sticky) (id string, drawn, ok bool) {
	if v.sticky != s {
		v.id, v.drawn, v.ok = v.lookUp(s)
		v.sticky = s
	}
	return v.id, v.drawn, v.ok
}

func (v *View) lookUp(s *Sticky) (id string, drawn, ok bool) {
	for _, i := range s.Fields {
		// An empty value counts as missing here (unleash-client, Node).
		if value := v.Field(i).Value; value != "" {
			return value, false, true
		}
	}
	switch {
	case s.Fixed != "":
		return s.Fixed, false, true
	case !s.Random:
		return "", false, false
	}
	return v.C.Seed, true, v.C.Seed != ""
}

// InShare reports whether the context is in a share.
func (v *View) InShare(s *Share) bool {
	id, drawn, ok := v.StickyValue(s.Sticky)
	switch {
	case s.Percent <= 0:
		return false
	case s.Percent >= 100:
		return ok || drawn
	default:
		return ok && s.Prefix.Percent(id) <= s.Percent
	}
}
