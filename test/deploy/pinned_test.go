package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/flagcast/flagcast/test/need"
)

var (
	// pinnedAction names a version by the hash of its commit, and says for people
	// which one it is.
	pinnedAction = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	// ourAction is this repository's own, by the version of a release: its commit is not
	// known before the release.
	ourAction = regexp.MustCompile(`^flagcast/flagcast@v\d+\.\d+\.\d+$`)
	// pinnedImage names an image by its version and its digest.
	pinnedImage = regexp.MustCompile(`^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$`)
)

// TestActionsArePinned: a tag of an action that is moved changes nothing in our
// workflows, nor in the one that users copy from the examples.
func TestActionsArePinned(t *testing.T) {
	var files []string
	for _, pattern := range []string{
		".github/workflows/*.y*ml", ".github/actions/*/*.y*ml", "examples/workers/github-actions/*.yml",
	} {
		found, err := filepath.Glob(filepath.Join(need.Root(), filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	uses := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)\buses:\s*(.*?)\s*$`).FindAllStringSubmatch(string(text), -1) {
			uses++
			if action := found[1]; !strings.HasPrefix(action, "./") && !pinnedAction.MatchString(action) &&
				!ourAction.MatchString(action) {
				t.Errorf("%s uses %q, want OWNER/NAME@HASH # vX.Y.Z", filepath.Base(file), action)
			}
		}
		// An image that a job runs in, or beside.
		for _, image := range images(t, text) {
			if !pinnedImage.MatchString(image) {
				t.Errorf("%s runs %q, want NAME:VERSION@sha256:DIGEST", filepath.Base(file), image)
			}
		}
	}
	if uses < 8 {
		t.Errorf("%d uses of actions were found in %d files", uses, len(files))
	}
}

// images lists the images that a document of YAML names.
func images(t *testing.T, text []byte) (list []string) {
	t.Helper()
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			for key, one := range v {
				if image, ok := one.(string); ok && (key == "image" || key == "container") {
					list = append(list, image)
				}
				walk(one)
			}
		}
	}
	walk(document)
	slices.Sort(list)
	return list
}

// TestImagesArePinned: what the image is built by and from, and what the trial
// runs beside it, are the same bytes for everybody.
func TestImagesArePinned(t *testing.T) {
	syntax := regexp.MustCompile(`^# syntax=(\S+)\n`).FindStringSubmatch(read(t, "Dockerfile"))
	if syntax == nil {
		t.Fatal("the Dockerfile names no syntax")
	}
	found := []string{syntax[1]}
	for _, s := range stages(t) {
		for _, word := range strings.Fields(s.from) {
			if !strings.HasPrefix(word, "--") {
				if word != "scratch" {
					found = append(found, word)
				}
				break
			}
		}
	}
	for _, image := range images(t, []byte(read(t, "deploy/compose/compose.yaml"))) {
		if image != "flagcast" { // it is built from the Dockerfile
			found = append(found, image)
		}
	}
	if len(found) != 4 {
		t.Errorf("the images are %q", found)
	}
	for _, image := range found {
		if !pinnedImage.MatchString(image) {
			t.Errorf("%q is not pinned, want NAME:VERSION@sha256:DIGEST", image)
		}
	}
}
