package strictyaml

import (
	"fmt"
	"slices"

	"github.com/flagcast/flagcast/internal/secret"
)

// Settings says of each decoded setting where it comes from, and gathers what
// is wrong with them: faults, and what is absent. Its methods name a setting by
// the pointer to its struct and its key.
type Settings struct {
	collector
	src *source // nil without a file
	// nodes holds the mapping of each struct, by the pointer to it.
	nodes map[any]*Node
	// origins says which settings do not come from the file, and from where.
	origins map[setting]string
	absent  []Absent
	short   []string
	files   []string
}

// Files lists the files that settings were read from: the document, and those of
// secrets, whether they could be read or not.
func (s *Settings) Files() []string {
	if s.src == nil {
		return nil
	}
	return append([]string{s.src.name}, s.files...)
}

// setting is one key of a struct, named by the pointer to it.
type setting struct {
	owner any
	key   string
}

// NoFile returns the settings of a configuration without a file.
func NoFile() *Settings { return &Settings{nodes: map[any]*Node{}, origins: map[setting]string{}} }

// Override records that a setting comes from elsewhere, such as "flag --port".
func (s *Settings) Override(owner any, key, origin string) { s.origins[setting{owner, key}] = origin }

// Overridden reports whether Override was called for a setting.
func (s *Settings) Overridden(owner any, key string) bool {
	return s.origins[setting{owner, key}] != ""
}

// At returns where a setting comes from: its value in the file, or the flag or
// variable that replaces it. Where there is neither, the mapping that it
// belongs to, or the whole document.
func (s *Settings) At(owner any, key string) Place {
	if origin := s.origins[setting{owner, key}]; origin != "" {
		return Place{File: origin}
	}
	if s.src == nil {
		return Place{File: outside}
	}
	n := s.nodes[owner]
	if n == nil {
		return s.src.place(1, 1)
	}
	for _, name := range []string{key, key + "_file"} {
		if e := n.Get(name); e != nil {
			return s.place(e.Value)
		}
	}
	return s.place(n)
}

func (s *Settings) place(n *Node) Place { return s.src.place(n.Line, n.Column) }

// Decoded reports whether the file has a mapping for a struct.
func (s *Settings) Decoded(owner any) bool { return s.nodes[owner] != nil }

// Given reports whether a setting has a value of its own.
func (s *Settings) Given(owner any, key string) bool {
	return s.Overridden(owner, key) || s.nodes[owner].Get(key) != nil || s.nodes[owner].Get(key+"_file") != nil
}

// Sound reports whether the value of a setting could be decoded, or is not given.
func (s *Settings) Sound(owner any, key string) bool {
	if s.Overridden(owner, key) {
		return true
	}
	for _, name := range []string{key, key + "_file"} {
		if e := s.nodes[owner].Get(name); e != nil && e.Value.broken() {
			return false
		}
	}
	return true
}

// Written quotes a setting as the file has it, or else its value.
func (s *Settings) Written(owner any, key, value string) string {
	if e := s.nodes[owner].Get(key); e != nil {
		value = e.Value.Text
	}
	return Quoted(value)
}

// Wrong reports a fault of a setting, wherever that comes from.
func (s *Settings) Wrong(owner any, key, message, hint string) {
	s.Add(s.At(owner, key), message, hint)
}

// Lacks reports a setting that is not given, and that those need who use a part.
func (s *Settings) Lacks(part string, owner any, key, message, hint string) {
	s.note(Absent{Problem{message, hint}, s.At(owner, key), part, true})
}

func (s *Settings) note(a Absent) {
	if !slices.Contains(s.absent, a) {
		s.absent = append(s.absent, a)
	}
}

// Short records a secret of fewer than four characters; where names it.
func (s *Settings) Short(value secret.Secret, where string) {
	if value.IsShort() && !slices.Contains(s.short, where) {
		s.short = append(s.short, where)
	}
}

// ShortSecrets returns what Short has recorded.
func (s *Settings) ShortSecrets() []string { return s.short }

// Err returns a *Faults with every fault that was reported, and what is absent
// and needed; nil when there is nothing.
func (s *Settings) Err(needed func(Absent) bool) error {
	all := collector{slices.Clone(s.list)}
	return all.withAbsent(s, needed)
}

// ErrAbsent returns a *Faults with what is absent and needed, or nil.
func (s *Settings) ErrAbsent(needed func(Absent) bool) error {
	var all collector
	return all.withAbsent(s, needed)
}

// String gives the line and the column of a place.
func (p Place) String() string { return fmt.Sprintf("line %d, column %d", p.Line, p.Column) }
