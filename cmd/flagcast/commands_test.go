package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flagcast/flagcast/test/need"
)

// A wait of a script ends as soon as what it waits for is there. waitLimit only
// bounds a test that fails, and is far above what a busy machine takes.
const (
	waitLimit = time.Minute
	waitPause = 5 * time.Millisecond
)

// commands are those of the scripts beside testscript's own.
func commands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"neednode":   needNode,
		"needtsc":    needTSC,
		"needv8":     needV8,
		"nov8":       noV8,
		"quickstart": copyQuickstart,
		"edit":       edit,
		"hangup":     hangup,
		"fill":       fill,
		"cut":        cut,
		"dropentry":  dropEntry,
		"exits":      exits,
		"mark":       mark,
		"waitlog":    waitLog,
		"waitfile":   waitFile,
		"httpget":    httpGet,

		"certificate": certificate,
		"waitprobe":   waitProbe,
	}
}

// usage fails a script that does not know a command.
func usage(ts *testscript.TestScript, ok bool, text string) {
	if !ok {
		ts.Fatalf("usage: %s", text)
	}
}

// testKey is where a script keeps its testing.TB.
type testKey struct{}

// needNode skips the script where there is no Node.js, or fails it where
// nothing may be skipped.
func needNode(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "neednode")
	need.Node(ts.Value(testKey{}).(testing.TB))
}

// needTSC sets TSC to the compiler of TypeScript, which Node runs.
func needTSC(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "needtsc")
	t := ts.Value(testKey{}).(testing.TB)
	need.Node(t)
	ts.Setenv("TSC", filepath.Join(need.Module(t, "typescript"), "bin", "tsc"))
}

// needV8 names the workerd that export measures in.
func needV8(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "needv8")
	ts.Setenv(workerdVariable, filepath.Join(need.Module(ts.Value(testKey{}).(testing.TB), "workerd"), "bin",
		"workerd"))
}

// noV8 leaves nothing that export could measure in: the folder with flagcast
// itself is the first one of the PATH.
func noV8(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "nov8")
	first, _, _ := strings.Cut(ts.Getenv("PATH"), string(filepath.ListSeparator))
	ts.Setenv("PATH", first)
	ts.Setenv(workerdVariable, "")
}

// fill FILE SIZE TEXT writes a text again and again, up to a size.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "fill file size text")
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat(args[2], size/len(args[2]))), 0o600))
}

// cut FILE N takes the last N bytes off a file.
func cut(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "cut file bytes")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), info.Size()-int64(n)))
}

// dropentry DIR KEY N deletes the object of entry N, from 0 for the newest, of
// the history of a key in a folder.
func dropEntry(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "dropentry dir key n")
	var list struct {
		Entries []struct {
			Seq uint64 `json:"seq"`
		} `json:"entries"`
	}
	content, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), args[1]+"_history.json"))
	ts.Check(err)
	ts.Check(json.Unmarshal(content, &list))
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	ts.Check(os.Remove(filepath.Join(ts.MkAbs(args[0]), fmt.Sprintf("%s_%d.json", args[1], list.Entries[n].Seq))))
}

// copyQuickstart is "quickstart DIR". It copies examples/quickstart, with its port replaced by a free
// one.
func copyQuickstart(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "quickstart DIR")
	from := "../../examples/quickstart"
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o777))
	for _, name := range []string{"flagcast.yaml", "flags.json"} {
		content, err := os.ReadFile(filepath.Join(from, name))
		ts.Check(err)
		content = bytes.ReplaceAll(content, []byte("127.0.0.1:3063"), []byte("127.0.0.1:0"))
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), name), content, 0o666))
	}
}

// edit FILE OLD NEW replaces the first OLD in a file, as an editor does: whole.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "edit FILE OLD NEW")
	path := ts.MkAbs(args[0])
	before := ts.ReadFile(args[0])
	if !strings.Contains(before, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(path+".edit", []byte(strings.Replace(before, args[1], args[2], 1)), 0o666))
	ts.Check(os.Rename(path+".edit", path))
}

