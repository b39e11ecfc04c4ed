package config

import (
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/strictyaml"
)

// checker finds the faults that lie between settings.
type checker struct {
	*strictyaml.Settings
	offline bool
	// tokensBroken: a token of a flag or a variable has a fault.
	tokensBroken bool
}

// environments are those that upstream serves; nil when a fault hides them.
type environments []edgecore.Environment

func (e environments) hint() string {
	names := make([]string, len(e))
	for i, env := range e {
		names[i] = strictyaml.Quoted(string(env))
	}
	return "upstream serves " + strings.Join(names, ", ")
}
