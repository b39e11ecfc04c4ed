package config

import (
	"testing"
	"time"
)

// TestDaylightSavingTime: what the documents say of a zone that changes its time.
func TestDaylightSavingTime(t *testing.T) {
	for name, c := range map[string]struct{ schedule, from, first, second string }{
		"skipped": {
			"CRON_TZ=America/New_York 30 2 * * *", "2026-03-07T12:00:00Z", "2026-03-09T06:30:00Z",
			"2026-03-10T06:30:00Z",
		},
		"twice": {
			"CRON_TZ=America/New_York 30 1 * * *", "2026-10-31T12:00:00Z", "2026-11-01T05:30:00Z",
			"2026-11-01T06:30:00Z",
		},
		"every hour": {
			"CRON_TZ=America/New_York 0 * * * *", "2026-11-01T04:30:00Z", "2026-11-01T05:00:00Z",
			"2026-11-01T06:00:00Z",
		},
	} {
		schedule, problem := parseSchedule(c.schedule)
		if problem != nil {
			t.Fatal(problem)
		}
		at, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{c.first, c.second} {
			if at = schedule.Next(at); at.UTC().Format(time.RFC3339) != want {
				t.Errorf("%s: %s comes at %s, want %s", name, c.schedule, at.UTC().Format(time.RFC3339), want)
			}
		}
	}
}
