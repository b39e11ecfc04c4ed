package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/flagcast/flagcast/internal/strictyaml"
)

const (
	cronForm    = cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor
	cronExample = `examples: "@every 1m", "*/5 * * * *" (minute, hour, day of month, month, day of week), "30 */5 * ` +
		`* * *" (with seconds first)`
)

// cronFields are the fields of an expression, in order. Each is parsed alone
// as the field of minutes, hours and so on that it is.
var cronFields = []struct {
	name, values string
	form         cron.ParseOption
	size         int // values of the field
	step         string
}{
	{"second", "0-59", cron.Second, 60, `write "@every 90s" for every 90 seconds`},
	{"minute", "0-59", cron.Minute, 60, `write "@every 90m" for every 90 minutes`},
	{"hour", "0-23", cron.Hour, 24, `write "@every 36h" for every 36 hours`},
	{"day of month", "1-31", cron.Dom, 31, "a step is at most the days of a month"},
	{"month", "1-12 or jan-dec", cron.Month, 12, "a step is at most the months of a year"},
	{"day of week", "0-6 or sun-sat; Sunday is 0, not 7", cron.Dow, 7, "a step is at most the days of a week"},
}

// parseSchedule reads a cron expression of five fields, or six with seconds
// first, or a descriptor (robfig/cron/v3). The problem repeats nothing of the
// text.
func parseSchedule(text string) (cron.Schedule, *strictyaml.Problem) {
	text = strings.TrimSpace(text)
	expression := text
	if strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		zone, rest, _ := strings.Cut(text, " ")
		_, zone, _ = strings.Cut(zone, "=")
		if _, err := time.LoadLocation(zone); err != nil || zone == "" {
			return nil, problem("the time zone is not known", `a zone is a name such as "Asia/Shanghai"`)
		}
		expression = strings.TrimSpace(rest)
	}
	if p := scheduleProblem(expression); p != nil {
		return nil, p
	}
	schedule, err := cron.NewParser(cronForm).Parse(text)
	if err != nil {
		return nil, problem("this is not a schedule", cronExample)
	}
	// A year with a 29th of February behind it, so that only what never comes
	// has no next time.
	if schedule.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, problem("this time never comes", cronExample)
	}
	return schedule, nil
}

func scheduleProblem(text string) *strictyaml.Problem {
	switch every, ok := strings.CutPrefix(text, "@every"); {
	case text == "":
		return problem("it is empty", cronExample)
	case ok:
		d, err := time.ParseDuration(strings.TrimPrefix(every, " "))
		switch {
		case err != nil || !strings.HasPrefix(every, " "):
			return problem(`"@every" needs a duration`, `write "@every 1m"; units are s, m and h`)
		case d < time.Second:
			return problem("the shortest time is one second", "")
		}
		return nil
	case strings.HasPrefix(text, "@"):
		switch text {
		case "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly":
			return nil
		}
		return problem("the descriptor is not known",
			"descriptors: @every 1m, @hourly, @daily, @weekly, @monthly, @yearly")
	}
	words, fields := strings.Fields(text), cronFields
	if len(words) == len(fields)-1 {
		fields = fields[1:]
	}
	if len(words) != len(fields) {
		return problem(fmt.Sprintf("it needs 5 fields, or 6 with seconds first, and has %d", len(words)), cronExample)
	}
	for i, f := range fields {
		if !fieldValid(words[i], f.form) {
			return problem(
				fmt.Sprintf("the %s field, number %d, is not valid", f.name, i+1),
				fmt.Sprintf("%s: %s, as *, a number, a range 1-5, a step */5, or a list 1,2,3", f.name, f.values),
			)
		}
		if step := longestStep(words[i]); step >= f.size {
			return problem(
				fmt.Sprintf(
					"the step %d of the %s field, number %d, is longer than the field: it would not run every %d", step,
					f.name, i+1, step),
				f.step,
			)
		}
	}
	return nil
}

// longestStep returns the largest step of a valid field, 0 for none. A step never
// goes on in the next hour, day or year: */90 of minutes means minute 0.
func longestStep(word string) int {
	longest := 0
	for part := range strings.SplitSeq(word, ",") {
		if _, text, ok := strings.Cut(part, "/"); ok {
			step, _ := strconv.Atoi(text)
			longest = max(longest, step)
		}
	}
	return longest
}

func fieldValid(word string, form cron.ParseOption) bool {
	// The parser would take the first for a zone and panic, and reads the
	// others as nothing.
	if strings.Contains(word, "=") || strings.HasPrefix(word, ",") || strings.HasSuffix(word, ",") ||
		strings.Contains(word, ",,") {
		return false
	}
	_, err := cron.NewParser(form).Parse(word)
	return err == nil
}

func problem(message, hint string) *strictyaml.Problem {
	return &strictyaml.Problem{Message: message, Hint: hint}
}
