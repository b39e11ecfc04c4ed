package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/internal/strictyaml"
)

// EdgeUse is a setting of Unleash Edge in a manifest or a file of variables.
type EdgeUse struct {
	Line int    // from 1
	Name string // as it is written: a variable, or a flag with its dashes
	// Setting is what Edge has under that name; nil: neither Edge nor flagcast has it.
	Setting *EdgeSetting
}

// ReadEdgeManifest finds the settings of Unleash Edge in a text: manifests of Kubernetes,
// a file of Compose, values of a Helm chart, or lines of NAME=value. Values are not read:
// they may be secrets.
func ReadEdgeManifest(text string) []EdgeUse {
	m := &edgeManifest{variables: map[string]*EdgeSetting{}, flags: map[string]*EdgeSetting{}}
	settings := EdgeSettings()
	for i := range settings {
		s := &settings[i]
		m.variables[s.Variable] = s
		if s.Flag != "" {
			m.flags["--"+s.Flag] = s
		}
		if s.Short != "" && m.flags["-"+s.Short] == nil {
			m.flags["-"+s.Short] = s
		}
	}
	if !m.assignments(text) {
		line := 0
		for _, document := range documentSeparator.Split(text, -1) {
			if root := strictyaml.Read(document); root != nil {
				m.walk(root, line)
			}
			line += strings.Count(document, "\n") + 1
		}
	}
	slices.SortStableFunc(m.uses, func(a, b EdgeUse) int { return a.Line - b.Line })
	return m.uses
}

var (
	documentSeparator = regexp.MustCompile(`(?m)^---[ \t]*$\n?`)
	assignment        = regexp.MustCompile(`^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=`)
)

type edgeManifest struct {
	variables, flags map[string]*EdgeSetting
	uses             []EdgeUse
}

// assignments reads lines of NAME=value, and reports whether the text has no others.
func (m *edgeManifest) assignments(text string) bool {
	var found []EdgeUse
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name := assignment.FindStringSubmatch(line)
		if name == nil {
			return false
		}
		if s := m.variables[name[1]]; s != nil {
			found = append(found, EdgeUse{number, name[1], s})
		}
	}
	m.uses = found
	return true
}

// walk looks at a value and at what is in it. before is the number of lines before its
// document.
func (m *edgeManifest) walk(n *strictyaml.Node, before int) {
	if name := n.Get("name"); name != nil && (n.Get("value") != nil || n.Get("valueFrom") != nil) {
		m.variable(name.Value.Text, name.Value.Line+before)
	}
	for _, e := range n.Entries {
		switch e.Name {
		case "environment", "data", "stringData":
			for _, one := range e.Value.Entries {
				m.variable(one.Name, one.Key.Line+before)
			}
			for _, item := range e.Value.Items {
				name, _, _ := strings.Cut(item.Text, "=")
				m.variable(name, item.Line+before)
			}
		case "args", "command":
			m.arguments(e.Value, before)
		}
		m.walk(e.Value, before)
	}
	for _, item := range n.Items {
		m.walk(item, before)
	}
}

func (m *edgeManifest) variable(name string, line int) {
	if s := m.variables[name]; s != nil {
		m.uses = append(m.uses, EdgeUse{line, name, s})
	}
}

// arguments reads a command line: a list of words, or one text.
func (m *edgeManifest) arguments(n *strictyaml.Node, before int) {
	type word struct {
		text string
		line int
	}
	var words []word
	for _, text := range strings.Fields(n.Text) {
		words = append(words, word{text, n.Line})
	}
	for _, item := range n.Items {
		words = append(words, word{item.Text, item.Line})
	}
	// Other programs have flags, too; those of Edge follow its mode.
	ours := slices.ContainsFunc(words, func(w word) bool { return w.text == "edge" || w.text == "offline" })
	for _, w := range words {
		name, _, _ := strings.Cut(w.text, "=")
		if ours && len(name) > 1 && name[0] == '-' {
			m.uses = append(m.uses, EdgeUse{w.line + before, name, m.flags[name]})
		}
	}
}
