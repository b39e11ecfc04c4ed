package untrusted_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/test/need"
)

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestCheckJSON(t *testing.T) {
	for _, c := range []struct {
		text   string
		depth  int
		offset int // of the bracket that is too deep; -1: none
		valid  bool
	}{
		{`{}`, 1, -1, true},
		{`7`, 0, -1, true},
		{nested(16), 16, -1, true},
		{nested(17), 16, 16, false},
		{`{"a":` + nested(16) + `}`, 16, 20, false},
		{`[` + strings.Repeat(`[],`, 100) + `{}]`, 2, -1, true},
		{`"` + strings.Repeat("[", 100) + `"`, 1, -1, true},
		{`["\"[[[[","\\",[]]`, 2, -1, true},
		{`["\\\"[[[[",[[]]]`, 2, 13, false},
		{strings.Repeat("]", 20) + strings.Repeat("[", 20), 16, -1, false},
		{`"`, 1, -1, false},
		{`"\`, 1, -1, false},
		{``, 1, -1, false},
		{`{} {}`, 1, -1, false},
		{"\ufeff{}", 1, -1, false},
	} {
		for _, err := range []error{
			untrusted.CheckJSON(c.text, c.depth), untrusted.CheckJSON([]byte(c.text), c.depth),
		} {
			var deep *untrusted.DepthError
			switch {
			case c.valid && err == nil:
			case c.offset >= 0 && errors.As(err, &deep) && deep.Offset == c.offset && deep.Max == c.depth:
			case !c.valid && c.offset < 0 && errors.Is(err, untrusted.ErrNotJSON):
			default:
				t.Errorf("%.40q, depth %d: %v, want offset %d, valid %v", c.text, c.depth, err, c.offset, c.valid)
			}
		}
	}
}

// TestStackIsBounded: tidwall/gjson#391, where one bracket costs one call.
func TestStackIsBounded(t *testing.T) {
	for name, bracket := range map[string]string{"lists": "[", "objects": `{"a":`, "both": `[{"a":`} {
		for _, size := range []int{1 << 20, 8 << 20} {
			text := strings.Repeat(bracket, size/len(bracket))
			if used := need.Stack(func() {
				if err := untrusted.CheckJSON(text, untrusted.DocumentDepth); err == nil {
					t.Error("accepted")
				}
			}); used > 1<<20 {
				t.Errorf("%s: %d bytes took %d bytes of stack", name, size, used)
			}
		}
	}
}

func TestReadAll(t *testing.T) {
	for _, c := range []struct{ size, limit int64 }{{0, 0}, {0, 10}, {10, 10}, {11, 10}, {1 << 20, 10}} {
		body, err := untrusted.ReadAll(io.LimitReader(zeros{}, c.size), c.limit)
		var large *untrusted.SizeError
		if tooLarge := c.size > c.limit; tooLarge != errors.As(err, &large) ||
			!tooLarge && (err != nil || int64(len(body)) != c.size) {
			t.Errorf("%d bytes, limit %d: %d bytes, %v", c.size, c.limit, len(body), err)
		}
	}
	broken := io.MultiReader(strings.NewReader("abc"), failing{})
	if _, err := untrusted.ReadAll(broken, 10); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, want the error of the reader", err)
	}
}

// TestReadBodyBelievesALargeLength: nothing is read of an answer that says that
// it is too large. One that says less than it has is read to the limit.
func TestReadBodyBelievesALargeLength(t *testing.T) {
	for _, length := range []int64{11, 1 << 40, 10, 0, -1} {
		read := &counter{}
		_, err := untrusted.ReadBody(&http.Response{ContentLength: length, Body: io.NopCloser(read)}, 10)
		var large *untrusted.SizeError
		if !errors.As(err, &large) || length > 10 && read.n > 0 || read.n > 11 {
			t.Errorf("length %d: %v after %d bytes", length, err, read.n)
		}
	}
}

// TestReadText: an answer that is as long as it says, or as the one before, takes
// its own length; none takes more than the bound and a little.
func TestReadText(t *testing.T) {
	const mega = 1 << 20
	for _, c := range []struct {
		size, says, limit int64
		expected          int
		most              int64 // bytes allocated
	}{
		{0, 0, 10, 0, 1 << 13},
		{0, -1, 10, 100, 1 << 13},
		{10, -1, 10, 0, 1 << 13},
		{11, -1, 10, 0, 1 << 13},
		{10, 10, 10, 0, 1 << 13},
		{mega, mega, 2 * mega, 0, mega + 1<<14},
		{mega, -1, 2 * mega, mega, mega + 1<<14},
		{mega, -1, 2 * mega, mega / 2, 6 * mega},
		{mega, -1, 2 * mega, 0, 6 * mega},
		{mega, -1, 2 * mega, 16 * mega, 2*mega + 1<<14},
		{64 * mega, -1, mega, 0, 6 * mega},
		{64 * mega, 10, mega, 0, 6 * mega},
		{64 * mega, 64 * mega, mega, 0, 1 << 13},
	} {
		read := &written{}
		body := io.TeeReader(io.LimitReader(zeros{}, c.size), read)
		var text string
		var err error
		used := need.Allocated(func() {
			text, err = untrusted.ReadText(&http.Response{ContentLength: c.says, Body: io.NopCloser(body)}, c.limit,
				c.expected)
		})
		var large *untrusted.SizeError
		if tooLarge := c.size > c.limit; tooLarge != errors.As(err, &large) ||
			!tooLarge && (err != nil || int64(len(text)) != c.size) || read.n > int(c.limit)+1 {
			t.Errorf("%+v: %d bytes, %v after %d", c, len(text), err, read.n)
		}
		if used > c.most {
			t.Errorf("%+v: %d bytes allocated", c, used)
		}
	}
	broken := &http.Response{ContentLength: 10, Body: io.NopCloser(io.MultiReader(strings.NewReader("abc"), failing{}))}
	if text, err := untrusted.ReadText(broken, 10, 0); !errors.Is(err, io.ErrUnexpectedEOF) || text != "abc" {
		t.Errorf("%q, %v, want the error of the reader and what came before", text, err)
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, c := range []struct{ size, limit int64 }{{0, 0}, {1, 0}, {10, 10}, {11, 10}, {1 << 30, 1 << 20}} {
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, c.size)); err != nil {
			t.Fatal(err)
		}
		var content []byte
		var err error
		used := need.Allocated(func() { content, err = untrusted.ReadFile(path, c.limit) })
		var large *untrusted.SizeError
		if tooLarge := c.size > c.limit; tooLarge != errors.As(err, &large) ||
			!tooLarge && (err != nil || int64(len(content)) != c.size) || used > 1<<14 {
			t.Errorf("%+v: %d bytes, %v; %d bytes allocated", c, len(content), err, used)
		}
	}
	// What says nothing of its size is read to the limit.
	var large *untrusted.SizeError
	if _, err := untrusted.ReadFile("/dev/zero", 1<<20); !errors.As(err, &large) {
		t.Errorf("/dev/zero: %v", err)
	}
	if _, err := untrusted.ReadFile(path+".none", 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type counter struct{ n int }

func (c *counter) Read(b []byte) (int, error) { c.n += len(b); return len(b), nil }

type written struct{ n int }

func (w *written) Write(b []byte) (int, error) { w.n += len(b); return len(b), nil }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// FuzzCheckJSON: what is accepted is what encoding/json accepts, up to the
// depth.
func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"\"[",{}]}`, nested(17), strings.Repeat("[", 1<<20), `"\\"`, "]["} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := untrusted.CheckJSON(text, 16); (err == nil) != need.Valid([]byte(text), 16) {
			t.Errorf("%.80q: %v", text, err)
		}
	})
}

// TestNothingElseCallsGJSONValid: gjson.Valid and gjson.ValidBytes have no bound
// of depth.
func TestNothingElseCallsGJSONValid(t *testing.T) {
	call := "gjson." + "Valid"
	err := filepath.WalkDir(need.Root(), func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "node_modules":
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(filepath.Dir(path), "untrusted"):
			return nil
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), call) {
			t.Errorf("%s calls %s: use untrusted.CheckJSON", path, call)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
