package need

import (
	"encoding/json"
	"runtime"
)

// Stack returns how many bytes of stack a call needs, at most. It runs it in a
// goroutine of its own, since a stack shrinks only in a collection.
func Stack(call func()) int64 {
	runtime.GC()
	grown := make(chan int64)
	go func() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		call()
		runtime.ReadMemStats(&after)
		grown <- int64(after.StackInuse) - int64(before.StackInuse)
	}()
	return <-grown
}

// Allocated returns how many bytes a call allocates, freed ones included.
func Allocated(call func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// Depth returns how deep lists and objects nest in valid JSON.
func Depth(document []byte) int {
	depth, most, inString, escaped := 0, 0, false, false
	for _, b := range document {
		switch {
		case escaped:
			escaped = false
		case inString && b == '\\':
			escaped = true
		case b == '"':
			inString = !inString
		case inString:
		case b == '[' || b == '{':
			depth++
			most = max(most, depth)
		case b == ']' || b == '}':
			depth--
		}
	}
	return most
}

// Valid reports whether a document is JSON that nests at most depth levels deep.
func Valid(document []byte, depth int) bool {
	return json.Valid(document) && Depth(document) <= depth
}
