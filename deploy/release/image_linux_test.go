package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// unpack reads a tar archive into a folder.
func unpack(t *testing.T, r io.Reader, dir string) (headers map[string]*tar.Header) {
	t.Helper()
	headers = map[string]*tar.Header{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return headers
		}
		if err != nil {
			t.Fatal(err)
		}
		headers[h.Name] = h
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
			err = errors.Join(err, os.Chmod(path, fs.FileMode(h.Mode).Perm()))
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, path)
		default:
			var content []byte
			if content, err = io.ReadAll(archive); err == nil {
				err = os.WriteFile(path, content, fs.FileMode(h.Mode).Perm())
			}
		}
		if err == nil && os.Getuid() == 0 {
			err = os.Lchown(path, h.Uid, h.Gid)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestImage makes the archive twice, and runs what it holds for this machine as the user
// of the image, who can write to the folder of the state alone.
func TestImage(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles the program for two platforms")
	}
	t.Chdir("../..")
	b := build{version: "v9.8.7", revision: "0123abc", at: time.Unix(1_700_000_000, 0).UTC()}
	dir := t.TempDir()
	first, second := filepath.Join(dir, "1.tar"), filepath.Join(dir, "2.tar")
	for _, file := range []string{first, second} {
		if err := image(file, b); err != nil {
			t.Fatal(err)
		}
	}
	archive, again := readFile(t, first), readFile(t, second)
	if !bytes.Equal(archive, again) {
		t.Error("the same input gave other bytes")
	}
	store := filepath.Join(dir, "layout")
	unpack(t, bytes.NewReader(archive), store)
	index, err := layout.ImageIndexFromPath(store)
	if err != nil {
		t.Fatal(err)
	}
	top := manifest(t, index)
	if len(top.Manifests) != 1 || top.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != b.version {
		t.Fatalf("the archive names %+v", top.Manifests)
	}
	images, err := index.ImageIndex(top.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, m := range manifest(t, images).Manifests {
		seen = append(seen, m.Platform.String())
		one, err := images.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkImage(t, one, m.Platform, b)
	}
	if !slices.Equal(seen, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("it is for %v", seen)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func manifest(t *testing.T, index v1.ImageIndex) *v1.IndexManifest {
	t.Helper()
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func checkImage(t *testing.T, one v1.Image, platform *v1.Platform, b build) {
	t.Helper()
	c, err := one.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c.OS != "linux" || c.Architecture != platform.Architecture || c.Config.User != "10001:10001" ||
		c.Config.WorkingDir != "/app" || !slices.Equal(c.Config.Entrypoint, []string{"/app/flagcast"}) ||
		c.Config.Labels["org.opencontainers.image.version"] != b.version ||
		c.Config.Labels["org.opencontainers.image.revision"] != b.revision {
		t.Errorf("%s: the configuration is %+v", platform, c)
	}
	layers, err := one.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%s: %d layers, %v", platform, len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	headers := unpack(t, content, root)
	for name, h := range headers {
		if mine := name == "var/lib/flagcast/"; mine != (h.Uid == user) || !h.ModTime.Equal(b.at) {
			t.Errorf("%s belongs to %d, of %s", name, h.Uid, h.ModTime)
		}
	}
	for _, link := range []string{"app/unleash-edge", "unleash-edge", "flagcast", "usr/local/bin/edge"} {
		if target, err := filepath.EvalSymlinks(filepath.Join(root, link)); err != nil ||
			target != filepath.Join(root, "app", "flagcast") {
			t.Errorf("%s leads to %s: %v", link, target, err)
		}
	}
	if platform.Architecture == runtime.GOARCH && os.Getuid() == 0 {
		runAlone(t, root)
	}
}

// runAlone runs the commands of manifests of Unleash Edge with the image as the whole
// file system.
func runAlone(t *testing.T, root string) {
	t.Helper()
	for _, call := range []struct{ program, arguments, want string }{
		{"/app/unleash-edge", "version", "flagcast v9.8.7"},
		{"/unleash-edge", "version", "flagcast v9.8.7"},
		{"/app/unleash-edge", "health --help", "flagcast health"},
		{"/unleash-edge", "ready --help", "flagcast ready"},
		{"/usr/local/bin/edge", "--help", "flagcast edge"},
		{"/app/flagcast", "serve --demo", "read-only file system|permission denied"},
		{"/app/flagcast", "export --from /none -o /var/lib/flagcast/x", "no such file"},
	} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(root, call.program), strings.Fields(call.arguments)...)
		cmd.Path, cmd.Dir, cmd.Env, cmd.Err = call.program, "/", []string{}, nil
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Chroot: root, Credential: &syscall.Credential{Uid: user, Gid: user},
		}
		out, _ := cmd.CombinedOutput()
		if !slices.ContainsFunc(strings.Split(call.want, "|"), func(want string) bool {
			return strings.Contains(string(out), want)
		}) {
			t.Errorf("%s %s printed %s, want %q", call.program, call.arguments, out, call.want)
		}
	}
}

// TestNotices: each module of the program has its licence, and Go has.
func TestNotices(t *testing.T) {
	t.Chdir("../..")
	file := filepath.Join(t.TempDir(), "notices")
	if err := notices(file); err != nil {
		t.Fatal(err)
	}
	text := string(readFile(t, file))
	list, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}",
		"./cmd/flagcast").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(strings.Fields(string(list)), "Go 1.") {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("the notices have no licence of %s", name)
		}
	}
	if err := addLicences(&bytes.Buffer{}, "none", t.TempDir()); err == nil {
		t.Error("a module without a licence passes")
	}
}
