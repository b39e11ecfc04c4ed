package printable

import "fmt"

// Count returns a number with what it counts, such as "3 flags".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
