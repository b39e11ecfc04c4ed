package deploy

import (
	"os/exec"
	"testing"

	"github.com/flagcast/flagcast/test/need"
)

// shell is a script that is to run at the root of the repository.
func shell(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", script)
	cmd.Dir = need.Root()
	return cmd
}
