package strictyaml

import (
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/internal/suggest"
)

// Quoted quotes a text of the file for a message, with its secrets masked.
func Quoted(text string) string {
	const most = 60
	runes := []rune(Mask(text))
	if len(runes) > most {
		runes = append(runes[:most], '…')
	}
	return strconv.Quote(string(runes))
}

// In returns " in " and where, or "" for the document.
func In(where string) string {
	if where == "" {
		return ""
	}
	return " in " + where
}

// HintFor returns which word was probably meant, or which there are.
func HintFor(written string, words []string) string {
	if word := suggest.Closest(written, words); word != "" {
		return "did you mean " + strconv.Quote(word) + "?"
	}
	if len(words) == 0 {
		return ""
	}
	return "known here: " + strings.Join(slices.Sorted(slices.Values(words)), ", ")
}
