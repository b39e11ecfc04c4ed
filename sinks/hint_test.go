package sinks_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/flagcast/flagcast/sinks"
)

type advised struct{ text, hint string }

func (a advised) Error() string { return a.text }
func (a advised) Hint() string  { return a.hint }

func TestHint(t *testing.T) {
	inner := advised{"put k: 403; check the token", "check the token"}
	for _, test := range []struct {
		err        error
		hint, text string
	}{
		{nil, "", ""},
		{errors.New("put k: 500"), "", "put k: 500"},
		{inner, "check the token", "put k: 403"},
		{fmt.Errorf("web: %w (%w)", inner, sinks.ErrPermanent), "check the token", "web: put k: 403 (permanent)"},
		{errors.Join(errors.New("other"), inner), "check the token", "other\nput k: 403"},
		{advised{"read: mount it: now", "mount it: now"}, "mount it: now", "read"},
	} {
		text := ""
		if test.err != nil {
			text = test.err.Error()
		}
		hint := sinks.Hint(test.err)
		if rest := sinks.WithoutHint(text, hint); hint != test.hint || rest != test.text {
			t.Errorf("%v: %q, %q, want %q, %q", test.err, hint, rest, test.hint, test.text)
		}
	}
}
