package measure

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Find returns the engine that there is: workerd where its threads can be
// measured, named by a path (FLAGCAST_WORKERD), on the PATH, or in the
// node_modules of a folder or of one around it; else node; else nil. What is
// named has to exist.
func Find(named, dir string) (Engine, error) {
	path, err := FindWorkerd(named, dir)
	if err != nil {
		return nil, err
	}
	if path != "" && (named != "" || runtime.GOOS == "linux") {
		return Workerd{Path: path}, nil
	}
	if path, err := exec.LookPath("node"); err == nil {
		return Node{Path: path}, nil
	}
	return nil, nil
}

// FindWorkerd returns the path of workerd: of the program that is named, else of one on
// the PATH or in the node_modules of a folder or of one around it; "" if there is none.
// What is named has to exist.
func FindWorkerd(named, dir string) (string, error) {
	if named == "" {
		return findWorkerd(dir), nil
	}
	path := program(named)
	if path == "" {
		return "", fmt.Errorf("find workerd: there is no program %q", named)
	}
	return path, nil
}

func findWorkerd(dir string) string {
	if path, err := exec.LookPath("workerd"); err == nil {
		if path = program(path); path != "" {
			return path
		}
	}
	dir, err := filepath.Abs(dir)
	for err == nil {
		if path := program(filepath.Join(dir, "node_modules", ".bin", "workerd")); path != "" {
			return path
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	return ""
}

// program is the file that the kernel runs: npm puts a script of Node before
// it, whose threads are others. "" if there is none.
func program(path string) string {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	begin := make([]byte, 2)
	if _, err := io.ReadFull(f, begin); err != nil {
		return ""
	}
	if !bytes.Equal(begin, []byte("#!")) {
		return path
	}
	arch := map[string]string{"amd64": "64", "arm64": "arm64"}[runtime.GOARCH]
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		binary := filepath.Join(dir, "node_modules", "@cloudflare", "workerd-"+runtime.GOOS+"-"+arch, "bin", "workerd")
		if _, err := os.Stat(binary); err == nil {
			return binary
		}
	}
	return ""
}
