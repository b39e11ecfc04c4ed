package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"
)

const mostBytes = 30 << 20 // of a binary

// dist is the folder of a finished release, and its version; see make test-release.
func dist(t *testing.T) (dir, version string) {
	t.Helper()
	if dir = os.Getenv("FLAGCAST_DIST"); dir == "" {
		t.Skip("FLAGCAST_DIST names no release: make test-release makes one")
	}
	var meta struct{ Version string }
	if err := json.Unmarshal(readFile(t, filepath.Join(dir, "metadata.json")), &meta); err != nil {
		t.Fatal(err)
	}
	return dir, meta.Version
}

// TestDistIsComplete: the checksums are those of the files, every platform is there, and
// each archive holds the program and the licences.
func TestDistIsComplete(t *testing.T) {
	dir, version := dist(t)
	parts := filepath.Join(dir, "..", "build", "release")
	var names []string
	for line := range strings.Lines(string(readFile(t, filepath.Join(dir, "checksums.txt")))) {
		want, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		names = append(names, name)
		from := dir
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			from = parts
		}
		if sum := sha256.Sum256(readFile(t, filepath.Join(from, name))); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s has another checksum", name)
		}
	}
	for _, platform := range platforms {
		name := "flagcast_" + version + "_" + strings.ReplaceAll(platform, "/", "_")
		archive, program := name+".tar.gz", "flagcast"
		if strings.HasPrefix(platform, "windows") {
			archive, program = name+".zip", "flagcast.exe"
		}
		for _, want := range []string{archive, name + ".cdx.json"} {
			if !slices.Contains(names, want) {
				t.Errorf("the checksums have no %s", want)
			}
		}
		sizes := listArchive(t, filepath.Join(dir, archive))
		for _, want := range []string{
			program, "LICENSE", "README.md", "CHANGELOG.md", "THIRD_PARTY_NOTICES", "flagcast.service",
		} {
			if sizes[want] == 0 {
				t.Errorf("%s holds no %s: %v", archive, want, sizes)
			}
		}
		t.Logf("%s: %.1f MB, the program %.1f MB", archive, size(t, filepath.Join(dir, archive)), mega(sizes[program]))
		if sizes[program] > mostBytes {
			t.Errorf("the program for %s has %d bytes, want at most %d", platform, sizes[program], mostBytes)
		}
	}
	for _, kind := range []string{"image.tar", "chart.tgz", "npm.tgz"} {
		if name := "flagcast_" + version + "_" + kind; !slices.Contains(names, name) {
			t.Errorf("the checksums have no %s", name)
		} else {
			t.Logf("%s: %.2f MB", name, size(t, filepath.Join(parts, name)))
		}
	}
}

func mega(n int64) float64 { return float64(n) / 1e6 }

func size(t *testing.T, name string) float64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return mega(info.Size())
}

