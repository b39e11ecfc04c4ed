package main

import (
	"strings"
	"testing"
)

func TestCommandFirst(t *testing.T) {
	root := newRoot()
	for given, want := range map[string]string{
		"edge --port 1":                         "edge --port 1",
		"--port 1 edge -u x":                    "edge --port 1 -u x",
		"--port=1 -i :: --tls-enable edge -p t": "edge --port=1 -i :: --tls-enable -p t",
		"-p 1 -w 4 offline -b f":                "offline -p 1 -w 4 -b f",
		"--base-path /x health":                 "health --base-path /x",
		"--config f --port 1 edge":              "edge --config f --port 1",
		"--config f status":                     "--config f status",
		"--port 1 status":                       "--port 1 status",
		"--port":                                "--port",
		"--help":                                "--help",
		"--port edge":                           "--port edge",
		"-t a edge":                             "-t a edge", // Edge accepts -t only behind the command
		"":                                      "",
	} {
		if got := strings.Join(commandFirst(root, strings.Fields(given)), " "); got != want {
			t.Errorf("%q gives %q, want %q", given, got, want)
		}
	}
}
