// Package outage decides which of many failures in a row are worth a record in the
// log: the first, one with another cause, and the recovery.
package outage

// Change is what the outcome of a try changes.
type Change int

// The changes.
const (
	Unchanged Change = iota // another success, or another failure of the same cause
	Began                   // the first failure
	Differs                 // a failure with another cause than the one before
	Ended                   // the first success after failures
)

// Between compares the outcome of a try with that of the try before. Errors with
// the same text have the same cause.
func Between(before, after error) Change {
	switch {
	case before == nil && after == nil:
		return Unchanged
	case before == nil:
		return Began
	case after == nil:
		return Ended
	case before.Error() != after.Error():
		return Differs
	default:
		return Unchanged
	}
}
