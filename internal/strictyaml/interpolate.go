package strictyaml

import (
	"fmt"
	"regexp"
	"strings"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// interpolate replaces ${NAME} by the variable of that name, and $$ by one
// dollar sign; any other dollar sign stays. A problem names the variable,
// never a value. It works on one text of the parsed document, so that a value
// can hold no YAML.
func interpolate(text string, lookup func(string) (string, bool)) (result string, problems []textProblem) {
	if !strings.Contains(text, "$") {
		return text, nil
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), problems
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
		case !strings.HasPrefix(after, "{"):
			b.WriteByte('$')
			text = after
		default:
			name, rest, closed := strings.Cut(after[1:], "}")
			if !closed {
				return b.String(),
					append(problems, textProblem{
						Problem: Problem{`"${" has no "}"`, `write "$${" where the text itself is meant`},
					})
			}
			text = rest
			if !variableName.MatchString(name) {
				// The name may be a value that a person has pasted.
				problems = append(problems, textProblem{Problem: Problem{
					`"${…}" holds more than the name of a variable`,
					`write ${NAME}, and "$${" where the text itself is meant`,
				}})
				continue
			}
			value, ok := lookup(name)
			if !ok {
				problems = append(problems, textProblem{unset: true, Problem: Problem{
					fmt.Sprintf("environment variable %q is not set", name),
					`set it, or write "$${" where the text itself is meant`,
				}})
			}
			b.WriteString(value)
		}
	}
}

// textProblem is a problem of a text with references.
type textProblem struct {
	Problem
	unset bool // a variable is not set
}

// reference reports whether a text is nothing but references to variables, which
// can be shown even where a secret is meant.
func reference(text string) bool {
	for text != "" {
		name, rest, closed := strings.Cut(strings.TrimPrefix(text, "${"), "}")
		if !strings.HasPrefix(text, "${") || !closed || !variableName.MatchString(name) {
			return false
		}
		text = rest
	}
	return true
}
