package report

import (
	"encoding/json"
	"io"
)

// JSON is how every command writes a report with --json.
func JSON(w io.Writer, report any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // -> is in many texts
	e.SetIndent("", "  ")
	return e.Encode(report)
}
