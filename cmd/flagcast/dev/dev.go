// Package dev runs a worker on this machine: it writes each change of the flags into a
// local store, links the worker, and runs it in workerd or Node.js behind one address.
// A change of the flags or of the worker's files starts a new process of the worker;
// the address goes over to it when it answers, so that no request fails.
package dev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
)

// Options of Run.
type Options struct {
	Listener net.Listener // of the worker; Run closes it
	Engine   Engine
	Platform bundles.Platform
	Entry    string // the user's worker; "": the stock one that reads the store
	Bindings []string
	Vars     map[string]string // variables of env
	Store    *state.Store
	Spec     snapshot.Spec // of the snapshot in the store
	Key      sinks.Key
	Log      *slog.Logger
}

// Run serves the worker until ctx ends. It starts when the state has definitions.
func Run(ctx context.Context, o Options) error {
	kv, err := openStore()
	if err != nil {
		return err
	}
	s := &session{Options: o, kv: kv, front: newFront()}
	group, running := errgroup.WithContext(ctx)
	serve(running, group, o.Listener, s.front)
	serve(running, group, kv.listener, kv)
	states := make(chan *state.State)
	group.Go(func() error { return s.follow(running, states) })
	group.Go(func() error { return s.loop(running, states) })
	return group.Wait()
}

// serve answers requests of a listener until ctx ends.
func serve(ctx context.Context, group *errgroup.Group, l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
}

// session is owned by loop.
type session struct {
	Options
	kv    *store
	front *front

	snapshot *snapshot.Snapshot // nil before the first one
	stored   []byte
	seq      uint64
	inputs   files
	worker   *process // nil while none runs
	retired  sync.WaitGroup
	greeted  bool
}

// follow sends each state of the environment, and the same again when a date
// constraint flips.
func (s *session) follow(ctx context.Context, states chan<- *state.State) error {
	var version uint64
	var current *state.State
	for {
		waiting, cancel := ctx, context.CancelFunc(func() {})
		if current != nil {
			if flip, ok := current.Program.NextFlip(time.Now()); ok {
				waiting, cancel = context.WithDeadline(ctx, flip)
			}
		}
		next, err := s.Store.Wait(waiting, s.Spec.Environment, version)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			current, version = next, next.Version
		}
		select {
		case <-ctx.Done():
			return nil
		case states <- current:
		}
	}
}

// lookEvery is how often the files of the worker are compared.
const lookEvery = 200 * time.Millisecond

func (s *session) loop(ctx context.Context, states <-chan *state.State) error {
	defer func() {
		if s.worker != nil {
			s.worker.stop()
		}
		s.retired.Wait()
	}()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		var ended <-chan struct{}
		if s.worker != nil {
			ended = s.worker.ended
		}
		select {
		case <-ctx.Done():
			return nil
		case current := <-states:
			if !s.publish(current) {
				continue
			}
		case <-look.C:
			file := s.inputs.changed()
			if file == "" {
				continue
			}
			s.Log.Info("the worker has changed", "file", file)
		case <-ended:
			if isEnding(ctx) {
				return nil
			}
			s.worker = nil
			s.front.fail(errors.New("the worker has ended; it starts again when its files or the flags change"))
			s.Log.Error("the worker has ended", "err", "it starts again when its files or the flags change")
			continue
		}
		s.restart(ctx)
	}
}

// isEnding reports whether ctx ends in a moment: an interrupt from a terminal ends the
// worker, too.
func isEnding(ctx context.Context) bool {
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return true
	case <-timer.C:
		return false
	}
}

// publish puts a snapshot into the store and logs what it changes. It reports
// whether the snapshot has changed.
func (s *session) publish(current *state.State) bool {
	now := time.Now()
	made, err := snapshot.Encode(current.Definitions, current.Program, s.Spec, now)
	if err != nil {
		s.Log.Error("cannot encode the flags; the last good ones stay", "err", err)
		return false
	}
	if s.snapshot != nil && made.Digest == s.snapshot.Digest {
		return false
	}
	for _, p := range made.Problems {
		s.Log.Warn("problem", "problem", p.String())
	}
	if s.snapshot == nil {
		s.Log.Info("flags received", "flags", made.Count, "environment", s.Spec.Environment)
	} else {
		s.Log.Info("flags changed", "changes", flagdiff.Lines(flagdiff.Stored(&made, s.stored), changesLogged))
	}
	s.seq = snapshot.NextSeq(s.seq, now)
	s.snapshot, s.stored = &made, made.Seal(s.seq, now)
	s.kv.publish(string(s.Key), s.stored)
	return true
}

const changesLogged = 20

// restart links the worker and replaces the one that runs. When that fails, the one
// that runs stays.
func (s *session) restart(ctx context.Context) {
	if s.snapshot == nil {
		return
	}
	linked, err := bundles.Link(s.snapshot, bundles.Script{
		Platform: s.Platform, Entry: s.Entry, ReadsStore: true, Readable: true,
	})
	if err != nil {
		if s.Entry != "" {
			s.inputs = watch(append(s.inputs.paths(), filesOf(err, s.Entry)...))
		}
		s.failed(err)
		return
	}
	s.inputs = watch(linked.Inputs)
	worker, err := s.Engine.start(ctx, job{
		script: linked.Code, platform: s.Platform, store: s.kv.address(), bindings: s.Bindings, vars: s.Vars,
		log: s.Log,
	})
	if err != nil {
		if ctx.Err() == nil {
			s.failed(err)
		}
		return
	}
	s.worker = worker
	if before := s.front.replace(worker); before != nil {
		s.retired.Go(before.retire)
	}
	if s.greeted {
		s.Log.Info("the worker runs with the change")
	} else {
		s.greeted = true
		s.greet()
	}
}

// greet logs where the worker is, and how to try it.
func (s *session) greet() {
	url := "http://" + s.Listener.Addr().String()
	s.Log.Info("worker", "url", url, "platform", s.Platform, "engine", s.Engine.Name(), "key", s.Key)
	if s.Entry == "" {
		s.Log.Info("try", "command", "curl '"+url+"/api/frontend?userId=7'")
	}
}

// filesOf lists the entry and the files that an error of the linker names.
func filesOf(err error, entry string) []string {
	list := []string{entry}
	var faults *bundles.LinkError
	if errors.As(err, &faults) {
		for i := range faults.Faults {
			if f := faults.Faults[i].File; f != "" {
				list = append(list, filepath.FromSlash(f))
			}
		}
	}
	return list
}

func (s *session) failed(err error) {
	s.Log.Error("the worker does not start", "err", err)
	if s.worker == nil {
		s.front.fail(fmt.Errorf("the worker does not start: %w", err))
	}
}
