package parse

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
)

// Definitions reads the body of GET /api/client/features. An error is a
// *SyntaxError and means that the document is not such a body; a fault inside one
// flag is a Problem of that flag.
//
// What cannot be read is kept harmless: a strategy or constraint that makes no
// sense becomes one that no context passes, and a flag that makes no sense is left
// out, which SDKs answer as off. Numbers and booleans where the protocol has
// text are taken as they are written.
//
// For the next version of a document there is Next.
func Definitions(doc []byte, env edgecore.Environment) (*edgecore.Definitions, error) {
	return parse(context.Background(), string(doc), env, &known{})
}

// parse reads a document in which known elements are left out, if any.
func parse(ctx context.Context, doc string, env edgecore.Environment, known *known) (*edgecore.Definitions, error) {
	if err := checkJSON(doc); err != nil {
		return nil, err
	}
	p := parser{cursor: cursor{s: doc}, ended: ctx.Err, known: known, defs: &edgecore.Definitions{Environment: env}}
	if p.kind() != 'o' {
		return nil, syntaxError(doc, 0, "definitions are a JSON object with a list of \"features\", this is "+p.what())
	}
	// Of several members with one name the last one counts.
	var features, segments part
	p.members(func(key string) {
		switch key {
		case "features":
			p.defs.Features = nil
			features = p.part(p.features)
			return
		case "segments":
			p.defs.Segments = nil
			segments = p.part(p.segments)
			return
		case "meta":
			if p.kind() == 'o' {
				p.object(func(key string) {
					if text := p.scalar(); key == "revisionId" {
						p.defs.Revision = revision(text)
					}
				})
				return
			}
		case "version", "query": // written again
		default:
			whole := p.apart()
			p.defs.Others = append(p.defs.Others, edgecore.Member{Name: strings.Clone(key), Raw: p.skip()})
			p.rejoin(whole)
			return
		}
		p.skip()
	})
	if p.stopped {
		return nil, p.err
	}
	switch {
	case p.isExport():
		return nil,
			syntaxError(doc, 0, "this is an export file of Unleash: take the answer of GET /api/client/features, "+
				"which has the strategies and states of one environment in each flag")
	case features.what == "":
		return nil, syntaxError(doc, 0, "\"features\" must be a list of flags, it is missing")
	case features.what != "a list":
		return nil, syntaxError(doc, features.at, "\"features\" must be a list of flags, it is "+features.what)
	case segments.what != "" && segments.what != "a list" && segments.what != "null":
		return nil, syntaxError(doc, segments.at, "\"segments\" must be a list, it is "+segments.what)
	case p.clash():
		return nil, errClash
	}
	if p.flags > 0 && len(p.defs.Features) == 0 {
		kept := features.problems.List()
		first := kept[0]
		for _, problem := range kept {
			if strings.HasSuffix(problem.What, "left out") {
				first = problem
				break
			}
		}
		return nil,
			syntaxError(doc, features.at,
				fmt.Sprintf("none of the %d flags can be read; the first: %s", p.flags, first))
	}
	p.problems.Join(features.problems, segments.problems)
	p.defs.Problems = p.problems.List()
	return p.defs, nil
}

// part is a member of the document that has been read.
type part struct {
	at       int
	what     string // "" for none
	problems edgecore.ProblemList
}

// part reads a member that must be a list; anything else is passed over. Its
// problems are reported with it: another member of its name takes its place.
func (p *parser) part(list func()) part {
	p.blanks()
	out, others := part{at: p.i, what: p.what()}, p.problems
	p.problems = edgecore.ProblemList{}
	if p.kind() == 'l' {
		list()
	} else {
		p.skip()
	}
	out.problems, p.problems = p.problems, others
	return out
}

// isExport reports whether the document is what Unleash's export of a project
// writes: strategies and states are beside the flags there, not in them.
func (p *parser) isExport() bool {
	return slices.ContainsFunc(p.defs.Others, func(m edgecore.Member) bool {
		return m.Name == "featureStrategies" || m.Name == "featureEnvironments"
	})
}

// revision reads a whole number; anything else is 0.
func revision(text string) uint64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || n > 1<<63 {
		return 0
	}
	return uint64(n)
}

// parser collects problems while it walks one document.
type parser struct {
	cursor
	ended    func() error // why the context of this reading has ended
	known    *known
	defs     *edgecore.Definitions
	problems edgecore.ProblemList
	path     []step         // to what is being read
	index    map[string]int // places of the flags that were read, by name
	digester digester

	flags int   // elements of the list of flags, read or not
	steps uint  // that were counted so far
	err   error // why the cursor has stopped

	// Of the flag or the segment that is being read: where it begins, how many
	// elements its lists have so far, and whether that is too many.
	start int
	count int
	dense bool
}

