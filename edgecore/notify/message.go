package notify

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/flagcast/flagcast/edgecore/publish"
)

const (
	// Slack cuts a text after 4,000 characters; DingTalk and Feishu take 20 kB.
	textBytes   = 3500
	lineBytes   = 400 // of one event in a text, without its names
	jsonChanges = 20  // flags of one event in a JSON body
)

// text tells events to people, one a line. Every line begins with "flagcast",
// the keyword that robots may be set to ask for.
func text(taken []entry) string {
	var b strings.Builder
	for i, e := range taken {
		line := e.line()
		if i > 0 && b.Len()+len(line) > textBytes {
			fmt.Fprintf(&b, "flagcast: and %d more; flagcast status shows all\n", len(taken)-i)
			break
		}
		b.WriteString(line + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (t *entry) line() string {
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
			words += fmt.Sprintf(" (if it is meant: flagcast sync --target %s --accept %.12s)", e.Target, e.Digest)
		}
		if len(t.keys) > 1 {
			words += fmt.Sprintf("; %d keys are held, see flagcast status", len(t.keys))
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

// jsonEvent is one event in the body of a JSON webhook; docs/operations.md
// describes it.
type jsonEvent struct {
	Time     string       `json:"time"`
	Event    publish.Kind `json:"event"`
	Target   string       `json:"target"`
	Sink     string       `json:"sink"`
	Key      string       `json:"key,omitempty"`
	Seq      uint64       `json:"seq,omitempty"`
	Digest   string       `json:"digest,omitempty"`
	Revision uint64       `json:"revision,omitempty"`
	Failures int          `json:"failures,omitempty"`
	Changes  []change     `json:"changes"`
	Text     string       `json:"text,omitempty"`
}

func jsonEvents(taken []entry) []jsonEvent {
	list := make([]jsonEvent, len(taken))
	for i, t := range taken {
		e := t.event
		list[i] = jsonEvent{
			Time: timeOf(e.Time), Event: e.Kind, Target: e.Target, Sink: e.Sink, Key: string(e.Key), Seq: e.Seq, Digest: e.Digest,
			Revision: e.Revision, Failures: e.Failures, Changes: changesOf(e.Changes[:min(len(e.Changes), jsonChanges)]), Text: cut(e.Text, textBytes),
		}
	}
	return list
}
