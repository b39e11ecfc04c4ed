package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
)

// reading compares bytes to program with encoding/json, which only decodes.
func reading(rounds int) []figure {
	small, large := definitions(flags), definitions(50*flags)
	ours := func(text []byte) func(int) { return func(int) { mustCompile(text) } }
	peer := func(text []byte) func(int) {
		return func(int) {
			var d document
			if err := json.Unmarshal(text, &d); err != nil {
				panic(err)
			}
		}
	}
	stats := race(rounds/3+1, 1, ours(small), peer(small))
	many := race(5, 1, ours(large), peer(large))
	share := stats[0].Min / stats[1].Min
	growth := many[0].Min / stats[0].Min / 50
	return []figure{
		{
			What: "Go: bytes to program, 1,000 flags", Unit: "µs", Ours: stats[0], Peer: stats[1],
			Named: "encoding/json",
			Ratio: share, Bar: "at most 0.75 of its time", Met: share <= 0.75,
		},
		{
			What: "Go: bytes to program, 50,000 flags", Unit: "µs", Ours: many[0], Peer: many[1],
			Named: "encoding/json",
			Ratio: growth, Bar: "linear: at most 1.3 times 50 times that of 1,000", Met: growth <= 1.3,
		},
	}
}

func sizes() []figure {
	stored, err := rules.Encode(compile.Specialize(mustCompile(definitions(flags)), &eval.Context{}), rules.Options{})
	if err != nil {
		panic(err)
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = z.Write(stored)
	_ = z.Close()
	at := func(what string, bytes, bar int) figure {
		n := float64(bytes)
		return figure{
			What: what, Unit: "bytes", Ours: stat{n, n}, Bar: fmt.Sprintf("at most %d", bar), Met: bytes <= bar,
		}
	}
	return []figure{
		at("rules/1 of 1,000 flags", len(stored), 48_000), at("rules/1 of 1,000 flags, gzip -9", b.Len(), 12_000),
	}
}
