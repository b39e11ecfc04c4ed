package deploy

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"

	"github.com/flagcast/flagcast/test/need"
)

// TestCompose: the file is valid by the schema of Compose, everything is on
// this machine alone, and the core is as confined as in the cluster.
func TestCompose(t *testing.T) {
	options, err := cli.NewProjectOptions([]string{filepath.Join(need.Root(), "deploy", "compose", "compose.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range project.Services {
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is open to others", name, p.Published)
			}
		}
	}
	core := project.Services["flagcast"]
	if !core.ReadOnly || !slices.Contains(core.CapDrop, "ALL") || core.MemLimit == 0 ||
		core.Environment["GOMEMLIMIT"] == nil {
		t.Error("the core may do more than it has to")
	}
	if core.Build == nil || filepath.Clean(core.Build.Context) != filepath.Clean(need.Root()) {
		t.Errorf("the image is not built from the Dockerfile of the repository: %+v", core.Build)
	}
	// What the core asks for is what Unleash is given.
	tokens, given := core.Environment["TOKENS"], project.Services["unleash"].Environment["INIT_BACKEND_API_TOKENS"]
	if tokens == nil || given == nil || *tokens != *given {
		t.Error("the core has another token than Unleash")
	}
	if url := core.Environment["UPSTREAM_URL"]; url == nil || !strings.HasPrefix(*url, "http://unleash:") {
		t.Error("the core asks somebody else")
	}
}
