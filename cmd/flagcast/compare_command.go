package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/compare"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
)

type compareFlags struct {
	tokens, tokensB []string
	caFile          string
	samples         int
	seed            uint64
	json            bool
	timeout         time.Duration
}

// Variables with the tokens of the two servers.
const (
	tokenVariable  = "TOKEN"
	tokenBVariable = "TOKEN_B"
)

func newCompare() *cobra.Command {
	var flags compareFlags
	c := &cobra.Command{
		Use:   "compare URL URL",
		Short: "Report whether two servers answer alike",
		Long: `Compare asks two servers the same and reports where they differ: the Unleash
server, Unleash Edge or flagcast. It compares the definitions of the client API,
field by field, and the answers of the frontend API in contexts that take the
branches of these flags. It writes to neither.

A backend token is for the definitions, a frontend token for the answers; give
both, for both servers or for each of them. A token @FILE is read from a file.

Exit codes: 0 equal, 1 different, 2 they could not be compared.`,
		Example: `  TOKEN="$BACKEND,$FRONTEND" flagcast compare https://edge.example \
    https://flagcast.example
  flagcast compare http://edge:3063 http://flagcast:3063 \
    --token @backend.txt,@frontend.txt --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, addresses []string) error { return runCompare(c, addresses, flags) },
	}
	f := c.Flags()
	f.StringSliceVar(&flags.tokens, "token", nil,
		"`tokens` of the first server, and of the second without --token-b (TOKEN)")
	f.StringSliceVar(&flags.tokensB, "token-b", nil, "`tokens` of the second server (TOKEN_B)")
	f.StringVar(&flags.caFile, "ca-file", "", "PEM `file` with further certificate authorities")
	f.IntVar(&flags.samples, "samples", 200, "`number` of contexts")
	f.Uint64Var(&flags.seed, "seed", 1, "`number` that the contexts are drawn by")
	f.BoolVar(&flags.json, "json", false, "report as JSON")
	f.DurationVar(&flags.timeout, "timeout", 2*time.Minute, "give up after this time")
	return c
}

func runCompare(c *cobra.Command, addresses []string, flags compareFlags) error {
	if flags.samples < 1 {
		return exit.With(exit.Usage, fmt.Errorf("--samples %d: it takes at least one context", flags.samples), "")
	}
	tokens, err := readTokens(flags.tokens, tokenVariable)
	if err != nil {
		return err
	}
	tokensB, err := readTokens(flags.tokensB, tokenBVariable)
	if err != nil {
		return err
	}
	if tokensB == nil {
		tokensB = tokens
	}
	base, err := httpclient.WithCA(nil, flags.caFile)
	if err != nil {
		return exit.With(exit.Usage, err, "")
	}
	client := httpclient.NewClient(httpclient.Options{Base: base, Timeout: flags.timeout})
	header := http.Header{"User-Agent": {"flagcast/" + app.BuildVersion()}, "Unleash-Appname": {"flagcast-compare"}}
	ctx, cancel := context.WithTimeout(c.Context(), flags.timeout)
	defer cancel()
	result, err := compare.Run(ctx, compare.Options{
		A:       &compare.Server{URL: addresses[0], Tokens: tokens, Client: client, Header: header},
		B:       &compare.Server{URL: addresses[1], Tokens: tokensB, Client: client, Header: header},
		Samples: flags.samples, Seed: flags.seed,
	})
	if err != nil {
		return exit.With(exit.Usage, err,
			"an address is that of the server, without /api; give a backend and a frontend token by --token, TOKEN "+
				"or @FILE")
	}
	if flags.json {
		err = report.JSON(c.OutOrStdout(), result)
	} else {
		err = result.Print(c.OutOrStdout())
	}
	if err == nil && !result.Equal {
		err = exit.With(exit.Failed, errors.New(""), "") // the report has said it
	}
	return err
}

// readTokens reads tokens from a flag or else from a variable, and those that
// begin with @ from files.
func readTokens(given []string, variable string) ([]secret.Secret, error) {
	if len(given) == 0 {
		given = strings.Split(os.Getenv(variable), ",")
	}
	var tokens []secret.Secret
	for _, text := range given {
		text = strings.TrimSpace(text)
		if path, ok := strings.CutPrefix(text, "@"); ok {
			content, err := os.ReadFile(path)
			if err != nil {
				return nil, exit.With(exit.Usage, fmt.Errorf("read a token: %w", err), "")
			}
			text = strings.TrimSpace(string(content))
		}
		if text != "" {
			tokens = append(tokens, secret.New(text))
		}
	}
	return tokens, nil
}
