package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReportToGitHub(t *testing.T) {
	summary := filepath.Join(t.TempDir(), "summary.md")
	if err := os.WriteFile(summary, []byte("of a step before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rows := []GitHubRow{
		{Target: "web-cf", Action: "published", changes: 3, Key: "unleash-flags", bytes: 5320},
		{Target: "a,b:c", Action: "failed", Key: "k", Err: "put \"k\": 100% full\r\nsee <b>|log|</b>"},
		{Target: "app", Action: "unchanged", Key: "k_2"},
	}
	var out bytes.Buffer
	variables := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": summary}
	if err := GitHub(&out, rows, func(name string) string { return variables[name] }); err != nil {
		t.Fatal(err)
	}
	want := "::error title=flagcast%3A target a%2Cb%3Ac::put \"k\": 100%25 full\\r\\nsee <b>|log|</b>\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	got, err := os.ReadFile(summary)
	if err != nil {
		t.Fatal(err)
	}
	table := `of a step before
### flagcast

| target | action | changes | key | bytes | error |
|---|---|---:|---|---:|---|
| web-cf | published | 3 | unleash-flags | 5320 |  |
| a,b:c | failed | 0 | k |  | put "k": 100% full see \<b\>\|log\|\</b\> |
| app | unchanged | 0 | k\_2 |  |  |

`
	if diff := cmp.Diff(table, string(got)); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestReportToGitHubElsewhere(t *testing.T) {
	rows := []GitHubRow{{Target: "t", Action: "failed", Err: "no"}}
	for name, variables := range map[string]map[string]string{
		"no workflow":   {"GITHUB_STEP_SUMMARY": filepath.Join(t.TempDir(), "none")},
		"another value": {"GITHUB_ACTIONS": "1", "GITHUB_STEP_SUMMARY": filepath.Join(t.TempDir(), "none")},
	} {
		var out bytes.Buffer
		err := GitHub(&out, rows, func(name string) string { return variables[name] })
		if _, missing := os.Stat(variables["GITHUB_STEP_SUMMARY"]); err != nil || out.Len() > 0 || missing == nil {
			t.Errorf("%s: %v, output %q, summary written: %t", name, err, &out, missing == nil)
		}
	}
	// Without a summary the annotations stay; one that cannot be written is an
	// error after them.
	for _, tc := range []struct{ summary, want string }{{"", ""}, {t.TempDir(), "write the job summary: "}} {
		var out bytes.Buffer
		variables := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": tc.summary}
		err := GitHub(&out, rows, func(name string) string { return variables[name] })
		if out.String() != "::error title=flagcast%3A target t::no\n" || (err == nil) != (tc.want == "") ||
			err != nil && !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("summary %q: %v, output %q", tc.summary, err, &out)
		}
	}
}

func TestGitHubTableIsBounded(t *testing.T) {
	rows := make([]GitHubRow, 2000)
	for i := range rows {
		rows[i] = GitHubRow{Target: strings.Repeat("*", 5000), Action: "failed", Err: strings.Repeat("|", 5000)}
	}
	table := githubTable(rows)
	if len(table) > 1<<20 || !strings.HasSuffix(table, " more\n\n") {
		t.Errorf("%d bytes, GitHub takes %d; the end is %q", len(table), 1<<20, table[len(table)-40:])
	}
}
