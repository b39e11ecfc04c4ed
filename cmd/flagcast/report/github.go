package report

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/sinks"
)

// GitHubRow is what GitHub Actions shows of one target.
type GitHubRow struct {
	Target, Action string
	Err            string // "": none
	changes        int
	Key            sinks.Key
	bytes          int
}

// GitHub shows a workflow of GitHub Actions how the targets are: an
// annotation for each that failed, and a table in the summary of the job.
// Elsewhere it does nothing. The runner reads annotations from standard output
// and standard error alike.
//
// The forms are those of docs.github.com, "Workflow commands for GitHub
// Actions"; the characters to escape those of actions/toolkit.
func GitHub(w io.Writer, rows []GitHubRow, getenv func(string) string) error {
	if getenv("GITHUB_ACTIONS") != "true" {
		return nil
	}
	for _, r := range rows {
		if r.Err != "" {
			fmt.Fprintf(w, "::error title=%s::%s\n", githubProperty("flagcast: target "+printable.Text(r.Target)),
				githubData(printable.Text(r.Err)))
		}
	}
	path := getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = io.WriteString(f, githubTable(rows))
		if closed := f.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		return fmt.Errorf("write the job summary: %w", err)
	}
	return nil
}

// githubBytes bounds the table: GitHub drops a summary of more than 1 MiB.
const githubBytes = 1_000_000

func githubTable(rows []GitHubRow) string {
	var b strings.Builder
	b.WriteString("### flagcast\n\n| target | action | changes | key | bytes | error |\n|---|---|---:|---|---:|---|\n")
	for i, r := range rows {
		size := ""
		if r.bytes > 0 {
			size = fmt.Sprint(r.bytes)
		}
		row := fmt.Sprintf("| %s | %s | %d | %s | %s | %s |\n",
			markdown(r.Target), markdown(r.Action), r.changes, markdown(string(r.Key)), size, markdown(r.Err))
		if b.Len()+len(row) > githubBytes {
			fmt.Fprintf(&b, "\n… and %d more\n", len(rows)-i)
			break
		}
		b.WriteString(row)
	}
	return b.String() + "\n"
}

func githubData(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

func githubProperty(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(githubData(text))
}

// markdown is a text as it is, in one column of a table row.
func markdown(text string) string {
	const most = 300 // characters
	runes := []rune(printable.Text(strings.Join(strings.Fields(text), " ")))
	if len(runes) > most {
		runes = append(runes[:most], '…')
	}
	var b strings.Builder
	for _, r := range runes {
		if strings.ContainsRune("\\`*_[]<>|~#&$!@", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
