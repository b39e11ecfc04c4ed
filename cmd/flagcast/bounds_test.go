package main

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
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
			_, err := askCore(ctx, &config.Config{}, address)
			return err
		}},
		"a probe": {64 << 10, func(ctx context.Context, address string) error {
			_, err := app.NewProbe(address).Seen(ctx, 1)
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
		func() error { _, err := app.ReadFrom(path, nil); return err },
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
	if _, err := app.ReadFrom("-", zero); err == nil ||
		!strings.Contains(err.Error(), "- has more than 268435456 bytes") {
		t.Errorf("%v", err)
	}
}

// One delivery logs some faults of flags, and how many more there are. Its end
// leaves what was there.
