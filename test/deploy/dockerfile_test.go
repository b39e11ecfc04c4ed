package deploy

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/flagcast/flagcast/test/need"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(need.Root(), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// stage is a part of a Dockerfile, from its FROM on.
type stage struct {
	from  string
	lines [][2]string // instruction and the rest
}

func stages(t *testing.T) []stage {
	t.Helper()
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(read(t, "Dockerfile"), "")
	text = strings.ReplaceAll(text, "\\\n", " ")
	var list []stage
	for line := range strings.Lines(text) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest = strings.Join(strings.Fields(rest), " ")
		switch instruction {
		case "":
		case "FROM":
			list = append(list, stage{from: rest})
		default:
			s := &list[len(list)-1]
			s.lines = append(s.lines, [2]string{instruction, rest})
		}
	}
	return list
}

func (s *stage) all(instruction string) (found []string) {
	for _, line := range s.lines {
		if line[0] == instruction {
			found = append(found, line[1])
		}
	}
	return found
}

// TestDockerfile: what the image is, as far as it can be seen without making
// it.
func TestDockerfile(t *testing.T) {
	list := stages(t)
	if len(list) != 2 {
		t.Fatalf("%d stages", len(list))
	}
	build, image := &list[0], &list[1]
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))[1]
	want := `^--platform=\$BUILDPLATFORM golang:` + regexp.QuoteMeta(version) +
		`\.\d+-alpine@sha256:[0-9a-f]{64} AS build$`
	if !regexp.MustCompile(want).MatchString(build.from) {
		t.Errorf("built from %q, want %q: on the machine's own platform, by the Go of go.mod", build.from, want)
	}
	for _, name := range []string{"TARGETOS", "TARGETARCH", "VERSION", "REVISION"} {
		if !slices.Contains(build.all("ARG"), name) {
			t.Errorf("no ARG %s", name)
		}
	}
	runs := strings.Join(build.all("RUN"), "\n")
	if !strings.Contains(runs, "GOOS=$TARGETOS GOARCH=$TARGETARCH sh deploy/container/rootfs.sh /image") {
		t.Errorf("it does not make the file system for the platform of the image:\n%s", runs)
	}
	if image.from != "scratch" || len(image.all("RUN")) > 0 {
		t.Errorf("the image is from %q", image.from)
	}
	for instruction, want := range map[string]string{
		"COPY": "--from=build /image / --from=build --chown=10001:10001 /state /var/lib/flagcast",
		"USER": "10001:10001", "EXPOSE": "3063", "ENTRYPOINT": `["/app/flagcast"]`,
	} {
		if got := strings.Join(image.all(instruction), " "); got != want {
			t.Errorf("%s %s, want %s", instruction, got, want)
		}
	}
	// What the build needs is not left out of the context, and nothing is
	// copied that another folder of the repository adds.
	ignore := strings.Fields(regexp.MustCompile(`(?m)^#.*$`).ReplaceAllString(read(t, ".dockerignore"), ""))
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.Dir}}{{end}}",
		"./cmd/flagcast")
	cmd.Dir = need.Root()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for dir := range strings.Lines(string(out)) {
		relative, err := filepath.Rel(need.Root(), strings.TrimSpace(dir))
		if err != nil || strings.HasPrefix(relative, "..") {
			continue
		}
		if top, _, _ := strings.Cut(filepath.ToSlash(relative), "/"); !slices.Contains(ignore, "!"+top) {
			t.Errorf(".dockerignore leaves out %s", relative)
		}
	}
	for _, file := range []string{"!go.mod", "!go.sum", "!LICENSE", "!deploy/container"} {
		if ignore[0] != "*" || !slices.Contains(ignore, file) {
			t.Errorf(".dockerignore has no %s", file)
		}
	}
}

// TestRootFileSystem makes what the image holds, for both platforms, and runs
// it with nothing else around it, as the user of the image.
func TestRootFileSystem(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		t.Run(arch, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "image")
			cmd := shell(t, `sh deploy/container/rootfs.sh "$0"`)
			cmd.Args = append(cmd.Args, root)
			cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "VERSION=v9.8.7", "REVISION=0123abc9876def")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			program, err := elf.Open(filepath.Join(root, "app", "flagcast"))
			if err != nil {
				t.Fatal(err)
			}
			defer program.Close()
			if program.Machine != machine {
				t.Errorf("for %v", program.Machine)
			}
			if libraries, _ := program.ImportedLibraries(); program.Section(".interp") != nil || len(libraries) > 0 {
				t.Errorf("not static: %v", libraries)
			}
			for _, link := range []string{"app/unleash-edge", "unleash-edge", "flagcast", "usr/local/bin/edge"} {
				target, err := os.Readlink(filepath.Join(root, link))
				if err != nil || filepath.IsAbs(target) ||
					filepath.Join(root, filepath.Dir(link), target) != filepath.Join(root, "app", "flagcast") {
					t.Errorf("%s is a link to %q: %v", link, target, err)
				}
			}
			if ca, err := os.ReadFile(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")); err != nil ||
				!strings.Contains(string(ca), "BEGIN CERTIFICATE") {
				t.Errorf("no certificate authorities: %v", err)
			}
			if code, err := os.ReadFile(filepath.Join(root, "app", "flagcast")); err != nil ||
				!bytes.Contains(code, []byte("0123abc9876def")) {
				t.Errorf("the program does not hold its revision: %v", err)
			}
			if arch == hostArch() {
				runsAlone(t, root)
			}
		})
	}
}

func hostArch() string {
	var u syscall.Utsname
	_ = syscall.Uname(&u)
	name := ""
	for _, c := range u.Machine {
		if c != 0 {
			name += string(rune(c))
		}
	}
	return map[string]string{"x86_64": "amd64", "aarch64": "arm64"}[name]
}

// runsAlone starts the program by each of its names; where the test may, with
// the file system as its root and as user 10001. A schedule with a time zone
// finds that in the binary.
func runsAlone(t *testing.T, root string) {
	t.Helper()
	config := "upstream: { file: flags.json }\nsinks: { out: { type: memory } }\n" +
		"targets: [{ name: a, sink: out, environment: default, format: rules/1, key: a, schedule: " +
		"\"CRON_TZ=Asia/Shanghai 0 9 * * *\" }]\n"
	if err := os.WriteFile(filepath.Join(root, "flagcast.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "flags.json"), []byte(`{"features":[]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, call := range []struct{ program, arguments, want string }{
		{"/app/unleash-edge", "version", "flagcast v9.8.7"},
		{"/unleash-edge", "version", "flagcast v9.8.7"},
		{"/app/unleash-edge", "health --help", "health"},
		{"/unleash-edge", "ready --help", "ready"},
		{"/app/flagcast", "check --config flagcast.yaml", "ok"},
		{"/usr/local/bin/edge", "--help", "flagcast edge"}, // SAE: --Command edge; ECI: Command.1 edge
	} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(root, call.program), strings.Fields(call.arguments)...)
		cmd.Dir, cmd.Env = root, []string{"ZONEINFO=/nowhere"}
		if os.Getuid() == 0 {
			cmd.Path, cmd.Dir = call.program, "/"
			cmd.Err = nil
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Chroot: root, Credential: &syscall.Credential{Uid: 10001, Gid: 10001},
			}
		}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), call.want) {
			t.Errorf("%s %s: %v\n%s", call.program, call.arguments, err, out)
		}
	}
}
