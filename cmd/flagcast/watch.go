package main

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/flagcast/flagcast/internal/untrusted"
)

// watcher asks for the configuration to be read again: at SIGHUP, when a file of a secret
// has changed, and, where that is wanted, when the configuration file has. A change counts
// once the files have been as they are for stableFor: editors and deployments write in
// several steps.
type watcher struct {
	hangups    <-chan os.Signal
	requests   chan string // why; requests coalesce while none is received
	log        *slog.Logger
	publishing bool
	config     bool // the configuration file is watched, too

	mu    sync.Mutex
	files map[string]contentOf
}

// contentOf is the content of a file, by its digest, and what the file system said of it
// then; the zero value: it cannot be read.
type contentOf struct {
	digest [sha256.Size]byte
	size   int64
	time   time.Time
}

const (
	stableFor    = 2 * time.Second
	lookInterval = 500 * time.Millisecond
	mostWatched  = 8 << 20 // bytes of a file
)

// setFiles replaces the files that are watched; the first one is the configuration.
func (w *watcher) setFiles(paths []string) {
	if len(paths) > 0 && !w.config {
		paths = paths[1:]
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files = map[string]contentOf{}
	for _, path := range paths {
		w.files[path] = readContent(path, contentOf{})
	}
}

// readContent returns the content of a file, without reading it where it is as before.
func readContent(path string, before contentOf) contentOf {
	info, err := os.Stat(path)
	if err != nil {
		return contentOf{}
	}
	// Clocks of file systems are coarse: a file of this moment is read again.
	if before.size == info.Size() && before.time.Equal(info.ModTime()) && time.Since(info.ModTime()) > stableFor {
		return before
	}
	content, err := untrusted.ReadFile(path, mostWatched)
	if err != nil {
		return contentOf{}
	}
	return contentOf{sha256.Sum256(content), info.Size(), info.ModTime()}
}

// changed returns a file whose content has changed since the last call, "" for none.
func (w *watcher) changed() (file string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for path, before := range w.files {
		now := readContent(path, before)
		if now.digest != before.digest {
			file = path
		}
		w.files[path] = now
	}
	return file
}

// start watches until the function that it returns is called.
func (w *watcher) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

func (w *watcher) run(ctx context.Context) {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	var changedAt time.Time // zero: nothing has changed that was not asked about
	var changed string
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.hangups:
			if !w.publishing {
				w.log.Info("SIGHUP: there is nothing to reload: this process publishes nothing, and certificates and " +
					"files of definitions are read again when they change; other settings need a restart")
				continue
			}
			changedAt = time.Time{}
			w.request("SIGHUP")
		case now := <-look.C:
			if file := w.changed(); file != "" {
				changed, changedAt = file, now
			}
			if w.publishing && !changedAt.IsZero() && now.Sub(changedAt) >= stableFor {
				changedAt = time.Time{}
				w.request(changed + " has changed")
			}
		}
	}
}

func (w *watcher) request(why string) {
	select {
	case w.requests <- why:
	default:
	}
}
