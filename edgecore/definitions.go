package edgecore

import (
	"strconv"
	"strings"
)

// Environment names an Unleash environment, such as "production".
type Environment string

// Digest is a digest of the meaning of a JSON value: the first half of a SHA-256. White
// space, escapes in texts and the order of members do not change it.
type Digest [16]byte

// Definitions are the flags of one environment. They are never changed after
// they have been built; a change is a new value.
//
// The shape is that of GET /api/client/features (Unleash server 8, OpenAPI
// clientFeaturesSchema).
type Definitions struct {
	Environment Environment
	// Revision is upstream's meta.revisionId, 0 where upstream sends none.
	// It says where definitions come from; it does not order them.
	Revision uint64
	// Features in upstream's order. Names are unique: of two features with
	// one name the last one is used, and a Problem says so.
	Features []Feature
	// Segments in upstream's order, unique by ID like features by name.
	Segments []Segment
	// Others are the members of the document that we do not know, in
	// upstream's order.
	Others []Member
	// Problems found while reading, at most MaxProblems and one more that says
	// how many are left out. A feature that could not be read is not in
	// Features; the others are not affected.
	Problems []Problem
	// Lines are those on which the flags begin in a file, from 1, by name. nil:
	// the definitions are not from a file.
	Lines map[string]int
}

// Member is a member of a JSON object, as upstream sent it.
type Member struct {
	Name string
	Raw  string
}

// Feature is one flag.
type Feature struct {
	Name           string
	Type           string
	Project        string
	Enabled        bool
	Stale          bool
	ImpressionData bool
	Strategies     []Strategy
	Variants       []Variant
	Dependencies   []Dependency
	// Raw is the JSON object as upstream sent it, unknown members included.
	Raw    string
	Digest Digest // of Raw
}

// Strategy is one activation strategy; a flag is on when one of them passes.
type Strategy struct {
	Name        string
	Parameters  map[string]string
	Constraints []Constraint
	Segments    []int
	Variants    []Variant
}

// Constraint compares one context field with one value or a list of values.
type Constraint struct {
	ContextName     string
	Operator        string
	Values          []string
	Value           string
	Inverted        bool
	CaseInsensitive bool
}

// Segment is a list of constraints that strategies refer to by ID.
type Segment struct {
	ID          int
	Constraints []Constraint
	Raw         string
	Digest      Digest // of Raw
}

// Variant is one of the values that an enabled flag can take.
type Variant struct {
	Name       string
	Weight     int // share, usually of 1000; the sum of all weights is the whole
	Stickiness string
	Payload    *Payload
	Overrides  []Override
}

// Payload is a variant's value. Value is text whatever Type says
// ("string", "json", "csv" or "number").
type Payload struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Override gives a variant to every context whose field has one of the values.
type Override struct {
	ContextName string
	Values      []string
}

// Dependency makes a flag depend on the state of a parent flag.
type Dependency struct {
	Feature  string
	Enabled  bool     // what the parent must be
	Variants []string // names of parent variants that satisfy it; empty: any
}

// Shorten writes a list of names, of which it gives the first few.
func Shorten(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + strconv.Itoa(len(names)-most) + " more"
}
