package api

// Routes lists the patterns that a handler serves.
func (h *Handler) Routes() []string { return h.routes }

// OpenAPI is the document as it is served.
func OpenAPI() []byte { return openAPI }
