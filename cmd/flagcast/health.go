package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/internal/untrusted"
)

func newHealth() *cobra.Command {
	return newProbeCommand("health", "Report whether a running core is healthy", "OK",
		"Health asks /internal-backstage/health of a running core, for probes in\ncontainers that have no other "+
			"program. It ends with 1 unless the core is\nwell.")
}

func newReady() *cobra.Command {
	return newProbeCommand("ready", "Report whether a running core is ready", "READY",
		"Ready asks /internal-backstage/ready of a running core, for probes in\ncontainers that have no other "+
			"program. It ends with 1 unless every\nenvironment has flags.")
}

// newProbeCommand makes a command with the flags of "unleash-edge health".
func newProbeCommand(name, short, want, long string) *cobra.Command {
	var address, authorities string
	c := &cobra.Command{
		Use:     name,
		Short:   short,
		Long:    long,
		Example: "  flagcast " + name + " --edge-url http://localhost:3063",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if address == "" {
				address = probeAddress(c)
			}
			if authorities == "" {
				authorities = os.Getenv("CA_CERTIFICATE_FILE")
			}
			return probeCore(c, strings.TrimRight(address, "/")+"/internal-backstage/"+name, authorities, want)
		},
	}
	c.Flags().StringVarP(&address, "edge-url", "e", "",
		"`address` of the core, with its base path (EDGE_URL); by default that of the configuration on this machine")
	c.Flags().StringVarP(&authorities, "ca-certificate-file", "c", "",
		"PEM `file` with authorities to trust (CA_CERTIFICATE_FILE)")
	return c
}

// probeAddress is EDGE_URL, else where the configuration listens on this
// machine, else where it does by default: a probe says nothing of a
// configuration that cannot be read here.
func probeAddress(c *cobra.Command) string {
	if address := os.Getenv("EDGE_URL"); address != "" {
		return address
	}
	cfg, err := load(c, needing(config.Needs{}))
	if err != nil {
		return localAddress("http", "", os.Getenv("PORT"), os.Getenv("BASE_PATH"))
	}
	return coreAddress(&cfg.API)
}

func probeCore(c *cobra.Command, address, authorities, want string) error {
	base, err := httpclient.WithTLS(nil, httpclient.TLS{CAFile: authorities})
	if err != nil {
		return exit.With(exit.Usage, err, "")
	}
	base.Proxy = nil // it asks this machine, or its neighbour
	request, err := http.NewRequestWithContext(c.Context(), http.MethodGet, address, nil)
	if err != nil {
		return exit.With(exit.Usage, fmt.Errorf("ask %s: %w", address, err), "")
	}
	response, err := httpclient.NewClient(httpclient.Options{
		Base: base, Attempts: 1, Timeout: 5 * time.Second,
	}).Do(request)
	if err != nil {
		return exit.With(exit.Failed, err, "--edge-url or EDGE_URL says where the core is")
	}
	defer response.Body.Close()
	var answer struct{ Status, Error string }
	body, err := untrusted.ReadBody(response, probeAnswerBytes)
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err == nil && answer.Status != want {
		err = errors.New(strings.TrimSuffix(answer.Status+": "+answer.Error, ": "))
	}
	if err != nil || response.StatusCode != http.StatusOK {
		return exit.With(exit.Failed, fmt.Errorf("ask %s: %s: %w", address, response.Status, errors.Join(err)), "")
	}
	_, err = printable.Fprintf(c.OutOrStdout(), "%s\n", answer.Status)
	return err
}

// probeAnswerBytes bounds the answer of a process to its probe.
const probeAnswerBytes = 64 << 10
