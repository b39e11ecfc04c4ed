package parse

import (
	"bytes"
	"strings"

	"github.com/tidwall/gjson"
)

// FlagLines returns Definitions.Lines of a document that Parse has read.
func FlagLines(doc []byte) map[string]int {
	lines := map[string]int{}
	line, at := 1, 0
	gjson.GetBytes(doc, "features").ForEach(func(_, flag gjson.Result) bool {
		if start := flag.Index; start > at && start <= len(doc) {
			line, at = line+bytes.Count(doc[at:start], []byte("\n")), start
		}
		if name := flag.Get("name").String(); name != "" {
			lines[strings.Clone(name)] = line
		}
		return true
	})
	return lines
}
