package access_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/test/need"
)

// Valid tokens outlive the process, without being on disk.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	start := func(u *upstream) *access.Access {
		a := access.New(access.Options{Validator: u, Dir: dir, Log: slog.New(slog.DiscardHandler)})
		a.Restore()
		return a
	}
	synctest.Test(t, func(t *testing.T) {
		a := start(&upstream{})
		for _, token := range []string{"*:e.good", "*:e.bad"} {
			_, _ = a.Check(t.Context(), home, token, access.Frontend)
		}
	})
	content, err := os.ReadFile(filepath.Join(dir, "tokens.json"))
	if err != nil || strings.Contains(string(content), "good") || strings.Contains(string(content), "bad") {
		t.Fatalf("%s %v", content, err)
	}
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.down.Store(true)
		a := start(u)
		if _, err := a.Check(t.Context(), home, "*:e.good", access.Frontend); err != nil {
			t.Errorf("after a restart without upstream: %v", err)
		}
		if _, err := a.Check(t.Context(), home, "*:e.bad", access.Frontend); !errors.Is(err, access.ErrUnavailable) {
			t.Errorf("an unknown token: %v", err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "tokens.json"), []byte(`[{"sha256":"00","kind":"client"}]`),
		0o600); err != nil {
		t.Fatal(err)
	}
	if r := start(&upstream{}).Report(); len(r.Tokens) != 0 {
		t.Errorf("a damaged file is used: %+v", r)
	}
}

// The backup of Unleash Edge 20, as it writes it, is read at the first start.
func TestBackupOfUnleashEdge(t *testing.T) {
	dir := t.TempDir()
	backup := `[{"token":"*:e.good","type":"frontend","environment":"e","projects":["*"],"status":"Validated"},
		{"token":"[]:e.some","type":"client","environment":"e","projects":["b","a"],"status":"Validated"},
		{"token":"*:e.bad","type":"frontend","environment":"e","projects":["*"],"status":"Invalid"},
		{"token":"*:other.x","type":"frontend","environment":"other","projects":["*"],"status":"Validated"},
		{"token":"*:e.null","type":null,"environment":null,"projects":[],"status":"Validated"}]`
	if err := os.WriteFile(filepath.Join(dir, "unleash_tokens.json"), []byte(backup), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	options := access.Options{
		Validator: &upstream{}, Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Served: map[edgecore.Environment][]string{"e": nil},
	}
	a := access.New(options)
	a.Restore()
	report := a.Report()
	if len(report.Tokens) != 2 {
		t.Fatalf("%+v", report)
	}
	for _, token := range report.Tokens {
		switch token.Type {
		case access.Frontend:
			if !slices.Equal(token.Projects, []string{"*"}) {
				t.Errorf("%+v", token)
			}
		case access.Client:
			if !slices.Equal(token.Projects, []string{"a", "b"}) {
				t.Errorf("%+v", token)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "unleash_tokens.json"), []byte(`{"s3cr3t`), 0o600); err != nil {
		t.Fatal(err)
	}
	a = access.New(options)
	a.Restore()
	if !strings.Contains(log.String(), "not a list of tokens") || strings.Contains(log.String(), "s3cr3t") {
		t.Errorf("the log says %s", &log)
	}
}

// TestRestoreTidies: a temporary file of tokens is removed once no process can
// be writing it any more.
func TestRestoreTidies(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{
		".tokens.json123": 2 * time.Hour, ".tokens.json45": time.Minute, ".e.definitions.json6": 2 * time.Hour,
		".unleash_tokens.json7": 2 * time.Hour,
	} {
		path, then := filepath.Join(dir, name), time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(path, []byte("part"), 0o600), os.Chtimes(path, then, then)); err != nil {
			t.Fatal(err)
		}
	}
	access.New(access.Options{Validator: &upstream{}, Dir: dir, Log: slog.New(slog.DiscardHandler)}).Restore()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{".e.definitions.json6", ".tokens.json45", ".unleash_tokens.json7"}; !slices.Equal(left, want) {
		t.Errorf("%q are left, want %q", left, want)
	}
}

// Files that are larger than any list of tokens are left alone.
func TestLargeFilesOfTokens(t *testing.T) {
	for _, name := range []string{"tokens.json", "unleash_tokens.json"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)); err != nil {
			t.Skip("the file system has no sparse files of this size: " + err.Error())
		}
		var log bytes.Buffer
		a := access.New(access.Options{Validator: &upstream{}, Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if used := need.Allocated(a.Restore); used > 1<<20 ||
			!strings.Contains(log.String(), "more than 67108864 bytes") {
			t.Errorf("%s: %d bytes allocated, log:\n%s", name, used, &log)
		}
	}
}
