// Package delta has the events of Unleash's delta protocol: what makes one version of the
// definitions of another one (Changes), and the version that events make (Fold). It does
// no I/O.
package delta