func listArchive(t *testing.T, name string) map[string]int64 {
	t.Helper()
	sizes := map[string]int64{}
	if strings.HasSuffix(name, ".zip") {
		r, err := zip.OpenReader(name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, f := range r.File {
			sizes[f.Name] = int64(f.UncompressedSize64)
		}
		return sizes
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(readFile(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	for name, h := range unpack(t, unpacked, t.TempDir()) {
		sizes[name] = h.Size
	}
	return sizes
}

// TestDistRuns: from the archive to the first answer of a worker in under 10 s. The image
// holds the same program.
func TestDistRuns(t *testing.T) {
	dir, version := dist(t)
	began := time.Now()
	home := t.TempDir()
	unpacked, err := gzip.NewReader(bytes.NewReader(readFile(t,
		filepath.Join(dir, "flagcast_"+version+"_linux_"+runtime.GOARCH+".tar.gz"))))
	if err != nil {
		t.Fatal(err)
	}
	unpack(t, unpacked, home)
	program := filepath.Join(home, "flagcast")
	if out, err := exec.Command(program, "version").CombinedOutput(); err != nil ||
		!strings.HasPrefix(string(out), "flagcast v"+version+" ") {
		t.Errorf("it prints %s: %v", out, err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, program, "dev", "--demo", "--listen", "127.0.0.1:0")
	cmd.Dir = home
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := ""
	for lines := bufio.NewScanner(log); address == "" && lines.Scan(); {
		t.Log(lines.Text())
		if found := regexp.MustCompile(`worker: (http://\S+)`).FindStringSubmatch(lines.Text()); found != nil {
			address = found[1]
		}
	}
	response, err := http.Get(address + "/api/frontend?userId=7&properties[country]=cn")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	took := time.Since(began)
	t.Logf("from the archive to an answer of the worker: %.1f s", took.Seconds())
	if response.StatusCode != http.StatusOK || took > 10*time.Second {
		t.Errorf("status %d after %s, want 200 within 10 s", response.StatusCode, took)
	}
	stop()
	_ = cmd.Wait() // it was ended

	if image := programOfImage(t, dir, version); !bytes.Equal(image, readFile(t, program)) {
		t.Error("the image holds another program than the archive")
	}
}

func programOfImage(t *testing.T, dir, version string) []byte {
	t.Helper()
	archive, err := os.Open(filepath.Join(dir, "..", "build", "release", "flagcast_"+version+"_image.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	store, root := t.TempDir(), t.TempDir()
	unpack(t, archive, store)
	index, err := layout.ImageIndexFromPath(store)
	if err != nil {
		t.Fatal(err)
	}
	images, err := index.ImageIndex(manifest(t, index).Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range manifest(t, images).Manifests {
		if m.Platform.Architecture != runtime.GOARCH {
			continue
		}
		one, err := images.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		layers, err := one.Layers()
		if err != nil {
			t.Fatal(err)
		}
		content, err := layers[0].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		defer content.Close()
		unpack(t, content, root)
	}
	return readFile(t, filepath.Join(root, "app", "flagcast"))
}

// TestDistBill: the bill of materials names every module that the program was made of.
func TestDistBill(t *testing.T) {
	dir, version := dist(t)
	name := fmt.Sprintf("flagcast_%s_linux_%s", version, runtime.GOARCH)
	var bill struct {
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(readFile(t, filepath.Join(dir, name+".cdx.json")), &bill); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	unpacked, err := gzip.NewReader(bytes.NewReader(readFile(t, filepath.Join(dir, name+".tar.gz"))))
	if err != nil {
		t.Fatal(err)
	}
	unpack(t, unpacked, home)
	out, err := exec.Command("go", "version", "-m", filepath.Join(home, "flagcast")).Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(string(out), -1)
	for _, m := range modules {
		if !slices.ContainsFunc(bill.Components, func(c struct{ Name, Version string }) bool {
			return c.Name == m[1] && c.Version == m[2]
		}) {
			t.Errorf("the bill has no %s %s", m[1], m[2])
		}
	}
	if len(modules) < 20 {
		t.Errorf("%d modules in the program", len(modules))
	}
}

// TestDistNPM: a project that installs the package can import each entry.
func TestDistNPM(t *testing.T) {
	dir, version := dist(t)
	home := t.TempDir()
	archive := filepath.Join(dir, "..", "build", "release", "flagcast_"+version+"_npm.tgz")
	for name, text := range map[string]string{
		"package.json": `{"type":"module","private":true}`,
		"try.js": `import { createFlags, kv } from 'flagcast'
import worker from 'flagcast/entries/cloudflare'
import { createRequire } from 'node:module'
if (typeof createFlags !== 'function' || typeof kv !== 'function' || typeof worker.fetch !== 'function') process.exit(1)
console.log(createRequire(import.meta.url)('./node_modules/flagcast/package.json').version)
`,
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range [][]string{
		{"npm", "install", "--no-audit", "--no-fund", "--silent", archive}, {"node", "try.js"},
	} {
		cmd := exec.Command(line[0], line[1:]...)
		cmd.Dir = home
		out, err := cmd.CombinedOutput()
		if err != nil || line[0] == "node" && strings.TrimSpace(string(out)) != version {
			t.Fatalf("%s printed %s: %v", line[0], out, err)
		}
	}
}
