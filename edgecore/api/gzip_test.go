package api_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/api"
)

// Whatever changes, the packed form is one member of gzip that unpacks to the
// body, hardly larger than if all were packed at once; and a change costs the
// pieces around it.
func TestPack(t *testing.T) {
	const versions = 12
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 5))
		serial := 0
		flag := func() edgecore.Feature {
			serial++
			text := fmt.Sprintf(
				`{"name":"flag-%d","enabled":%v,"strategies":[{"name":"userWithId","parameters":{"userIds":"`, serial,
				random.IntN(2) == 0)
			for range random.IntN([]int{2, 40, 1500}[random.IntN(3)]) {
				text += fmt.Sprintf("%x,", random.Uint32())
			}
			return edgecore.Feature{Name: fmt.Sprint("flag-", serial), Raw: text + `"}}]}`}
		}
		d := &edgecore.Definitions{Environment: "e", Segments: []edgecore.Segment{{Raw: `{"id":1}`}}}
		for range []int{0, 1, 400}[seed%3] {
			d.Features = append(d.Features, flag())
		}
		var packer api.Packer
		work, all := 0, 0 // bytes, of all versions but the first
		for version := range versions {
			if version > 0 {
				d = &edgecore.Definitions{
					Environment: "e", Revision: uint64(version), Features: slices.Clone(d.Features),
					Segments: d.Segments,
				}
				at := random.IntN(len(d.Features) + 1)
				switch change := random.IntN(4); {
				case change == 0 || at == len(d.Features):
					d.Features = slices.Insert(d.Features, at, flag())
				case change == 1:
					d.Features = slices.Delete(d.Features, at, at+1)
				default:
					d.Features[at].Raw = flag().Raw
				}
			}
			body, packed, anew := packer.Pack(d)
			if got := unzip(t, packed); !bytes.Equal(got, body) {
				t.Fatalf("seed %d, version %d: %d bytes unpack to others", seed, version, len(body))
			}
			if version > 0 {
				work, all = work+anew, all+len(body)
			}
			if version < versions-1 {
				continue
			}
			if whole := zip(body); len(packed) > len(whole)+len(whole)/30+100 {
				t.Errorf("seed %d: %d bytes, %d if packed at once", seed, len(packed), len(whole))
			}
			if all > versions*500<<10 && work > all/2 {
				t.Errorf("seed %d: %d of %d bytes were packed anew", seed, work, all)
			}
		}
	}
}

func unzip(t *testing.T, packed []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func zip(text []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text) // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}
