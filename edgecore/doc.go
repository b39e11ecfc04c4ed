// Package edgecore is the model that every other package speaks: definitions
// of feature flags for one environment, as Unleash sends them.
//
// The words, each for one thing:
//
//   - environment: an Unleash environment ("production"); the unit of state.
//   - feature, flag: one feature flag ("toggle" only where the wire says so).
//   - definitions: what upstream sends for one environment: features, segments
//     and a revision; members we do not know are kept as they came.
//   - feed: where definitions come from: polling, a file.
//   - program: definitions compiled for evaluation (package eval).
//   - context: names and values that an evaluation may look at.
//   - snapshot: the bytes published for one target (package snapshot).
//   - sink, key: a place that stores bytes under keys (package sinks).
//   - target: what is published where, and when (package publish).
//   - revision: upstream's number: provenance, not order.
//   - seq: the order of what is stored under one key.
//   - digest: SHA-256 of a snapshot's content; equal digest, equal flags.
//
// The package does no I/O.
package edgecore