// An element of a list takes up to 96 bytes of memory, even if it is written as
// "{}". The shortest that means something, a dependency, has 16 bytes: a flag or
// a segment with more elements than that, and a few, is left out.
const (
	bytesPerElement = 16
	spareElements   = 8
	scalarBytes     = 2 // of an element that is a number or a text, with its comma
)

// element counts a strategy, constraint, variant, override or dependency.
func (p *parser) element() {
	if p.count++; p.count > spareElements+(p.i-p.start)/bytesPerElement {
		p.dense, p.stopped = true, true
	}
}

// begin prepares to read a flag or a segment, and returns where it is.
func (p *parser) begin() (start int) {
	p.blanks()
	p.start, p.count = p.i, 0
	return p.i
}

// tooDense reports whether what was begun there has too many elements, and
// passes over it then.
func (p *parser) tooDense(start int) bool {
	if !p.dense {
		return false
	}
	p.dense, p.stopped = false, p.err != nil
	p.i = start
	p.skip()
	return true
}

const denseText = "its strategies, constraints, variants and the like have fewer than 16 bytes each, which Unleash " +
	"does not send"

// step is a member of an object, or an element of a list where name is "".
type step struct {
	name  string
	index int
}

func (p *parser) enter(name string, index int) { p.path = append(p.path, step{name, index}) }

// stepsPerCheck is how many flags, segments, elements of a long list, and members
// of a long object are read between two looks at the context.
const stepsPerCheck = 256

func (p *parser) step() {
	if p.steps++; p.steps%stepsPerCheck == 0 {
		p.lookAtContext()
	}
}

func (p *parser) lookAtContext() {
	if err := p.ended(); err != nil {
		p.stopped, p.err = true, err
	}
}

func (p *parser) leave() { p.path = p.path[:len(p.path)-1] }

// problem notes what is wrong with what is being read, a text in parts.
func (p *parser) problem(what ...string) {
	if p.problems.Full() {
		p.problems.Omit()
		return
	}
	var where strings.Builder
	for _, s := range p.path {
		switch {
		case s.name == "":
			fmt.Fprintf(&where, "[%d]", s.index)
		case where.Len() > 0:
			where.WriteString("." + s.name)
		default:
			where.WriteString(s.name)
		}
	}
	p.problems.Add(edgecore.Problem{Where: where.String(), What: strings.Join(what, "")})
}

// members reads an object: f reads the value of each member. Anything else is
// passed over. Few names are searched one by one, which is faster than a map and
// takes no memory.
func (p *parser) members(f func(key string)) {
	if p.kind() != 'o' {
		p.skip()
		return
	}
	var room [16]string
	seen, others := room[:0], nameSet(nil)
	p.object(func(key string) {
		p.enter(key, 0)
		if slices.Contains(seen, key) || others != nil && others.has(key) {
			p.problem("is given twice; the last one counts")
		}
		if len(seen) < len(room) {
			seen = append(seen, key)
		} else {
			others = p.keep(others, key)
		}
		f(key)
		p.leave()
	})
}

// nameSet holds names beyond the few that are searched one by one.
type nameSet map[string]struct{}

func (s nameSet) has(name string) bool {
	_, ok := s[name]
	return ok
}

// keep adds a name to a set that may be nil. Such objects may be long.
func (p *parser) keep(s nameSet, name string) nameSet {
	p.step()
	if s == nil {
		s = nameSet{}
	}
	s[name] = struct{}{}
	return s
}

// elements reads a list: f reads each element. null is an empty list, and so
// is anything else, which is a Problem.
func (p *parser) elements(f func()) {
	switch p.kind() {
	case 'l':
		p.list(func(i int) {
			p.enter("", i)
			f()
			p.leave()
		})
	case '0':
		p.skip()
	default:
		p.problem("must be a list, it is ", p.what(), "; it counts as an empty one")
		p.skip()
	}
}

// whole reads a number as a whole one; ok is false for anything else.
func (p *parser) whole() (n int, ok bool) {
	if p.kind() != 'n' {
		p.skip()
		return 0, false
	}
	f, err := strconv.ParseFloat(p.skip(), 64)
	if err != nil || f != float64(int(f)) || f > 1<<53 || f < -1<<53 {
		return 0, false
	}
	return int(f), true
}

// what names the kind of what comes next.
func (p *parser) what() string {
	switch p.kind() {
	case 'o':
		return "an object"
	case 'l':
		return "a list"
	case 't':
		return "text"
	case 'n':
		return "a number"
	case 'b':
		return "a boolean"
	default:
		return "null"
	}
}
