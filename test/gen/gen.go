// Package gen draws Unleash definitions, contexts and regular expressions for
// tests that compare evaluators with each other or with themselves.
//
// Definitions are GET /api/client/features bodies as the Unleash server would
// accept and send them, over few fields and values, so that conditions meet
// contexts. Everything that is drawn depends on the Source alone.
//
// The package imports nothing of the module, so that tests of any package can
// use it.
package gen

import (
	"slices"
	"strconv"
)

// Source gives numbers from 0 to n-1: *rand.Rand of math/rand/v2 is one, and a
// property test wraps its own.
type Source interface{ IntN(n int) int }

// Options say what definitions may hold. The zero value asks for everything
// that is valid.
type Options struct {
	Flags int // how many; 0 means 1 to 6
	// Without leaves kinds of input out, which a peer is known to read
	// differently.
	Without []Class
	// Odd adds what the server would refuse: bad numbers, unknown operators,
	// wrong types, missing members, names that occur twice.
	Odd bool
}

// Class is a kind of input on which evaluators that are both right by their
// own rules give different answers.
type Class string

const (
	// EmptyAddress: an empty item in the list of addresses of the strategy
	// remoteAddress, or one that is not an address.
	EmptyAddress Class = "items of remoteAddress that are no addresses"
	// WideAddress: IPv6 in the strategy remoteAddress by range or spelling,
	// and blanks around the list.
	WideAddress Class = "IPv6 and blanks in remoteAddress"
	// LooseAddress: a context value that is an address with a mask or a zone,
	// and a CIDR range with a zone.
	LooseAddress Class = "addresses with masks or zones in the context"
	// Sigma: a letter whose lower case depends on its neighbours.
	Sigma Class = "sigma, in any case"
	// NumberText: texts that are numbers for JavaScript only.
	NumberText Class = "numbers in the ways of JavaScript"
	// VersionText: versions that node-semver reads and the specification of
	// semantic versions does not, and the other way round.
	VersionText Class = "versions in the ways of node-semver"
	// LongInput: more text than a regular expression is matched against.
	LongInput Class = "regular expressions on more than 2,048 characters"
	// LargePattern: regular expressions beyond the caps.
	LargePattern Class = "regular expressions beyond the caps"
	// Separator: control characters that a rules snapshot separates texts by.
	Separator Class = "U+007F and U+0080 in names and list values"
	// NoParameters: a strategy without the member parameters.
	NoParameters Class = "strategies without parameters"
)

// Classes lists all of them.
func Classes() []Class {
	return []Class{
		EmptyAddress, WideAddress, LooseAddress, Sigma, NumberText, VersionText, LongInput, LargePattern, Separator,
		NoParameters,
	}
}

// State is one document with what contexts are made of.
type State struct {
	Document []byte
	Flags    []string // names of all flags, and one that there is not
	Fields   []string // names of fields that a context may have
	options  Options
	operands map[string][]string // by field: what conditions compare it with
	kinds    map[string]kind     // by field: how they compare it
	instants []int64             // of DATE constraints, in Unix milliseconds
}

// kind is a set of ways in which a field is compared.
type kind uint8

const (
	byNumber kind = 1 << iota
	byVersion
	byAddress
	byCase
)

// Definitions draws a document.
func Definitions(s Source, o Options) *State {
	g := &generator{
		Source: s, o: o, state: &State{options: o, operands: map[string][]string{}, kinds: map[string]kind{}},
	}
	g.fields = slices.Clone(standardFields)
	for _, name := range customFields {
		if g.chance(60) {
			g.fields = append(g.fields, name)
		}
	}
	document := g.document()
	if o.Odd {
		g.spoil(&document)
	}
	g.state.Document = encode(document)
	g.state.Fields = g.fields
	g.state.Flags = append(slices.Clone(g.names), "no such flag")
	return g.state
}

type generator struct {
	Source
	o        Options
	state    *State
	fields   []string
	names    []string // of flags so far
	children []bool   // which of them have parents
	segments []int
}

// chance is true in so many of a hundred cases.
func (g *generator) chance(percent int) bool { return g.IntN(100) >= 100-percent }

// may reports whether a kind of input is asked for.
func (g *generator) may(c Class) bool { return !slices.Contains(g.o.Without, c) }

func pick[T any](s Source, list []T) T { return list[s.IntN(len(list))] }

// some draws up to most values from a list.
func some[T any](s Source, list []T, most int) []T {
	out := make([]T, s.IntN(most+1))
	for i := range out {
		out[i] = pick(s, list)
	}
	return out
}

// compares notes what a field is compared with, for contexts to hit it.
func (g *generator) compares(field string, how kind, operands ...string) {
	g.state.kinds[field] |= how
	g.state.operands[field] = append(g.state.operands[field], operands...)
}

func (g *generator) field() string { return pick(g, g.fields) }

func itoa(n int) string { return strconv.Itoa(n) }
