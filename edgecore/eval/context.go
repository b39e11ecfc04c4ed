package eval

import (
	"time"

	"github.com/flagcast/flagcast/edgecore"
)

// Context is what an evaluation may look at. It is read, never kept.
type Context struct {
	// Fields maps names to values: userId, sessionId, remoteAddress,
	// environment, appName and any property. A field that is not here is
	// missing; the empty string is a value.
	Fields map[string]string
	// Absent names fields of a static context that are known to be missing
	// in every request. Only Specialize looks at it.
	Absent []string
	// Time is the instant of the evaluation; required for DATE operators.
	Time time.Time
	// Seed drives random draws: a draw is a hash of the flag's group id and
	// the seed, so that two flags of one request do not share one draw. Give
	// each request a new one. Without a seed a draw selects no user: a share
	// below 100 % that nothing but chance could decide is off, and a variant
	// that only chance could choose is the disabled one.
	Seed string
}

// Result of one evaluation: enabled and variant come from one pass.
type Result struct {
	Enabled bool
	Variant *Variant // never nil; shared: do not change it
}

// Variant is the chosen variant, or the one named "disabled".
type Variant struct {
	Name    string
	Enabled bool
	Payload *edgecore.Payload // nil: none
}

// Flag is what a program holds about one of its flags.
type Flag struct {
	Name           string
	Type           string // "" in a program that was decoded
	Project        string // "" in a program that was decoded
	ImpressionData bool
	// Hidden marks a parent of a flag that Select has kept: it is evaluated
	// for its children and belongs in no list.
	Hidden bool
}

// Disabled is the variant of a flag without one, and Off the answer of a flag
// that is off or unknown.
var (
	Disabled = Variant{Name: "disabled"}
	Off      = Result{Variant: &Disabled}
)
