package app

import (
	"fmt"
	"maps"
	"slices"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/all"
)

// openSinks opens sinks of the configuration by their names. It makes no call of
// their services.
func openSinks(
	configured map[string]*config.Sink, names []string, metrics *sinks.Metrics,
) (map[string]sinks.Sink, error) {
	open, factory := map[string]sinks.Sink{}, all.NewFactory(metrics)
	for _, name := range names {
		s := configured[name]
		if s == nil || open[name] != nil {
			continue // unknown, which the use of its name reports, or open
		}
		sink, err := factory.New(name, s.Type, s.Settings)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("open sink %q: %w", name, err), "")
		}
		open[name] = sink
	}
	return open, nil
}

// WithDecorated returns the parts with each of the sinks decorated.
func (c *App) WithDecorated(decorate func(sinks.Sink) sinks.Sink) *App {
	decorated := *c
	decorated.Sinks = make(map[string]sinks.Sink, len(c.Sinks))
	for name, sink := range c.Sinks {
		decorated.Sinks[name] = decorate(sink)
	}
	decorated.Targets = newTargets(c.Config.Targets, decorated.Sinks)
	return &decorated
}

// sortedNames lists the sinks of a configuration.
func sortedNames(configured map[string]*config.Sink) []string {
	return slices.Sorted(maps.Keys(configured))
}

func newTargets(configured []config.Target, open map[string]sinks.Sink) []publish.Target {
	var list []publish.Target
	for i := range configured {
		list = append(list, newTarget(&configured[i], open))
	}
	return list
}

// newTarget makes a target. open holds the sinks that are open, by their names.
func newTarget(t *config.Target, open map[string]sinks.Sink) publish.Target {
	target := publish.Target{
		Name: t.Name, Environment: t.Environment, Sink: open[t.Sink], SinkName: t.Sink,
		Schedule: t.Schedule, Debounce: t.Debounce, MinInterval: t.MinInterval, Heartbeat: t.Heartbeat,
	}
	if t.History != nil {
		target.History = &publish.History{Sink: open[t.History.Sink], SinkName: t.History.Sink, Keep: t.History.Keep}
	}
	if s, ok := sinks.As[sinks.PropagationReporter](target.Sink); ok && target.Sink != nil &&
		target.Sink.Limits().ReportsPropagation {
		target.Probes = append(target.Probes, &propagation{s, t.Combinations()[0].Key})
	}
	for _, one := range t.Combinations() {
		fields := maps.Clone(t.Static)
		maps.Copy(fields, one.Values)
		for _, probe := range one.Probe {
			target.Probes = append(target.Probes, NewProbe(probe))
		}
		target.Outputs = append(target.Outputs, publish.Output{Key: one.Key, Spec: snapshot.Spec{
			Format: t.Snapshot, Environment: t.Environment, Target: t.Name,
			Static:     eval.Context{Fields: fields, Absent: t.Absent},
			Contextual: t.Contextual, IncludeDisabled: t.IncludeDisabled,
			Projects: t.Projects, Flags: t.Flags, Heartbeat: t.Heartbeat,
			Rules: rules.Options{Identifiers: t.Identifiers, Fields: t.IdentifierFields, Salt: t.IdentifierSalt},
		}})
	}
	return target
}
