package parse_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/test/gen"
)

// What was read before makes no difference: version after version of a document
// whose flags and segments change, come, go and move, broken ones among them.
func TestParseNextIsParse(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 7))
		version := gen.Definitions(random, gen.Options{Odd: seed%2 == 1}).Document
		var last *edgecore.Definitions
		for range 20 {
			d := sameAsParse(t, version, last)
			if t.Failed() {
				t.Fatalf("seed %d: %s", seed, version)
			}
			if d != nil {
				last = d
			}
			version = edit(t, random, version)
		}
	}
}

// sameAsParse reads a document on top of older definitions and returns what it
// holds, nil for nothing.
func sameAsParse(t *testing.T, document []byte, last *edgecore.Definitions) *edgecore.Definitions {
	t.Helper()
	want, wantErr := parse.Definitions(document, "test")
	given := bytes.Clone(document)
	got, err := parse.Next(t.Context(), given, "test", last)
	clear(given) // the caller's own again
	if diff := cmp.Diff((*members)(want), (*members)(got)); diff != "" {
		t.Errorf("(-Parse +ParseNext)\n%s", diff)
	}
	if diff := cmp.Diff(fmt.Sprint(wantErr), fmt.Sprint(err)); diff != "" {
		t.Errorf("(-Parse +ParseNext)\n%s", diff)
	}
	return got
}

// edit makes the next version of a document.
func edit(t *testing.T, random *rand.Rand, document []byte) []byte {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return gen.Definitions(random, gen.Options{}).Document // the last one was broken
	}
	for _, name := range []string{"features", "segments"} {
		var list []json.RawMessage
		if err := json.Unmarshal(members[name], &list); err != nil {
			continue
		}
		for range random.IntN(3) {
			other := gen.Definitions(random, gen.Options{Odd: true})
			var more map[string][]json.RawMessage
			if err := json.Unmarshal(other.Document, &more); err != nil {
				more = nil // its lists are odd
			}
			at := random.IntN(len(list) + 1)
			switch random.IntN(6) {
			case 0: // one more, or one that is there already
				list = append(list[:at:at], append(more[name], list[at:]...)...)
			case 1:
				if at < len(list) {
					list = append(list, list[at])
				}
			case 2:
				list = append(list[:at:at], list[min(at+1, len(list)):]...)
			case 3:
				list = slices.Concat(list[at:], list[:at])
			case 4: // changed, in a way that another change takes back
				for i := range list {
					if random.IntN(10) == 0 {
						list[i] = flip(list[i])
					}
				}
			case 5:
				list = append(list[:at:at], append(odd(random), list[at:]...)...)
			}
		}
		members[name] = marshal(t, list)
	}
	members["meta"] = fmt.Appendf(nil, `{"revisionId":%d}`, random.IntN(100))
	var out bytes.Buffer
	if random.IntN(10) > 0 {
		out.Write(marshal(t, members))
	} else if err := json.Indent(&out, marshal(t, members), "", " "); err != nil {
		t.Fatal(err)
	}
	switch next := out.Bytes(); random.IntN(10) {
	case 0: // broken
		next[random.IntN(len(next))] = byte(random.IntN(128))
		return next
	case 1:
		return next[:random.IntN(len(next))]
	case 2: // the last of two lists counts
		return slices.Concat(next[:len(next)-1], []byte(`,"features":[7,`), bytes.TrimLeft(members["features"], "["),
			[]byte("}"))
	default:
		return next
	}
}

// odd are elements of a list with problems.
func odd(random *rand.Rand) []json.RawMessage {
	sound := fmt.Sprintf(`{"id":%[1]d,"name":"sound-%[1]d","enabled":true,"strategies":[],"constraints":[]}`,
		random.IntN(1000))
	list := []json.RawMessage{json.RawMessage(sound)}
	for _, text := range []string{
		`{}`, `7`, `{"id":"x","name":"y"}`, `{"id":77,"name":"odd","enabled":true,"strategies":[7],"constraints":{}}`,
	} {
		if random.IntN(2) == 0 {
			list = append(list, json.RawMessage(text))
		}
	}
	return list
}

