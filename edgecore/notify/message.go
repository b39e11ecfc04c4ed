package notify

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/printable"
)

const (
	// Slack cuts a text after 4,000 characters; DingTalk and Feishu take 20 kB.
	textBytes   = 3500
	lineBytes   = 400 // of one event in a text, without its names
	jsonChanges = 20  // flags of one event in a JSON body
)

// text writes events for people, one a line. Every line begins with "flagcast",
// the keyword that robots may be set to ask for. Commands in it end with
// configArgument.
func text(taken []entry, configArgument string) string {
	var b strings.Builder
	for i, e := range taken {
		line := printable.Text(e.line(configArgument))
		if i > 0 && b.Len()+len(line) > textBytes {
			fmt.Fprintf(&b, "flagcast: and %d more; flagcast status%s shows all\n", len(taken)-i,
				printable.Text(configArgument))
			break
		}
		b.WriteString(line + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (t *entry) line(configArgument string) string {
	e := t.event
	place := "sink " + e.Sink
	if e.Key != "" {
		place = fmt.Sprintf("key %s in sink %s", e.Key, e.Sink)
	}
	about := fmt.Sprintf("flagcast: target %s (%s) ", cut(e.Target, lineBytes), cut(place, lineBytes))
	words := cut(strings.Join(strings.Fields(e.Text), " "), lineBytes)
	switch e.Kind {
	case publish.Failed:
		about += "has failed"
		if e.Failures > 1 {
			about += fmt.Sprintf(" %d times in a row", e.Failures)
		}
	case publish.Held:
		about += "is held"
		if e.Digest != "" {
			words += fmt.Sprintf(" (if it is meant: flagcast sync --target %s --accept %.12s%s)", e.Target, e.Digest,
				configArgument)
		}
		if len(t.keys) > 1 {
			words += fmt.Sprintf("; %d keys are held, see flagcast status%s", len(t.keys), configArgument)
		}
	case publish.Stale:
		about += "is stale"
	case publish.Recovered:
		about += "is up to date again"
	default:
		about += string(e.Kind)
	}
	if words = strings.TrimSpace(words); words == "" {
		return about
	}
	return about + ": " + words
}

// cut shortens a text to a number of bytes, between two characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

func records(taken []entry) []record {
	list := make([]record, len(taken))
	for i, t := range taken {
		e := t.event
		e.Changes, e.Text = flagdiff.Foremost(e.Changes), cut(e.Text, textBytes)
		e.Changes = e.Changes[:min(len(e.Changes), jsonChanges)]
		list[i] = recordOf(e)
		list[i].Failures = e.Failures
	}
	return list
}
