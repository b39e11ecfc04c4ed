package app

import (
	"math"
	"testing"
	"testing/fstest"
)

func TestContainerMemory(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, tc := range map[string]struct {
		root fstest.MapFS
		want int64
	}{
		"a container of version 2": {fstest.MapFS{
			"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("67108864\n"),
		}, 64 << 20},
		"a container that sees its whole path": {fstest.MapFS{
			"proc/self/cgroup": file("0::/kubepods/pod1/x\n"), "sys/fs/cgroup/memory.max": file("67108864\n"),
		}, 64 << 20},
		"a group below a tighter one": {fstest.MapFS{
			"proc/self/cgroup": file("0::/a/b\n"), "sys/fs/cgroup/a/b/memory.max": file("1073741824\n"),
			"sys/fs/cgroup/a/memory.max": file("536870912\n"),
		}, 512 << 20},
		"version 1": {fstest.MapFS{
			"proc/self/cgroup":                           file("5:cpu,cpuacct:/x\n4:memory:/x\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("67108864\n"),
		}, 64 << 20},
		"version 1 without a limit": {fstest.MapFS{
			"proc/self/cgroup":                           file("4:memory:/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n"),
		}, math.MaxInt64},
		"no limit": {
			fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("max\n")},
			math.MaxInt64,
		},
		"not Linux": {fstest.MapFS{}, math.MaxInt64},
		"way too up": {fstest.MapFS{
			"proc/self/cgroup": file("0::/../..\n"), "sys/fs/cgroup/memory.max": file("67108864"),
		}, 64 << 20},
	} {
		if got := containerMemory(tc.root); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}
