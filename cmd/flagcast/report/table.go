package report

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/flagcast/flagcast/internal/printable"
)

// PainterOf returns what colors a report to w: a terminal that shows colors,
// unless NO_COLOR is set.
func PainterOf(w io.Writer) printable.Painter {
	return printable.Painter(isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Width is the width of a terminal that tables of ordinary contents, and
// --help, fit into.
const Width = 80

// table is a report in columns.
type table struct{ rows [][]printable.Painted }

// add appends a row. A value is a printable.Painted, or anything that %v prints.
func (t *table) add(cells ...any) {
	row := make([]printable.Painted, len(cells))
	for i, cell := range cells {
		painted, ok := cell.(printable.Painted)
		if !ok {
			painted = printable.Painter(false).Paint(printable.Plain, printable.Sprintf("%v", cell))
		}
		row[i] = painted
	}
	t.rows = append(t.rows, row)
}

// print writes the rows, each column as wide as its widest value and two blanks
// more. The last value of a row counts for no width.
func (t *table) print(w io.Writer) error {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if i < len(row)-1 {
				widths[i] = max(widths[i], cell.Width())
			}
		}
	}
	for _, row := range t.rows {
		for i, cell := range row {
			gap := "\n"
			if i < len(row)-1 {
				gap = strings.Repeat(" ", max(widths[i]-cell.Width(), 0)+2)
			}
			if _, err := printable.Fprintf(w, "%s"+gap, cell); err != nil {
				return err
			}
		}
	}
	return nil
}
