package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/sinks"
)

// result is the outcome of one key of one target, as --json prints it.
type result struct {
	Target   string    `json:"target"`
	Sink     string    `json:"sink"`
	Key      sinks.Key `json:"key"`
	Action   string    `json:"action"` // of publish.Outcome
	DryRun   bool      `json:"dryRun"` // then Action, Seq and Bytes are what a write would be
	Digest   string    `json:"digest,omitempty"`
	Seq      uint64    `json:"seq,omitempty"`    // of what is stored, 0 for nothing
	Before   int       `json:"before,omitempty"` // bytes that were stored before
	Bytes    int       `json:"bytes,omitempty"`  // written
	Limit    int       `json:"limit,omitempty"`  // bytes that the sink takes, 0 for any
	Verified bool      `json:"verified"`         // a read has shown what was written
	Seen     *bool     `json:"seen,omitempty"`   // with --wait-seen: every probe shows it
	Changes  []change  `json:"changes"`
	Text     string    `json:"text,omitempty"` // why it is held or pinned
	Error    string    `json:"error,omitempty"`
}

// change is what a sync means for one flag.
type change struct {
	Sign string `json:"sign"` // "+", "-", "~" or "!!"
	Flag string `json:"flag"`
	Text string `json:"text,omitempty"` // such as "off -> on"
}

func (r *syncRun) result(t *publish.Target, out publish.Outcome, verified bool) result {
	made := result{
		Target: out.Target, Sink: out.Sink, Key: out.Key, Action: out.Action, DryRun: r.flags.dryRun,
		Digest: out.Digest, Seq: out.Seq, Before: out.Before, Bytes: out.Bytes, Limit: t.Sink.Limits().ValueBytes,
		Verified: verified && out.Err == nil, Changes: []change{}, Text: out.Text,
	}
	for _, c := range out.Changes {
		made.Changes = append(made.Changes, change{Sign: c.Sign, Flag: c.Flag, Text: c.Text})
	}
	if out.Err != nil {
		made.Error = out.Err.Error()
	}
	return made
}

func (r *syncRun) print(w io.Writer) error {
	if r.flags.json {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(r.results)
	}
	for i := range r.results {
		r.results[i].print(w)
	}
	return nil
}

// print writes a result for people.
func (r *result) print(w io.Writer) {
	word, size := r.Action, ""
	switch {
	case r.Error != "":
		word = "FAILED"
	case r.DryRun && r.writes():
		word = "would be " + word
	case r.Action == "held":
		word = "HELD"
	}
	if r.Bytes > 0 {
		size = fmt.Sprintf(", %d bytes", r.Bytes)
	}
	fmt.Fprintf(w, "%s: %s (%s in %s%s)\n", r.Target, word, r.Key, r.Sink, size)
	for _, line := range []string{r.Error, r.Text} {
		if line != "" {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	for _, c := range r.Changes {
		fmt.Fprintf(w, "  %s\n", strings.TrimRight(c.Sign+" "+c.Flag+" "+c.Text, " "))
	}
	if r.Action == "held" {
		fmt.Fprintf(w, "  if it is meant: flagcast sync --target %s --accept %.12s\n", r.Target, r.Digest)
	}
}

// writes tells whether the sink gets something.
func (r *result) writes() bool {
	return r.Action == "published" || r.Action == "repaired" || r.Action == "rewritten"
}

// verdict is the exit code of all results.
func (r *syncRun) verdict() error {
	failures, held, pending := 0, 0, false
	for _, result := range r.results {
		pending = pending || result.writes()
		if result.Error != "" {
			failures++
		}
		if result.Action == "held" {
			held++
		}
	}
	switch {
	case failures > 0 && failures < len(r.results):
		return failed(exitSome, fmt.Errorf("%d of %s failed", failures, count(len(r.results), "target")), "")
	case failures > 0:
		return failed(exitFailed, fmt.Errorf("%s failed", count(failures, "target")), "")
	case held > 0:
		return failed(exitHeld, fmt.Errorf("%s held by the guard", count(held, "snapshot")), "if it is meant, --accept its digest")
	case r.flags.exitCode && pending:
		return failed(exitPending, errors.New("changes are pending"), "")
	}
	return nil
}
