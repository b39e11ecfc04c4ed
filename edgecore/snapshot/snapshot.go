// Package snapshot is the codec of what flagcast publishes: the formats, their
// digest and order, and the differences between two of them in the language of
// flags. It is pure: the same input gives the same bytes.
//
// A snapshot is a JSON object with the flags and one more member, "flagcast",
// that says where it comes from. docs/snapshot-format.md describes both.
package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/internal/plainjson"
)

// Format names a format with its version. A target names one, and a newer
// binary does not change it by itself.
type Format string

const (
	// Evaluated1 holds answers for one fixed context, in the shape of
	// Unleash's GET /api/frontend.
	Evaluated1 Format = "evaluated/1"
	// Rules1 holds what the static context leaves open of each flag, for the
	// worker to decide for each request.
	Rules1 Format = "rules/1"
	// Definitions1 is a GET /api/client/features body, from which Unleash's
	// own SDKs bootstrap.
	Definitions1 Format = "definitions/1"
)

// Formats lists what this version writes.
func Formats() []Format { return []Format{Evaluated1, Rules1, Definitions1} }

// Contextual says what an evaluated snapshot does with a flag whose answer
// needs more than the static context.
type Contextual string

const (
	// ContextualOff answers as Unleash does for the static context alone, and
	// lets a random draw select no user: a canary stays off.
	ContextualOff Contextual = "off"
	// ContextualOmit leaves such flags out.
	ContextualOmit Contextual = "omit"
	// ContextualEvaluate decides draws by one fixed seed: a canary of 10 %
	// is on for all users or for none.
	ContextualEvaluate Contextual = "evaluate"
)

// Spec says what a target publishes.
type Spec struct {
	Format      Format
	Environment edgecore.Environment
	Target      string
	// Static is the part of the context that the target fixes.
	Static          eval.Context
	Contextual      Contextual // "" means ContextualOff
	IncludeDisabled bool       // evaluated: list flags that are off, too
	Projects        []string   // only flags of these projects; empty: all
	Flags           []string   // only flags whose name matches one of these globs (path.Match); empty: all
	// Rules says what becomes of ids in a rules snapshot.
	Rules rules.Options
	// Heartbeat is written for readers (Meta.Heartbeat), in whole seconds.
	Heartbeat time.Duration
}

// Snapshot is one encoded snapshot, before it has a place in an order.
type Snapshot struct {
	// Digest is the SHA-256 of the content in hexadecimal: without the
	// "flagcast" member, and without "meta" and "query" in definitions.
	Digest string
	// Contextual names the flags whose answer needs more than the static
	// context, sorted.
	Contextual []string
	// Count is the number of flags in the snapshot.
	Count int
	// Problems are what the format cannot hold, flag by flag, and what follows.
	Problems []edgecore.Problem

	spec     Spec
	revision uint64
	content  []byte          // a JSON object: what the digest covers
	program  *eval.Program   // of rules and definitions
	selected map[string]bool // flags of definitions
}

// Spec returns what the snapshot was encoded for.
func (s *Snapshot) Spec() *Spec { return &s.spec }

// Format returns the format of the snapshot.
func (s *Snapshot) Format() Format { return s.spec.Format }

// Program returns the program of a rules snapshot, and for definitions that of
// all flags; nil for evaluated ones, which hold answers.
func (s *Snapshot) Program() *eval.Program { return s.program }

// Revision returns upstream's number of the definitions.
func (s *Snapshot) Revision() uint64 { return s.revision }

// Environment returns the environment of the flags.
func (s *Snapshot) Environment() edgecore.Environment { return s.spec.Environment }

// Encode evaluates a program, or copies its definitions, into a snapshot. now
// is the time of DATE constraints.
func Encode(d *edgecore.Definitions, p *eval.Program, spec Spec, now time.Time) (Snapshot, error) {
	s := Snapshot{spec: spec, revision: d.Revision}
	switch spec.Format {
	case Evaluated1:
		s.evaluate(p, now)
	case Rules1:
		if err := s.specialize(p); err != nil {
			return Snapshot{}, fmt.Errorf("encode snapshot: %w", err)
		}
	case Definitions1:
		s.copy(d)
		s.program = p
	default:
		return Snapshot{}, fmt.Errorf("encode snapshot: format %q is not one of %q", spec.Format, Formats())
	}
	sum := sha256.Sum256(s.content)
	s.Digest = hex.EncodeToString(sum[:])
	return s, nil
}

// Toggle is one flag in an evaluated snapshot.
type Toggle struct {
	Name           string  `json:"name"`
	Enabled        bool    `json:"enabled"`
	Variant        Variant `json:"variant"`
	ImpressionData bool    `json:"impressionData"`
}

// Variant is the variant of a Toggle. FeatureEnabled has both of the
// spellings that Unleash uses.
type Variant struct {
	Name            string            `json:"name"`
	Enabled         bool              `json:"enabled"`
	Payload         *edgecore.Payload `json:"payload,omitempty"`
	FeatureEnabled  bool              `json:"feature_enabled"`
	FeatureEnabled2 bool              `json:"featureEnabled"`
}

