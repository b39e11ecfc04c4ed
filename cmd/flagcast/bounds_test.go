package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/test/need"
)

// What other servers answer to commands is read up to a bound, and beyond it is
// an error that says so: half an answer is not used.
func TestAnswersToCommandsAreBounded(t *testing.T) {
	whole := `{"from":"core","seq":7,"status":"OK","targets":[]}`
	for name, ask := range map[string]struct {
		most int64
		ask  func(ctx context.Context, address string) error
	}{
		"status": {16 << 20, func(ctx context.Context, address string) error {
			c := &core{config: &config.Config{}, log: slog.New(slog.DiscardHandler)}
			_, err := c.ask(ctx, address)
			return err
		}},
		"a probe": {64 << 10, func(ctx context.Context, address string) error {
			_, err := newProbe(address).Seen(ctx, 1)
			return err
		}},
		"health": {64 << 10, func(ctx context.Context, address string) error {
			c := &cobra.Command{}
			c.SetContext(ctx)
			c.SetOut(io.Discard)
			return probeCore(c, address, "", "OK")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			endless := &need.Endless{Start: whole, Text: " "}
			server := httptest.NewServer(endless)
			defer server.Close()
			var err error
			used := need.Allocated(func() { err = ask.ask(t.Context(), server.URL) })
			if large := new(untrusted.SizeError); !errors.As(err, &large) || large.Max != ask.most {
				t.Errorf("%v, want more than %d bytes", err, ask.most)
			}
			if used > 8*ask.most+4<<20 {
				t.Errorf("%d bytes allocated", used)
			}
		})
	}
}

// --from reads up to a bound, from a file and from standard input.
func TestFromIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flags.json")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)); err != nil {
		t.Skip("the file system has no sparse files of this size: " + err.Error())
	}
	for _, read := range []func() error{
		func() error { _, err := readFrom(path, nil); return err },
		func() error { _, err := readPlan(path); return err },
	} {
		var err error
		used := need.Allocated(func() { err = read() })
		if err == nil || !strings.Contains(err.Error(), "more than 268435456 bytes") || used > 1<<20 {
			t.Errorf("%v, %d bytes allocated", err, used)
		}
	}
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Skip(err)
	}
	defer zero.Close()
	if _, err := readFrom("-", zero); err == nil || !strings.Contains(err.Error(), "- has more than 268435456 bytes") {
		t.Errorf("%v", err)
	}
}

// One delivery logs some faults of flags, and how many more there are. Its end
// leaves what was there.
func TestDeliver(t *testing.T) {
	var log bytes.Buffer
	c := &core{store: state.New(state.Options{Log: slog.New(slog.DiscardHandler)}), log: slog.New(slog.NewTextHandler(&log, nil))}
	d, err := parse.Definitions([]byte(`{"features":[`+strings.TrimSuffix(strings.Repeat(`{"name":"x","enabled":true,"strategies":[{"name":"none"}]},`, 100_000), ",")+`]}`), "e")
	if err != nil {
		t.Fatal(err)
	}
	c.deliver(t.Context(), d)
	if lines := strings.Count(log.String(), "\n"); lines != loggedProblems+1 || !strings.Contains(log.String(), fmt.Sprintf("%d more problems of flags are not logged", len(d.Problems)+1-loggedProblems)) {
		t.Errorf("%d lines:\n%.500s", lines, &log)
	}
	before := log.Len()
	c.deliver(t.Context(), d)
	if log.Len() != before {
		t.Errorf("the same again:\n%s", log.String()[before:])
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	other, _ := parse.Definitions([]byte(`{"features":[`+strings.TrimSuffix(strings.Repeat(`{"name":"y","enabled":true,"strategies":[{"name":"none"},{"name":"none"},{"name":"none"}]},`, 10), ",")+`]}`), "e")
	for range 64 { // the context is looked at now and then
		other.Features = append(other.Features, other.Features[0])
	}
	c.deliver(ctx, other)
	if st, err := c.store.Load("e"); err != nil || st.Definitions != d {
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
		if got := answerBytes(c.memory, c.tokens); got != c.want {
			t.Errorf("%d bytes, %d tokens: %d, want %d", c.memory, c.tokens, got, c.want)
		}
	}
	if got := maxBytes(&config.Upstream{MaxBytes: 65536}); got != 65536 {
		t.Errorf("%d, want what is set", got)
	}
}
