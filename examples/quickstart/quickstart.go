// Package quickstart holds the files of this folder, for commands that begin with an
// example.
package quickstart

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/flagcast/flagcast/edgecore"
)

//go:embed flagcast.yaml
var config []byte

//go:embed flags.json
var flags []byte

// Environment is that of the flags.
const Environment edgecore.Environment = "development"

// Folder is the paths of the files.
type Folder struct {
	Config string // a configuration that serves the flags, and publishes them into the folder
	Flags  string
}

// Write makes a folder with the files. Those that exist stay as they are.
func Write(dir string) (Folder, error) {
	f := Folder{Config: filepath.Join(dir, "flagcast.yaml"), Flags: filepath.Join(dir, "flags.json")}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return Folder{}, fmt.Errorf("write the example: %w", err)
	}
	for path, content := range map[string][]byte{f.Config: config, f.Flags: flags} {
		if err := writeNew(path, content); err != nil {
			return Folder{}, fmt.Errorf("write the example: %w", err)
		}
	}
	return f, nil
}

func writeNew(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}
