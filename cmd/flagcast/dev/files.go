package dev

import (
	"maps"
	"os"
	"slices"
	"time"
)

// files are the files of a worker, as they were when it was linked: by their paths.
type files map[string]stamp

// stamp is the state of a file; the zero value: it is absent.
type stamp struct {
	size    int64
	changed time.Time
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}

// watch records the state of files.
func watch(paths []string) files {
	f := files{}
	for _, path := range paths {
		f[path] = stampOf(path)
	}
	return f
}

func (f files) paths() []string { return slices.Collect(maps.Keys(f)) }

// changed returns a file that has changed since the last call, "" for none.
func (f files) changed() (file string) {
	for path, before := range f {
		if now := stampOf(path); now != before {
			f[path], file = now, path
		}
	}
	return file
}
