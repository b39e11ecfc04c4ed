package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"regexp"
	"time"
)

// chart writes the archive of the Helm chart, with the version of the release.
func chart(file, version string, at time.Time) error {
	var b bytes.Buffer
	packed := gzip.NewWriter(&b)
	p := newPacker(packed, at)
	err := p.addTree("deploy/helm", "flagcast", func(name string, content []byte) []byte {
		if name != "flagcast/Chart.yaml" {
			return content
		}
		content = versionLine.ReplaceAll(content, []byte("version: "+version))
		return appVersionLine.ReplaceAll(content, []byte(`appVersion: "v`+version+`"`))
	})
	if err != nil {
		return err
	}
	if err := p.tar.Close(); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

var (
	versionLine    = regexp.MustCompile(`(?m)^version: .*$`)
	appVersionLine = regexp.MustCompile(`(?m)^appVersion: .*$`)
)
