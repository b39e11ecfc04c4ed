package app

import (
	"context"
	"encoding"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/lmittmann/tint"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/internal/printable"
)

// NewLogger writes lines for people, or JSON for collectors. Neither lets what a
// text holds begin a line of its own, or act on a terminal.
func NewLogger(w io.Writer, c config.Log) *slog.Logger {
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: c.Level}))
	}
	return slog.New(listing{tint.NewTextHandler(w, &tint.Options{
		Level: c.Level, TimeFormat: time.TimeOnly, NoColor: !bool(report.PainterOf(w)), ReplaceAttr: printableAttr,
	})})
}

// Attributes of a record that are lists, as []string: of changes, and of what an
// error has beyond its first line.
const (
	changesKey = "changes"
	linesKey   = "lines"
)

// listing writes for people what a record has: the attribute that is the point
// of it right after the message, as in "publish: connection refused", and
// its list as lines of their own below it, indented by two spaces.
type listing struct{ slog.Handler }

// isPoint reports whether an attribute is what a record is about, so that the
// message is nothing without it.
func isPoint(key string) bool {
	return slices.Contains([]string{"err", "problem", "change", "text", "url", "at", "command"}, key)
}

func (l listing) Handle(ctx context.Context, r slog.Record) error {
	var lines []string
	var rest []slog.Attr
	message := r.Message
	r.Attrs(func(a slog.Attr) bool {
		switch list, ok := a.Value.Any().([]string); {
		case ok && (a.Key == changesKey || a.Key == linesKey):
			lines = list
		case message == r.Message && isPoint(a.Key):
			message += ": " + a.Value.String()
		default:
			rest = append(rest, a)
		}
		return true
	})
	head := slog.NewRecord(r.Time, r.Level, message, r.PC)
	head.AddAttrs(rest...)
	if err := l.Handler.Handle(ctx, head); err != nil {
		return err
	}
	for _, line := range lines {
		if err := l.Handler.Handle(ctx, slog.NewRecord(r.Time, r.Level, "  "+line, r.PC)); err != nil {
			return err
		}
	}
	return nil
}

func (l listing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return listing{l.Handler.WithAttrs(attrs)}
}
func (l listing) WithGroup(name string) slog.Handler { return listing{l.Handler.WithGroup(name)} }

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
