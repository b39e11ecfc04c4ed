package eval

import (
	"testing"

	"github.com/twmb/murmur3"
	"pgregory.net/rapid"
)

// A prefix hashes as MurmurHash3 x86_32 does, wherever the text is cut.
func TestPrefixIsMurmur(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SampledFrom([]uint32{RolloutSeed, VariantSeed}).Draw(t, "seed")
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string {
			return string(b)
		}))
		group, first, second := text.Draw(t, "group"), text.Draw(t, "first"), text.Draw(t, "second")
		want := murmur3.SeedSum32(seed, []byte(group+":"+first+second))
		p := NewHash(seed, group)
		if got := p.write(first).write(second).sum(); got != want {
			t.Errorf("in parts: %d, want %d", got, want)
		}
		id := first + second
		if got := p.write(id).sum(); got != want {
			t.Errorf("at once: %d, want %d", got, want)
		}
		size := rapid.IntRange(1, 1<<40).Draw(t, "size")
		for _, n := range []int{size, 1, 1000, 1 << 32} {
			if got := p.Bucket(id, n); got != int(uint64(want)%uint64(n))+1 {
				t.Errorf("bucket %d of %d of %d", got, n, want)
			}
		}
		if got := p.Percent(id); got != int(want%100)+1 {
			t.Errorf("percent %d of %d", got, want)
		}
	})
}