func flip(flag []byte) []byte {
	if bytes.Contains(flag, []byte(`"enabled":true`)) {
		return bytes.Replace(flag, []byte(`"enabled":true`), []byte(`"enabled":false`), 1)
	}
	return bytes.Replace(flag, []byte(`"enabled":false`), []byte(`"enabled":true`), 1)
}

func marshal(t *testing.T, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzParseNext: for any two documents, and for the second after the first
// again.
func FuzzParseNext(f *testing.F) {
	const flag = `{"name":"a","enabled":true,"strategies":[]}`
	for _, after := range []string{
		`{"features":[` + flag + `,1]}`, `{"features":[1` + flag + `]}`, `{"features":["a"` + flag +
			`]}`, `{"features":[` + flag + flag + `]}`,
		`["features",[` + flag + `]]`, `{"x":[` + flag + `],"features":[{"x":` + flag + `}]}`, `{"features":[` + flag +
			`],"features":[` + flag + `]}`,
		`{"features":{"features":[` + flag + `]}}`, `{"features":[` + flag + `],"segments":[` + flag +
			`]}`, `{"f\u0065atures":[` + flag + `]}`,
		`{"features":[` + flag + `],"f\u0065atures":[` + strings.Replace(flag, "a", "b", 1) +
			`]}`, `{"f\u0065atures":[7],"features":[` + flag + `]}`,
		`{"features":["` + flag + `"]}`, `{"features":[],` + flag + `}`, `{"features" [` + flag +
			`]}`, `{"x":"features","y":[` + flag + `]}`,
		`{"features":[` + flag + `]]`, `{"features":[` + flag,
	} {
		f.Add([]byte(`{"features":[`+flag+`],"segments":[{"id":1}]}`), []byte(after))
	}
	for seed := range uint64(10) {
		random := rand.New(rand.NewPCG(seed, 0))
		f.Add(gen.Definitions(random, gen.Options{Odd: true}).Document, gen.Definitions(random, gen.Options{}).Document)
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		last, err := parse.Definitions(before, "test")
		if err != nil {
			last = nil
		}
		if next := sameAsParse(t, after, last); next != nil {
			last = next
		}
		last = sameAsParse(t, after, last)
		sameAsParse(t, before, last)
	})
}

// Flags and segments that have not changed are not read again; and many changes,
// one by one, do not hold the memory of the documents in which they came.
func TestParseNextKeepsWhatStands(t *testing.T) {
	const flags = 1000
	revisions := make([]int, flags)
	document := func() []byte {
		var b bytes.Buffer
		b.WriteString(`{"version":2,"features":[`)
		for i, revision := range revisions {
			fmt.Fprintf(&b, `{"name":"flag-%d","enabled":true,"strategies":[],"variants":[],"x":%d},`, i, revision)
		}
		b.WriteString(`{"name":"last","enabled":true,"strategies":[]}],"segments":[{"id":1,"constraints":[]},{"id":2,` +
			`"constraints":[]}]}`)
		return b.Bytes()
	}
	first, err := parse.Definitions(document(), "test")
	if err != nil {
		t.Fatal(err)
	}
	last, before := first, live()
	for i := range revisions {
		revisions[i]++
		next, err := parse.Next(t.Context(), document(), "test", last)
		if err != nil || len(next.Features) != flags+1 {
			t.Fatal(err)
		}
		for j := range next.Features {
			if same(next.Features[j].Raw, last.Features[j].Raw) != (i != j) {
				t.Fatalf("change %d: flag %d is the same one: %v", i, j, i == j)
			}
		}
		if !same(next.Segments[1].Raw, first.Segments[1].Raw) {
			t.Fatalf("change %d: a segment was read again", i)
		}
		last = next
	}
	// Each change came in a text of 3 kB and more, without what was known.
	if grown := live() - before; grown > 1<<20 {
		t.Errorf("after %d changes %d bytes more are in use", flags, grown)
	}
	if got := strings.Count(string(last.Encode()), `"x":1}`); got != flags {
		t.Errorf("%d flags have changed", got)
	}
	runtime.KeepAlive(first)
}

func same(a, b string) bool { return unsafe.StringData(a) == unsafe.StringData(b) }

// live returns the bytes in use.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
