// Package differential_test compares the evaluator of package eval with others
// on random definitions and contexts: unleash-client for Node, which the
// profile follows, and the worker's own.
//
// The seed is logged, and FLAGCAST_SEED repeats a run.
package differential_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/test/need"
)

// oracle is an evaluator in another process that answers one line of JSON with
// one line.
type oracle struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// startOracle runs a script of Node. It ends with the test.
func startOracle(t *testing.T, script string) *oracle {
	t.Helper()
	cmd := exec.Command(need.Node(t), script)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // ends the script
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", script, err, stderr.String())
		}
	})
	return &oracle{in: in, out: bufio.NewReaderSize(out, 1<<20)}
}

// ask sends some lines and returns the answers in the same order.
func (o *oracle) ask(t *testing.T, lines []byte, n int) []answer {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		_, err := o.in.Write(lines)
		sent <- err
	}()
	answers := make([]answer, n)
	for i := range answers {
		line, err := o.out.ReadBytes('\n')
		if err != nil {
			t.Fatalf("answer %d of %d: %v", i, n, err)
		}
		if err := json.Unmarshal(line, &answers[i]); err != nil {
			t.Fatalf("answer %s: %v", line, err)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	return answers
}

// answer is one line of an oracle.
type answer struct {
	Enabled bool `json:"enabled"`
	Variant struct {
		Name           string            `json:"name"`
		Enabled        bool              `json:"enabled"`
		Payload        *edgecore.Payload `json:"payload"`
		FeatureEnabled bool              `json:"feature_enabled"`
	} `json:"variant"`
	Drew  bool   `json:"drew"` // chance was asked
	Open  bool   `json:"open"` // and made a difference
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

func (a *answer) result() eval.Result {
	return eval.Result{
		Enabled: a.Enabled, Variant: &eval.Variant{
			Name: a.Variant.Name, Enabled: a.Variant.Enabled, Payload: a.Variant.Payload,
		},
	}
}

// same reports whether an oracle's answer is this result.
func (a *answer) same(r eval.Result) bool {
	return a.Error == "" && a.Variant.FeatureEnabled == a.Enabled && cmp.Equal(a.result(), r)
}

// line appends one line of JSON.
func line(b *bytes.Buffer, v any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // texts and numbers always encode
	}
}

// describe shows what one flag is, with the segments.
func describe(d *edgecore.Definitions, flag string) string {
	var b bytes.Buffer
	for _, f := range d.Features {
		if f.Name == flag || flag == "" {
			b.WriteString(f.Raw)
			for _, parent := range f.Dependencies {
				if parent.Feature != flag && flag != "" {
					b.WriteString("\nparent: " + describe(&edgecore.Definitions{Features: d.Features}, parent.Feature))
				}
			}
		}
	}
	for _, s := range d.Segments {
		b.WriteString("\nsegment: ")
		b.WriteString(s.Raw)
	}
	return b.String()
}
