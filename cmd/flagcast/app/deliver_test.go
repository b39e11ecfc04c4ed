package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/state"
)

func TestDeliver(t *testing.T) {
	var log bytes.Buffer
	c := &App{
		Store: state.New(state.Options{Log: slog.New(slog.DiscardHandler)}),
		Log:   slog.New(slog.NewTextHandler(&log, nil)),
	}
	d, err := parse.Definitions(
		[]byte(`{"features":[`+
			strings.TrimSuffix(strings.Repeat(`{"name":"x","enabled":true,"strategies":[{"name":"none"}]},`, 100_000),
				",")+`]}`), "e")
	if err != nil {
		t.Fatal(err)
	}
	c.deliver(t.Context(), d)
	if lines := strings.Count(log.String(), "\n"); lines != loggedProblems+1 ||
		!strings.Contains(log.String(), fmt.Sprintf("first\" problems=%d ", len(d.Problems)+1-loggedProblems)) {
		t.Errorf("%d lines:\n%.500s", lines, &log)
	}
	before := log.Len()
	c.deliver(t.Context(), d)
	if log.Len() != before {
		t.Errorf("the same again:\n%s", log.String()[before:])
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	other, _ := parse.Definitions(
		[]byte(`{"features":[`+
			strings.TrimSuffix(
				strings.Repeat(
					`{"name":"y","enabled":true,"strategies":[{"name":"none"},{"name":"none"},{"name":"none"}]},`, 10),
				",")+`]}`), "e")
	for range 64 { // the context is looked at now and then
		other.Features = append(other.Features, other.Features[0])
	}
	c.deliver(ctx, other)
	if st, err := c.Store.Load("e"); err != nil || st.Definitions != d {
		t.Errorf("%v", err)
	}
}

func TestAnswerBytes(t *testing.T) {
	for _, c := range []struct {
		memory int64
		tokens int
		want   int64
	}{
		{120 << 20, 1, 120 << 20 / 32},
		{120 << 20, 0, 120 << 20 / 32},
		{120 << 20, 3, 120 << 20 / 96},
		{16 << 20, 1, 1 << 20},
		{120 << 20, 100, 1 << 20},
		{1 << 62, 1, 256 << 20},
		{8 << 30, 1, 256 << 20},
	} {
		if got := AnswerBytes(c.memory, c.tokens); got != c.want {
			t.Errorf("%d bytes, %d tokens: %d, want %d", c.memory, c.tokens, got, c.want)
		}
	}
	if got := maxBytes(&config.Upstream{MaxBytes: 65536}); got != 65536 {
		t.Errorf("%d, want what is set", got)
	}
}