// NewToggle puts a result into the shape of the frontend API.
func NewToggle(f eval.Flag, r eval.Result) Toggle {
	return Toggle{Name: f.Name, Enabled: r.Enabled, ImpressionData: f.ImpressionData, Variant: NewVariant(r)}
}

// NewVariant is the variant of NewToggle.
func NewVariant(r eval.Result) Variant {
	return Variant{
		Name: r.Variant.Name, Enabled: r.Variant.Enabled, Payload: r.Variant.Payload,
		FeatureEnabled: r.Enabled, FeatureEnabled2: r.Enabled,
	}
}

// fixedSeed decides the draws of ContextualEvaluate.
const fixedSeed = "0"

// Context is the context of an evaluated snapshot.
func (s *Spec) Context(now time.Time) eval.Context {
	static := s.Static
	static.Time, static.Seed = now, ""
	if s.Contextual == ContextualEvaluate {
		static.Seed = fixedSeed
	}
	return static
}

func (s *Snapshot) evaluate(p *eval.Program, now time.Time) {
	static := s.spec.Context(now)
	toggles := []Toggle{}
	view, contextual := p.NewView(&static), compile.Contextual(p, &static)
	for i, f := range p.Flags() {
		if !s.spec.Takes(f.Name, f.Project) {
			continue
		}
		if contextual[i] {
			s.Contextual = append(s.Contextual, f.Name)
		}
		if contextual[i] && s.spec.Contextual == ContextualOmit {
			continue
		}
		r := view.Flag(i)
		if r.Enabled || s.spec.IncludeDisabled {
			toggles = append(toggles, NewToggle(f, r))
		}
	}
	s.Count = len(toggles)
	s.content = encode(struct {
		Toggles []Toggle `json:"toggles"`
	}{toggles})
}

// Specialize is the program that a rules snapshot holds.
func (s *Spec) Specialize(p *eval.Program) *eval.Program {
	return compile.Select(compile.Specialize(p, &s.Static), func(f eval.Flag) bool {
		return s.Takes(f.Name, f.Project)
	})
}

// specialize writes the program that the static context leaves.
func (s *Snapshot) specialize(p *eval.Program) error {
	var rest *eval.Program
	rest, s.Problems = rules.Fit(s.spec.Specialize(p))
	rules, err := rules.Encode(rest, s.spec.Rules)
	if err != nil {
		return err
	}
	for _, f := range rest.Flags() {
		if !f.Hidden {
			s.Count++
		}
	}
	s.content = slices.Concat([]byte(`{"rules":`), rules, []byte("}"))
	s.program = rest
	return nil
}

// FlagNames names the flags of a definitions snapshot. Parents that the filter
// leaves out stay, since their children would be off without them.
func (s *Spec) FlagNames(d *edgecore.Definitions) map[string]bool {
	wanted := map[string]bool{}
	for _, f := range d.Features {
		if s.Takes(f.Name, f.Project) {
			wanted[f.Name] = true
			for _, parent := range f.Dependencies {
				wanted[parent.Feature] = true
			}
		}
	}
	return wanted
}

// copy keeps the text of each flag as upstream sent it.
func (s *Snapshot) copy(d *edgecore.Definitions) {
	wanted := s.spec.FlagNames(d)
	s.selected = wanted
	segments := map[int]bool{}
	features, used := []json.RawMessage{}, []json.RawMessage{}
	for _, f := range d.Features {
		if wanted[f.Name] {
			features = append(features, json.RawMessage(f.Raw))
			for _, strategy := range f.Strategies {
				for _, id := range strategy.Segments {
					segments[id] = true
				}
			}
		}
	}
	for _, segment := range d.Segments {
		if segments[segment.ID] {
			used = append(used, json.RawMessage(segment.Raw))
		}
	}
	s.Count = len(features)
	s.content = encode(struct {
		Version  int               `json:"version"`
		Features []json.RawMessage `json:"features"`
		Segments []json.RawMessage `json:"segments"`
	}{2, features, used})
}

// Takes reports whether the target publishes a flag.
func (s *Spec) Takes(name, project string) bool {
	if len(s.Projects) > 0 && !slices.Contains(s.Projects, project) {
		return false
	}
	if len(s.Flags) == 0 {
		return true
	}
	return slices.ContainsFunc(s.Flags, func(glob string) bool {
		ok, err := path.Match(glob, name)
		return err == nil && ok
	})
}

// Undecided reports whether a target publishes evaluated snapshots and does not
// say what becomes of flags that depend on the request.
func (s *Spec) Undecided() bool {
	return s.Format == Evaluated1 && (s.Contextual == "" || s.Contextual == ContextualOff)
}

// encode writes JSON. It compacts raw text, so that the bytes do not depend on
// how upstream indents. Only raw text that is not JSON would not encode, and the
// parser has checked it.
func encode(v any) []byte { return plainjson.Must(v) }
