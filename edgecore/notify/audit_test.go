package notify_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/notify"
	"github.com/flagcast/flagcast/edgecore/publish"
)

func TestAuditLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	a := notify.OpenAudit(path, "serve", slog.New(slog.DiscardHandler))
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 8*3600))
	a.Event(publish.Event{
		Time: at, Kind: publish.Published, Target: "web", Sink: "cf", Key: "flags", Seq: 1772337600123, Digest: "abc",
		Revision: 7, Bytes: 5320,
		Changes: []flagdiff.Change{
			{Sign: "~", Flag: "new", Project: "p", Text: "10 % -> 25 %"}, {Sign: "-", Flag: "old<"},
		},
	})
	for _, kind := range []publish.Kind{publish.Failed, publish.Stale, publish.Unverified, publish.Recovered} {
		a.Event(publish.Event{Time: at, Kind: kind, Target: "web"})
	}
	for _, kind := range []publish.Kind{publish.Repaired, publish.Held, publish.Pinned, publish.Unpinned} {
		a.Event(publish.Event{Time: at, Kind: kind, Target: "web", Sink: "cf", Text: "line\nline"})
	}
	want := `{"time":"2026-03-01T04:00:00.123Z","event":"published","target":"web","sink":"cf","key":"flags",` +
		`"seq":1772337600123,"digest":"abc","revision":7,"bytes":5320,` +
		`"changes":[{"sign":"~","flag":"new","text":"10 % -> 25 %"},{"sign":"-","flag":"old<"}],"by":"serve"}` + "\n"
	for _, kind := range []string{"repaired", "held", "pinned", "unpinned"} {
		want += `{"time":"2026-03-01T04:00:00.123Z","event":"` + kind +
			`","target":"web","sink":"cf","changes":[],"text":"line\nline","by":"serve"}` + "\n"
	}
	if diff := cmp.Diff(want, read(t, path)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v: want 0600", info.Mode(), err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAuditLinesDoNotMix: two writers, as of two processes, and several
// targets at once.
func TestAuditLinesDoNotMix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	var writers sync.WaitGroup
	audits := map[string]*notify.Audit{}
	for _, by := range []string{"serve", "pin"} {
		audits[by] = notify.OpenAudit(path, by, slog.New(slog.DiscardHandler))
	}
	for by, a := range audits {
		for i := range 4 {
			writers.Go(func() {
				for j := range 50 {
					a.Event(publish.Event{
						Kind: publish.Published, Target: fmt.Sprint(by, i), Seq: uint64(j + 1),
						Text: strings.Repeat("x", 20000),
					})
				}
			})
		}
	}
	writers.Wait()
	last := map[string]uint64{}
	for line := range strings.Lines(read(t, path)) {
		var one struct {
			Target, By string
			Seq        uint64
		}
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("line %.60q: %v", line, err)
		}
		if one.Seq != last[one.Target]+1 || !strings.HasPrefix(one.Target, one.By) {
			t.Errorf("%+v after %d", one, last[one.Target])
		}
		last[one.Target] = one.Seq
	}
	if len(last) != 8 {
		t.Errorf("lines of %d writers, want 8", len(last))
	}
}

// TestAuditWarnsOnce: the file may be moved away, or its folder missing for a
// while; only the log has it.
func TestAuditWarnsOnce(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	path := filepath.Join(folder, "audit.jsonl")
	var log bytes.Buffer
	a := notify.OpenAudit(path, "sync", slog.New(slog.NewTextHandler(&log, nil)))
	for range 5 {
		a.Event(publish.Event{Kind: publish.Published, Target: "lost"})
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	a.Event(publish.Event{Kind: publish.Published, Target: "first"})
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	a.Event(publish.Event{Kind: publish.Published, Target: "second"})
	if old := read(t, path+".1"); strings.Count(old, "\n") != 1 || !strings.Contains(old, "first") {
		t.Errorf("the file before it was moved: %q", old)
	}
	if now := read(t, path); strings.Count(now, "\n") != 1 || !strings.Contains(now, "second") {
		t.Errorf("the file after it was moved: %q", now)
	}
	if warns, over := strings.Count(log.String(), "level=WARN"),
		strings.Count(log.String(), "notifies again"); warns != 1 || over != 1 ||
		!strings.Contains(log.String(), "make its folder") {
		t.Errorf("%d warnings, want one with a hint, and the end:\n%s", warns, &log)
	}
}

// TestAuditAfterAPartOfALine: a disk that was full costs one line, not two.
func TestAuditAfterAPartOfALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	if err := os.WriteFile(path, []byte("{}\n{\"time\":\"2026"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := notify.OpenAudit(path, "sync", slog.New(slog.DiscardHandler))
	for range 2 {
		a.Event(publish.Event{Kind: publish.Published, Target: "t"})
	}
	lines := strings.Split(read(t, path), "\n")
	if len(lines) != 5 || !json.Valid([]byte(lines[2])) || !json.Valid([]byte(lines[3])) || lines[4] != "" {
		t.Errorf("lines %q", lines)
	}
}

// TestAuditOfAFullDisk: a write that fails is a warning, too.
func TestAuditOfAFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full, which refuses every write")
	}
	var log bytes.Buffer
	a := notify.OpenAudit("/dev/full", "sync", slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 {
		a.Event(publish.Event{Kind: publish.Published, Target: "t"})
	}
	if warns := strings.Count(log.String(), "no space left"); warns != 1 {
		t.Errorf("%d warnings, want one:\n%s", warns, &log)
	}
}
