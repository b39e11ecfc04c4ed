package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// runBatch answers JSON lines. A line that cannot be answered is answered with
// an error, and the next one is read.
func runBatch(c *cobra.Command, names []string, flags evalFlags) error {
	if len(names) > 0 || flags.explain || len(flags.context) > 0 {
		return exit.With(exit.Usage, errors.New("--batch takes flags and contexts from its lines"),
			"leave out names, --context and --explain")
	}
	b := batch{seed: flags.seed}
	if flags.source.from != "" {
		program, err := flags.source.program(c, nil)
		if err != nil {
			return err
		}
		b.program = program
	}
	in := bufio.NewReader(c.InOrStdin())
	out := bufio.NewWriter(c.OutOrStdout())
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if err := encoder.Encode(b.answer(line)); err != nil {
				return err
			}
		}
		// A reader that waits for an answer gets it; a pipe full of lines is
		// answered in larger pieces.
		if in.Buffered() == 0 || err != nil {
			if flushed := out.Flush(); flushed != nil {
				return flushed
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

type batch struct {
	program *eval.Program // nil before the first state
	seed    string
}

func (b *batch) answer(line []byte) any {
	if err := untrusted.CheckJSON(line, untrusted.DocumentDepth+1); err != nil {
		return answerError("invalid line: " + err.Error())
	}
	root := gjson.ParseBytes(line)
	switch {
	case root.Get("state").Exists():
		return b.load([]byte(root.Get("state").Raw))
	case root.Get("toggle").Exists():
		return b.evaluate(root)
	default:
		return answerError(`the line has neither "state" nor "toggle"`)
	}
}

func (b *batch) load(state []byte) any {
	d, err := app.ParseDefinitions(state, "default")
	if err != nil {
		return answerError(err.Error())
	}
	b.program, _ = compile.Program(d)
	return map[string]bool{"ok": true}
}

func (b *batch) evaluate(root gjson.Result) any {
	name := root.Get("toggle")
	if b.program == nil {
		return answerError(`there is no "state" yet`)
	}
	if name.Type != gjson.String {
		return answerError(`"toggle" is not text`)
	}
	context := eval.Context{Fields: map[string]string{}}
	if given := root.Get("context"); given.Exists() && given.Type != gjson.Null {
		var err error
		if context, err = eval.ReadContext([]byte(given.Raw)); err != nil {
			return answerError(err.Error())
		}
	}
	if context.Time.IsZero() {
		context.Time = time.Now()
	}
	context.Seed = b.seed
	return newEvaluated(b.program.Evaluate(name.Str, &context))
}

func answerError(text string) any { return map[string]string{"error": text} }
