package main

import (
	"encoding/json"
	"io"
)

// printJSON is how every command writes a report with --json.
func printJSON(w io.Writer, report any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // -> stands in many texts
	e.SetIndent("", "  ")
	return e.Encode(report)
}
