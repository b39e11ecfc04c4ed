package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
)

const (
	defaultConfig  = "flagcast.yaml"
	configVariable = "FLAGCAST_CONFIG"
)

// configFile is the configuration file of one command: what --config names, else
// what FLAGCAST_CONFIG names, else the default.
type configFile struct {
	path string
	flag bool // --config names it
	// missing reports that it is the default file, and that there is none.
	missing bool
}

func configFileOf(c *cobra.Command) configFile {
	f := configFile{path: defaultConfig, flag: c.Flags().Changed("config")}
	variable := os.Getenv(configVariable)
	switch {
	case f.flag:
		f.path, _ = c.Flags().GetString("config")
	case variable != "":
		f.path = variable
	default:
		_, err := os.Stat(f.path)
		f.missing = errors.Is(err, fs.ErrNotExist)
	}
	return f
}

// argument returns what a printed command needs at its end to read the same
// file: " --config FILE" as it was given, quoted for a shell where needed, else
// "". A command that is typed where FLAGCAST_CONFIG is set has it by that.
func (f configFile) argument() string {
	if !f.flag {
		return ""
	}
	return " --config " + shellWord(f.path)
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
	noFileHint = "--config FILE or " + configVariable + " names one; " +
		"without a file UPSTREAM_URL and TOKENS are needed, and nothing is published"
)

// first puts before faults of a setting that is not given that the file does not
// exist: it would hold the setting.
func (f configFile) first(err error) error {
	var faults *config.Faults
	if f.missing && errors.As(err, &faults) && faults.Incomplete() {
		faults.List = slices.Insert(faults.List, 0, config.Fault{File: f.path, Message: noFile, Hint: noFileHint})
	}
	return err
}

// without returns the error of a command that needs something which only the
// file can hold, such as "targets".
func (f configFile) without(err error, key string) error {
	if f.missing {
		return exit.With(exit.Usage, fmt.Errorf("%s: %s, and the command needs its %s", f.path, noFile, key), noFileHint)
	}
	return exit.With(exit.Usage, err, fmt.Sprintf("add them under %q", key+":"))
}
