// Command bench compares flagcast with named peers on the same data, in the
// same run, and prints the figures as a table, or as JSON with -json. Every
// figure is the minimum and the median of many rounds; peers take turns, so
// that a busy machine slows all of them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"
)

// figure is one comparison.
type figure struct {
	What  string `json:"what"`
	Unit  string `json:"unit"` // of Ours and Peer
	Ours  stat   `json:"ours"`
	Peer  stat   `json:"peer"`
	Named string `json:"named"` // the peer
	// Peer.Min / Ours.Min, or the other way round where the bar is a share; in serving of the medians
	Ratio float64 `json:"ratio"`
	Bar   string  `json:"bar"` // "": none, the figure is beside another
	Met   bool    `json:"met"`
}

type stat struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
}

func main() {
	asJSON := flag.Bool("json", false, "print JSON")
	rounds := flag.Int("rounds", 300, "rounds of each measurement")
	only := flag.String("only", "", "reading, publishing, serving, memory or change: no other measurement")
	greeter := flag.String("hello", "", "be a hello-world on this `address`, for the measurement of serving")
	flag.Parse()
	if *greeter != "" {
		hello(*greeter)
		return
	}
	switch *only {
	case "reading":
		report(reading(*rounds), *asJSON)
		return
	case "publishing":
		report(publishing(*rounds), *asJSON)
		return
	case "serving":
		report(serving(), *asJSON)
		return
	case "memory":
		report(with(func(s *servers) []figure { return []figure{s.memory(1000, 48), s.memory(10_000, 128)} }), *asJSON)
		return
	case "change":
		report(with(func(s *servers) []figure { return []figure{s.change()} }), *asJSON)
		return
	}
	figures := slices.Concat(evaluation(*rounds), reading(*rounds), sizes(), publishing(*rounds), idle(), scripts(),
		serving())
	report(figures, *asJSON)
}

func with(measure func(*servers) []figure) []figure {
	s := newServers()
	defer s.stop()
	return measure(s)
}

func report(figures []figure, asJSON bool) {
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(figures); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	for _, f := range figures {
		met := "met"
		if !f.Met {
			met = "MISSED"
		}
		fmt.Printf("%-48s %10.4g %s (median %.4g)", f.What, f.Ours.Min, f.Unit, f.Ours.Median)
		if f.Named != "" {
			fmt.Printf("  %s %.4g (median %.4g)  ratio %.2f", f.Named, f.Peer.Min, f.Peer.Median, f.Ratio)
		}
		if f.Bar != "" {
			fmt.Printf("  bar: %s, %s", f.Bar, met)
		}
		fmt.Println()
	}
}

// race times several functions in turn, in microseconds: in each round each is
// called some times in a row, and every call is timed.
func race(rounds, calls int, functions ...func(call int)) []stat {
	times := make([][]float64, len(functions))
	for range rounds {
		for i, f := range functions {
			for call := range calls {
				start := time.Now()
				f(call)
				times[i] = append(times[i], float64(time.Since(start).Nanoseconds())/1000)
			}
		}
	}
	stats := make([]stat, len(functions))
	for i := range times {
		slices.Sort(times[i])
		stats[i] = stat{times[i][0], times[i][len(times[i])/2]}
	}
	return stats
}
