// Command release makes the parts of a release that goreleaser does not: the licence
// notices, the image as an OCI archive, and the archive of the Helm chart. The same input
// gives the same bytes. Run it at the root of the repository:
//
//	release notices FILE
//	release image FILE VERSION REVISION SECONDS
//	release chart FILE VERSION SECONDS
//
// SECONDS is the time of files in archives, in seconds since 1970. deploy/release/prepare.sh
// calls it before goreleaser builds.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New(
	"usage: release notices FILE | image FILE VERSION REVISION SECONDS | chart FILE VERSION SECONDS")

func run(args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	switch command, rest := args[0], args[1:]; {
	case command == "notices" && len(rest) == 1:
		return notices(rest[0])
	case command == "image" && len(rest) == 4:
		at, err := seconds(rest[3])
		if err != nil {
			return err
		}
		return image(rest[0], build{version: rest[1], revision: rest[2], at: at})
	case command == "chart" && len(rest) == 3:
		at, err := seconds(rest[2])
		if err != nil {
			return err
		}
		return chart(rest[0], rest[1], at)
	}
	return errUsage
}

func seconds(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("invalid time %q: want seconds since 1970", text)
	}
	return time.Unix(n, 0).UTC(), nil
}