// hangup sends SIGHUP to every program that runs in the background.
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "hangup")
	for _, c := range ts.BackgroundCmds() {
		if c.ProcessState == nil {
			_ = c.Process.Signal(syscall.SIGHUP) // it may have ended
		}
	}
}

// exits CODE PROGRAM ARG... is exec for a program that ends with this code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2, "exits CODE PROGRAM ARG...")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// record is what the programs of one script have printed, in one file.
type record struct {
	path string
	mark int // where waitlog begins
}

type recordKey struct{}

// mark lets waitlog see only what is printed from now on.
func mark(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "mark")
	r := ts.Value(recordKey{}).(*record)
	content, err := os.ReadFile(r.path)
	ts.Check(err)
	r.mark = len(content)
}

// waitLog REGEXP [NAME...] waits until the programs have printed a match since
// the last mark, and sets the variables to its groups.
func waitLog(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 1, "waitlog REGEXP [NAME...]")
	r := ts.Value(recordKey{}).(*record)
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	var text string
	wait(ts, func() error {
		content, err := os.ReadFile(r.path)
		if err != nil {
			return err
		}
		text = string(content[r.mark:])
		if !pattern.MatchString(text) {
			return fmt.Errorf("no match of %#q in\n%s", args[0], text)
		}
		return nil
	})
	groups := pattern.FindStringSubmatch(text)
	usage(ts, len(args) <= len(groups), "waitlog REGEXP [NAME...], with a group for each name")
	for i, name := range args[1:] {
		ts.Setenv(name, groups[i+1])
	}
}

// waitFile FILE REGEXP waits until a file holds a match.
func waitFile(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "waitfile FILE REGEXP")
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	wait(ts, func() error {
		content, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && !pattern.Match(content) {
			err = fmt.Errorf("no match of %#q in %s:\n%s", args[1], args[0], content)
		}
		return err
	})
}

// httpGet [-token TOKEN] [-status N] [-post BODY] URL asks until it has an
// answer with the status, 200 by default. Its body is the standard output, and a part of what
// may hold no secret.
func httpGet(ts *testscript.TestScript, neg bool, args []string) {
	status, token, method, sent := http.StatusOK, "", http.MethodGet, ""
	for len(args) >= 2 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-status":
			var err error
			status, err = strconv.Atoi(args[1])
			ts.Check(err)
		case "-token":
			token = args[1]
		case "-post":
			method, sent = http.MethodPost, args[1]
		}
		args = args[2:]
	}
	usage(ts, !neg && len(args) == 1, "httpget [-token TOKEN] [-status N] [-post BODY] URL")
	var body []byte
	wait(ts, func() error {
		request, err := http.NewRequest(method, args[0], strings.NewReader(sent))
		if err != nil {
			return err
		}
		if token != "" {
			request.Header.Set("Authorization", token)
		}
		response, err := (&http.Client{Timeout: waitLimit, CheckRedirect: stay}).Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err = io.ReadAll(response.Body)
		if err == nil && response.StatusCode != status {
			err = fmt.Errorf("%s %s: %s, want %d: %s", method, args[0], response.Status, status, body)
		}
		return err
	})
	if bytes.Contains(body, []byte(secretMark)) {
		ts.Fatalf("the answer of %s holds a secret", args[0])
	}
	_, err := ts.Stdout().Write(body)
	ts.Check(err)
}

// stay lets scripts see where an answer leads.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// certificate CERT KEY writes a new certificate of this machine for itself.
func certificate(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "certificate CERT KEY")
	ts.Check(need.Certificate(ts.MkAbs(args[0]), ts.MkAbs(args[1])))
}

// waitProbe URL AUTHORITIES runs flagcast health until it is well.
func waitProbe(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "waitprobe URL AUTHORITIES")
	wait(ts, func() error {
		return ts.Exec("flagcast", "health", "--edge-url", args[0], "--ca-certificate-file", args[1])
	})
}

// wait tries until try has no error, or waitLimit has passed.
func wait(ts *testscript.TestScript, try func() error) {
	deadline := time.Now().Add(waitLimit)
	pause := time.NewTicker(waitPause)
	defer pause.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("not within %v: %v", waitLimit, err)
		}
		<-pause.C
	}
}
