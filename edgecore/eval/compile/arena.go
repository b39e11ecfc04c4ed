package compile

// arena hands out parts of large allocations: what is evaluated together lies
// together, and a program of thousands of flags costs the allocator little.
// The first is small, for a program that has little of its own.
type arena[T any] struct {
	free []T
	size int
}

const arenaSize = 128

// take returns n zero elements that are not in use.
func (a *arena[T]) take(n int) []T {
	if n > len(a.free) {
		if n > arenaSize/4 {
			return make([]T, n)
		}
		a.size = min(2*max(n, a.size), arenaSize)
		a.free = make([]T, a.size)
	}
	out := a.free[:n:n]
	a.free = a.free[n:]
	return out
}

func (a *arena[T]) one() *T { return &a.take(1)[0] }
