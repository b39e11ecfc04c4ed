package app

import (
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore/upstream"
)

// LimitMemory sets the limit of Go's memory to nine tenths of what the
// container may have, so that the collector works harder before the kernel
// kills the process. GOMEMLIMIT in the environment wins. A library does no more
// than these lines read.
func LimitMemory(root fs.FS, getenv func(string) string, log *slog.Logger) {
	if getenv("GOMEMLIMIT") != "" {
		return
	}
	if most := containerMemory(root); most < math.MaxInt64 {
		limit := most / 10 * 9
		debug.SetMemoryLimit(limit)
		log.Debug("memory is limited by the container", "container", most, "limit", limit)
	}
}

// Definitions take up to 28 times their bytes while a new version is read,
// compiled and packed beside the one before (TestMemoryOfHostileAnswers); those
// of Unleash take about twelve times.
const (
	answerShare    = 32
	minAnswerBytes = 1 << 20
	maxAnswerBytes = upstream.DefaultMaxBytes
)

// AnswerBytes bounds an answer of upstream for one of some tokens: all of them
// may be read at the same time.
func AnswerBytes(memory int64, tokens int) int64 {
	return min(max(memory/answerShare/int64(max(tokens, 1)), minAnswerBytes), maxAnswerBytes)
}

// memoryLimit is what this process may use, math.MaxInt64 without a limit.
func memoryLimit() int64 {
	return min(debug.SetMemoryLimit(-1), containerMemory(os.DirFS("/")))
}

// containerMemory is the smallest limit of the cgroups that the process is in,
// of version 2 or 1 (Linux, Documentation/admin-guide/cgroup-v2.rst,
// "memory.max"); math.MaxInt64 without one.
func containerMemory(root fs.FS) int64 {
	most := int64(math.MaxInt64)
	content, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(content)) {
		// hierarchy:controllers:path
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		mount, file := "sys/fs/cgroup", "memory.max"
		switch {
		case controllers == "":
		case strings.Contains(","+controllers+",", ",memory,"):
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// A container sees its own group at the top, though its path says more.
		for group = path.Clean("/" + group); ; group = path.Dir(group) {
			text, err := fs.ReadFile(root, path.Join(mount, group, file))
			if n, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && bad == nil && n > 0 &&
				n < 1<<60 {
				most = min(most, n)
			}
			if group == "/" {
				break
			}
		}
	}
	return most
}
