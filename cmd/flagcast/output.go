package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/internal/atomicfile"
	"github.com/flagcast/flagcast/internal/printable"
)

// writeResult writes to a file, or to standard output where none is named.
func writeResult(c *cobra.Command, output string, body []byte) error {
	if output == "" {
		_, err := c.OutOrStdout().Write(body)
		return err
	}
	return writeOutput(output, body)
}

func warn(c *cobra.Command, text string) {
	printable.Fprintf(c.ErrOrStderr(), "flagcast: warning: %s\n", text)
}

// writeOutput replaces a file whole: a reader gets the old one or the new one.
func writeOutput(path string, body []byte) error {
	// A path through a file is an error of the write.
	_ = os.MkdirAll(filepath.Dir(path), 0o777)
	err := atomicfile.Write(path, body, 0o644)
	if err == nil {
		return nil
	}
	// The path in the error is that of a hidden file beside the output.
	if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
		err = cause.Err
	} else if cause := (*os.LinkError)(nil); errors.As(err, &cause) {
		err = cause.Err
	}
	return exit.With(exit.Failed, fmt.Errorf("write %q: %w", path, err),
		"--output names a file in a folder that can be written; folders that are missing are made")
}
