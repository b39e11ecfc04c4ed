package main

import (
	"encoding"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/lmittmann/tint"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/internal/printable"
)

// newLogger writes lines for people, or JSON for collectors. Neither lets what a
// text holds begin a line of its own, or act on a terminal.
func newLogger(w io.Writer, c config.Log) *slog.Logger {
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: c.Level}))
	}
	return slog.New(tint.NewHandler(w, &tint.Options{
		Level: c.Level, TimeFormat: time.TimeOnly, NoColor: !isTerminal(w), ReplaceAttr: printableAttr,
	}))
}

// printableAttr makes the message and the texts of a record printable. tint
// quotes values with line breaks itself; it passes escape sequences through, or
// drops them, and what follows U+FFFD or a byte that is not UTF-8.
func printableAttr(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.MessageKey {
		return slog.String(a.Key, printable.Text(a.Value.String()))
	}
	switch value := a.Value.Any().(type) {
	case slog.Level, time.Time, encoding.TextMarshaler:
	case string:
		a.Value = slog.StringValue(attrText(value))
	default:
		if a.Value.Kind() == slog.KindAny {
			a.Value = slog.StringValue(attrText(fmt.Sprintf("%+v", value)))
		}
	}
	return a
}

func attrText(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = printable.Text(line)
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), "\ufffd", `\ufffd`)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
