package compare

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
)

// Options of a comparison.
type Options struct {
	A, B    *Server
	Samples int // contexts
	Seed    uint64
}

// Report is what a comparison has found.
type Report struct {
	A        string    `json:"a"`
	B        string    `json:"b"`
	Equal    bool      `json:"equal"`
	Features *Features `json:"features"` // null: not compared
	Frontend *Frontend `json:"frontend"` // null: not compared
	// NoDefinitions are the addresses whose client API answers 404, as that of a
	// worker does: definitions are not compared then.
	NoDefinitions []string `json:"noDefinitions,omitempty"`
	// Changed: the definitions of a server have changed meanwhile.
	Changed bool `json:"changed"`
}

// Features is the comparison of GET /api/client/features.
type Features struct {
	Flags       int          `json:"flags"`
	Segments    int          `json:"segments"`
	Differences []Difference `json:"differences"`
}

// Run compares. An error says that there is no comparison.
func Run(ctx context.Context, o Options) (*Report, error) {
	for _, s := range []*Server{o.A, o.B} {
		if err := s.open(ctx); err != nil {
			return nil, err
		}
	}
	r := &Report{A: o.A.name(), B: o.B.name()}
	for _, s := range []*Server{o.A, o.B} {
		if s.features == nil && s.unserved != nil {
			r.NoDefinitions = append(r.NoDefinitions, s.name())
		}
	}
	programs, err := r.features(o.A, o.B)
	if err != nil {
		return nil, err
	}
	if o.A.answers && o.B.answers {
		s := &sampler{programs: programs, plain: !o.A.all || !o.B.all, random: rand.New(rand.NewPCG(o.Seed, o.Seed))}
		if r.Frontend, err = answers(ctx, o, s); err != nil {
			return nil, err
		}
	}
	if r.Features == nil && r.Frontend == nil {
		return nil,
			errors.New("one server takes only a token of the client API and the other only one of the frontend API")
	}
	r.Equal = (r.Features == nil || len(r.Features.Differences) == 0) &&
		(r.Frontend == nil || r.Frontend.Different == 0)
	if !r.Equal {
		r.Changed, err = changed(ctx, o)
	}
	return r, err
}

// features compares the definitions, and compiles what is to be sampled.
func (r *Report) features(servers ...*Server) (programs []*eval.Program, err error) {
	var documents []*document
	for _, s := range servers {
		if s.features == nil {
			continue
		}
		d, err := parseDefinitions(s.features)
		if err != nil {
			return nil, fmt.Errorf("ask %s/api/client/features: %w", s.name(), err)
		}
		documents = append(documents, d)
		parsed, err := parse.Definitions(s.features, "compared")
		if err != nil {
			return nil, fmt.Errorf("ask %s/api/client/features: %w", s.name(), err)
		}
		program, _ := compile.Program(parsed) // a fault of a flag is the same on both sides, or a difference
		programs = append(programs, program)
	}
	if len(documents) < 2 {
		return programs, nil
	}
	r.Features = &Features{
		Flags:       len(union(documents[0].flags, documents[1].flags)),
		Segments:    len(union(documents[0].segments, documents[1].segments)),
		Differences: definitions(documents[0], documents[1]),
	}
	if len(r.Features.Differences) == 0 {
		programs = programs[:1]
	}
	return programs, nil
}

// changed asks for the definitions again: what differs may have changed while
// it was compared.
func changed(ctx context.Context, o Options) (bool, error) {
	for _, s := range []*Server{o.A, o.B} {
		if s.features == nil {
			continue
		}
		body, err := s.definitions(ctx, s.backend)
		if err != nil {
			return false, err
		}
		before, err := parseDefinitions(s.features)
		if err != nil {
			return false, err
		}
		after, err := parseDefinitions(body)
		if err != nil || len(definitions(before, after)) > 0 {
			return true, err
		}
	}
	return false, nil
}
