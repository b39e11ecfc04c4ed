package api

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
)

// Routes lists the patterns that a handler serves.
func (h *Handler) Routes() []string {
	a := &api{Options: h.api.Options, cors: h.api.cors}
	a.Registry = prometheus.NewRegistry() // the other one has the metrics of routes already
	var list patterns
	a.register(&list, &list)
	return list
}

// patterns is a router that lists what is registered.
type patterns []string

func (p *patterns) Handle(pattern string, _ http.Handler) { *p = append(*p, pattern) }

func (p *patterns) HandleFunc(pattern string, _ func(http.ResponseWriter, *http.Request)) {
	*p = append(*p, pattern)
}

// OpenAPI is the document as it is served.
func OpenAPI() []byte { return openAPI }

// Packer makes the gzip form of versions of definitions, one after the other.
type Packer struct{ pieces []piece }

// Pack returns the encoded and the packed form of the next version, and how many
// bytes were packed for it.
func (p *Packer) Pack(d *edgecore.Definitions) (body, packed []byte, anew int) {
	body = d.Encode()
	known := map[*byte]bool{}
	for _, one := range p.pieces {
		known[&one.packed[0]] = true
	}
	packed, p.pieces = gzipPieces(body, cutsOf(d), p.pieces)
	for _, one := range p.pieces {
		if !known[&one.packed[0]] {
			anew += len(one.text)
		}
	}
	return body, packed, anew
}

// FieldsOfQuery is the context that a query gives.
func FieldsOfQuery(raw string) map[string]string { return fieldsOfQuery(parseQuery(raw)).Fields }
