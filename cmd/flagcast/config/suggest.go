package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/internal/suggest"
)

// closest returns the word that was probably meant, or "".
func closest(written string, words []string) string { return suggest.Closest(written, words) }

// hintFor says which word was probably meant, or which there are.
func hintFor(written string, words []string) string {
	if word := closest(written, words); word != "" {
		return "did you mean " + strconv.Quote(word) + "?"
	}
	if len(words) == 0 {
		return ""
	}
	return "known here: " + strings.Join(slices.Sorted(slices.Values(words)), ", ")
}
