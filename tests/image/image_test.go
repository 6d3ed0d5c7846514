// Package image_test holds the images of the functions to their contract without
// a container engine: it lays the build context out as faas-cli does and runs the
// Dockerfile's own `go build` line in what its COPY lines take from it.
package image_test

import (
	"debug/buildinfo"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// built is the function whose binary is looked at; all are built by one line.
const built = "issue-token"

func TestTheDockerfileBuildsWhatFaasCliLaysOut(t *testing.T) {
	t.Parallel()
	s := readStack(t)
	context, work, out := layOut(t, s, built), t.TempDir(), t.TempDir()
	stages := parse(t, filepath.Join(context, "Dockerfile"))
	if len(stages) != 2 {
		t.Fatalf("%d stages, want two", len(stages))
	}
	build := stages[0]
	build.follow(t, context, work, s.Functions[built].BuildArgs)
	environ := append(os.Environ(), "GOWORK=off", "GOFLAGS=", build.one(t, "ENV"))
	for _, arg := range build.all("ARG") {
		environ = append(environ, arg+"="+s.Functions[built].BuildArgs[arg])
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(build.run(t, "go build"), "/out/", out+"/"))
	cmd.Dir, cmd.Env = work, environ
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	check(t, filepath.Join(out, "function"), work)
}

// check holds a binary to what an image from scratch needs.
func check(t *testing.T, binary, work string) {
	t.Helper()
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary is not static: it has a %s", p.Type)
		}
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if info.Path != "bazaar/functions/"+built {
		t.Errorf("the binary is %s", info.Path)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	// timetzdata: an image from scratch has no time zones of its own.
	for name, want := range map[string]string{"CGO_ENABLED": "0", "-trimpath": "true", "-tags": "timetzdata"} {
		if settings[name] != want {
			t.Errorf("built with %s=%q, want %q", name, settings[name], want)
		}
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(content), work) {
		t.Error("the binary names the folder that it was built in")
	}
}

func TestTheImageHoldsWhatAFunctionMayUse(t *testing.T) {
	t.Parallel()
	stages := parse(t, filepath.Join(root, "template", "function", "Dockerfile"))
	image := stages[len(stages)-1]
	if from := image.one(t, "FROM"); from != "scratch" {
		t.Errorf("FROM %s", from)
	}
	user, _, _ := strings.Cut(image.one(t, "USER"), ":")
	if user == "" || user == "0" || user == "root" {
		t.Errorf("USER %s", user)
	}
	copies := strings.Join(image.all("COPY"), "\n")
	for _, want := range []string{"ca-certificates.crt", "/out/ /"} {
		if !strings.Contains(copies, want) {
			t.Errorf("the image lacks %s", want)
		}
	}
	// Only /tmp can be written to, by any user: the lock file is there.
	if line := stages[0].run(t, "mkdir"); line != "mkdir -m 1777 /out/tmp" {
		t.Errorf("RUN %s", line)
	}
	if entry := image.one(t, "ENTRYPOINT"); entry != `["/function"]` {
		t.Errorf("ENTRYPOINT %s", entry)
	}
	if ports := image.one(t, "EXPOSE"); ports != "8080 8081" {
		t.Errorf("EXPOSE %s", ports)
	}
}

func TestTheContextHoldsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	s := readStack(t)
	context := layOut(t, s, built)
	for _, path := range []string{".git", "function/.git", "function/infra", "function/tests", "function/.local"} {
		if _, err := os.Stat(filepath.Join(context, path)); err == nil {
			t.Errorf("the context holds %s", path)
		}
	}
	for name, f := range s.Functions {
		if f.BuildArgs["FUNCTION"] != name {
			t.Errorf("%s is built with FUNCTION=%q", name, f.BuildArgs["FUNCTION"])
		}
		if _, err := os.Stat(filepath.Join(root, "template", f.Lang, "template.yml")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
