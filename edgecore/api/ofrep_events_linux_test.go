package api_test

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/flagcast/flagcast/test/need"
)

// TestOFREPNoticesInChromium: a page changes without a reload.
func TestOFREPNoticesInChromium(t *testing.T) {
	chromium := need.Debian(t, "chromium", "chromium")
	followed(t, func(server string) *exec.Cmd {
		cmd := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
			"--no-first-run", "--user-data-dir="+t.TempDir(), "--remote-debugging-port=0", server+"/")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		t.Cleanup(func() { // it has processes of its own, which write to its folder
			for range 500 {
				if errors.Is(syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL), syscall.ESRCH) {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
		return cmd
	})
}
