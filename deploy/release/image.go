package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// build is what an image says of itself.
type build struct {
	version, revision string
	at                time.Time
}

// user owns the folder for the state, and runs the program.
const user = 10001

// image writes an OCI archive: an index of an image for each architecture, each with one
// layer that deploy/container/rootfs.sh makes. skopeo, podman and crane read it.
func image(file string, b build) error {
	work, err := os.MkdirTemp("", "flagcast-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var index v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64"} {
		one, err := b.platform(filepath.Join(work, arch), arch)
		if err != nil {
			return fmt.Errorf("make the image for %s: %w", arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        one,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	index = mutate.Annotations(index, b.labels()).(v1.ImageIndex)
	dir := filepath.Join(work, "layout")
	store, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if err := store.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": b.version,
	})); err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	p := newPacker(out, b.at)
	if err := p.addTree(dir, "", nil); err != nil {
		return err
	}
	if err := p.tar.Close(); err != nil {
		return err
	}
	return out.Close()
}

// labels are those of the OCI image specification.
func (b *build) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "flagcast",
		"org.opencontainers.image.description": "Unleash feature flags inside CDN workers",
		"org.opencontainers.image.source":      "https://github.com/flagcast/flagcast",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     b.version,
		"org.opencontainers.image.revision":    b.revision,
		"org.opencontainers.image.created":     b.at.Format(time.RFC3339),
	}
}

// platform makes the image for an architecture in a folder.
func (b *build) platform(root, arch string) (v1.Image, error) {
	cmd := exec.Command("sh", "deploy/container/rootfs.sh", root)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "VERSION="+b.version, "REVISION="+b.revision)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	var content bytes.Buffer
	p := newPacker(&content, b.at)
	if err := p.addTree(root, "", nil); err != nil {
		return nil, err
	}
	for _, dir := range []string{"var", "var/lib"} {
		if err := p.add(dir, os.ModeDir|0o755, 0, "", nil); err != nil {
			return nil, err
		}
	}
	if err := p.add("var/lib/flagcast", os.ModeDir|0o755, user, "", nil); err != nil {
		return nil, err
	}
	if err := p.tar.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(9))
	if err != nil {
		return nil, err
	}
	made, err := mutate.Append(mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON),
		types.OCIManifestSchema1), mutate.Addendum{
		Layer: layer, History: v1.History{Created: v1.Time{Time: b.at}, CreatedBy: "deploy/container/rootfs.sh"},
	})
	if err != nil {
		return nil, err
	}
	config, err := made.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, v1.Time{Time: b.at}
	config.Config = v1.Config{
		User: fmt.Sprintf("%d:%d", user, user), WorkingDir: "/app", Entrypoint: []string{"/app/flagcast"},
		ExposedPorts: map[string]struct{}{"3063/tcp": {}}, Labels: b.labels(),
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	}
	return mutate.ConfigFile(made, config)
}
