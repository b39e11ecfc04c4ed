package api

import "github.com/flagcast/flagcast/edgecore"

// Routes lists the patterns that a handler serves.
func (h *Handler) Routes() []string { return h.routes }

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
