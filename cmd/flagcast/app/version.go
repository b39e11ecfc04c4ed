package app

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker for releases: -ldflags "-X
// github.com/flagcast/flagcast/cmd/flagcast/app.version=v1.2.3".
var version string

// revision is the commit, set likewise where the checkout is not at hand.
var revision string //nolint:gochecknoglobals // the linker sets variables only

// BuildVersion falls back to what Go records of the module and the commit.
func BuildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// VersionLine is what version and --version print.
func VersionLine() string {
	return fmt.Sprintf("flagcast %s %s %s/%s", BuildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// buildRevision falls back to what Go records where it compiles in a checkout:
// "-dirty" behind it says that files were changed. It is "" where no commit is
// known.
func buildRevision() string {
	if revision != "" {
		return revision
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	commit, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "-dirty"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + changed
}
