package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// askCore gets the report of a running core, of the targets of a configuration.
func askCore(ctx context.Context, cfg *config.Config, address string) (*report.Targets, error) {
	if address == "" {
		address = backstageAddress(&cfg.API)
	}
	address = strings.TrimRight(address, "/") + "/internal-backstage/targets"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}
	response, err := httpclient.NewClient(httpclient.Options{Attempts: 1, Timeout: 5 * time.Second}).Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var all report.Targets
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s: %s", address, response.Status)
	}
	const most = 16 << 20
	body, err := untrusted.ReadBody(response, most)
	if err != nil {
		return nil, fmt.Errorf("ask %s: read the answer: %w", address, err)
	}
	if err := json.Unmarshal(body, &all); err != nil || all.From == "" {
		return nil, fmt.Errorf("ask %s: the answer is not that of a core", address)
	}
	targets := &report.Targets{From: all.From, Targets: []publish.Status{}, Redacted: all.Redacted}
	publishes := func(env edgecore.Environment) bool {
		return slices.ContainsFunc(cfg.Targets, func(t config.Target) bool { return t.Environment == env })
	}
	for _, s := range all.Upstreams {
		if publishes(s.Environment) {
			targets.Upstreams = append(targets.Upstreams, s)
		}
	}
	for _, t := range cfg.Targets {
		for _, s := range all.Targets {
			if s.Target == t.Name {
				targets.Targets = append(targets.Targets, s)
			}
		}
	}
	if len(targets.Targets) == 0 {
		return nil, fmt.Errorf("ask %s: the core publishes none of these targets", address)
	}
	return targets, nil
}
