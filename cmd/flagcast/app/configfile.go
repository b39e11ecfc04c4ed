package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/internal/strictyaml"
)

// DefaultConfig is the configuration file that is read without --config, where
// it exists; ConfigVariable names the environment variable of another.
const (
	DefaultConfig  = "flagcast.yaml"
	ConfigVariable = "FLAGCAST_CONFIG"
)

// ConfigFile is the configuration file of one command: what --config names, else
// what FLAGCAST_CONFIG names, else the default.
type ConfigFile struct {
	Path string
	flag bool // --config names it
	// Missing reports that it is the default file, and that there is none.
	Missing bool
}

// ConfigFileOf returns the configuration file of a command.
func ConfigFileOf(c *cobra.Command) ConfigFile {
	f := ConfigFile{Path: DefaultConfig, flag: c.Flags().Changed("config")}
	variable := os.Getenv(ConfigVariable)
	switch {
	case f.flag:
		f.Path, _ = c.Flags().GetString("config")
	case variable != "":
		f.Path = variable
	default:
		_, err := os.Stat(f.Path)
		f.Missing = errors.Is(err, fs.ErrNotExist)
	}
	return f
}

// Argument returns what a printed command needs at its end to read the same
// file: " --config FILE" as it was given, quoted for a shell where needed, else
// "". A command that is typed where FLAGCAST_CONFIG is set has it by that.
func (f ConfigFile) Argument() string {
	if !f.flag {
		return ""
	}
	return " --config " + shellWord(f.Path)
}

// shellWord returns a text as one word of a POSIX shell.
func shellWord(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,"
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

const (
	noFile     = "there is no such file in the current folder"
	noFileHint = "--config FILE or " + ConfigVariable + " names one; " +
		"without a file UPSTREAM_URL and TOKENS are needed, and nothing is published"
)

// First puts before faults of a setting that is not given that the file does not
// exist: it would hold the setting.
func (f ConfigFile) First(err error) error {
	var faults *strictyaml.Faults
	if f.Missing && errors.As(err, &faults) && faults.Incomplete() {
		faults.List = slices.Insert(faults.List, 0, strictyaml.Fault{File: f.Path, Message: noFile, Hint: noFileHint})
	}
	return err
}

// Without returns the error of a command that needs something which only the
// file can hold, such as "targets".
func (f ConfigFile) Without(err error, key string) error {
	if f.Missing {
		return exit.With(exit.Usage, fmt.Errorf("%s: %s, and the command needs its %s", f.Path, noFile, key),
			noFileHint)
	}
	return exit.With(exit.Usage, err, fmt.Sprintf("add them under %q", key+":"))
}
