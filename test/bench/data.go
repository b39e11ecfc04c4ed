package main

import (
	"encoding/json"
	"fmt"
)

// definitions makes n flags of a fixed mix: of 20 flags 10 are plainly on or
// off, 5 have a rollout by user, 3 a list of 20 countries, 2 a rollout to
// everybody and three variants. The same n gives the same bytes.
func definitions(n int) []byte {
	state := uint32(12345)
	random := func() float64 {
		state = state*1103515245 + 12345
		return float64(state) / (1 << 32)
	}
	below := func(n int) int { return int(random() * float64(n)) }
	list := func(items ...any) []any { return append([]any{}, items...) }

	features := make([]feature, n)
	for i := range features {
		name := fmt.Sprintf("team-%d.flag-%d", i%37, i)
		f := feature{
			Name: name, Type: "release", Project: "default", Enabled: true, Variants: list(), Dependencies: list(),
		}
		s := strategy{Name: "default", Constraints: list(), Parameters: struct{}{}, Variants: list(), Segments: list()}
		switch kind := i % 20; {
		case kind < 10:
			f.Enabled = random() < 0.6
		case kind < 15:
			s.Name, s.Parameters = "flexibleRollout", rollout{name, fmt.Sprint(below(101)), "userId"}
		case kind < 18:
			values := make([]string, 20)
			for j := range values {
				values[j] = fmt.Sprint("value-", below(1000))
			}
			if random() < 0.5 {
				values[below(20)] = "norway"
			}
			s.Constraints = list(constraint{ContextName: "country", Operator: "IN", Values: values})
		default:
			s.Name, s.Parameters = "flexibleRollout", rollout{name, "100", "userId"}
			for j, weight := range []int{333, 333, 334} {
				letter := string(rune('a' + j))
				f.Variants = append(f.Variants, variant{
					Name: "variant-" + letter, Weight: weight, WeightType: "variable", Stickiness: "userId",
					Overrides: list(),
					Payload:   payload{"string", fmt.Sprintf("payload-%s-%d", letter, i)},
				})
			}
		}
		f.Strategies = list(s)
		features[i] = f
	}
	document, err := json.Marshal(map[string]any{
		"version": 2, "features": features, "segments": list(),
		"query": map[string]string{"environment": "production"}, "meta": map[string]any{"revisionId": 1, "etag": `"x"`},
	})
	if err != nil {
		panic(err)
	}
	return document
}

// The types of a GET /api/client/features body; encoding/json decodes into
// them as the peer of our parser.
type (
	document struct {
		Version  int       `json:"version"`
		Features []decoded `json:"features"`
		Segments []segment `json:"segments"`
	}
	feature struct {
		Name           string  `json:"name"`
		Type           string  `json:"type"`
		Description    *string `json:"description"`
		Project        string  `json:"project"`
		Stale          bool    `json:"stale"`
		ImpressionData bool    `json:"impressionData"`
		Enabled        bool    `json:"enabled"`
		Strategies     []any   `json:"strategies"`
		Variants       []any   `json:"variants"`
		Dependencies   []any   `json:"dependencies"`
	}
	decoded struct {
		Name           string            `json:"name"`
		Type           string            `json:"type"`
		Description    *string           `json:"description"`
		Project        string            `json:"project"`
		Stale          bool              `json:"stale"`
		ImpressionData bool              `json:"impressionData"`
		Enabled        bool              `json:"enabled"`
		Strategies     []decodedStrategy `json:"strategies"`
		Variants       []variant         `json:"variants"`
		Dependencies   []dependency      `json:"dependencies"`
	}
	strategy struct {
		Name        string `json:"name"`
		Constraints []any  `json:"constraints"`
		Parameters  any    `json:"parameters"`
		Variants    []any  `json:"variants"`
		Segments    []any  `json:"segments"`
	}
	decodedStrategy struct {
		Name        string            `json:"name"`
		Constraints []constraint      `json:"constraints"`
		Parameters  map[string]string `json:"parameters"`
		Variants    []variant         `json:"variants"`
		Segments    []int             `json:"segments"`
	}
	rollout struct {
		GroupID    string `json:"groupId"`
		Rollout    string `json:"rollout"`
		Stickiness string `json:"stickiness"`
	}
	constraint struct {
		ContextName     string   `json:"contextName"`
		Operator        string   `json:"operator"`
		Values          []string `json:"values"`
		Value           string   `json:"value,omitempty"`
		Inverted        bool     `json:"inverted"`
		CaseInsensitive bool     `json:"caseInsensitive"`
	}
	variant struct {
		Name       string  `json:"name"`
		Weight     int     `json:"weight"`
		WeightType string  `json:"weightType"`
		Stickiness string  `json:"stickiness"`
		Overrides  []any   `json:"overrides"`
		Payload    payload `json:"payload"`
	}
	payload struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	dependency struct {
		Feature  string   `json:"feature"`
		Enabled  *bool    `json:"enabled"`
		Variants []string `json:"variants"`
	}
	segment struct {
		ID          int          `json:"id"`
		Constraints []constraint `json:"constraints"`
	}
)
