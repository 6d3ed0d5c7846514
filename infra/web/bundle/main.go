// Command bundle makes page/app.js of the TypeScript of the page and of the
// client library, with esbuild as a Go library, so that neither Node nor a
// registry is needed. It checks no types. `go generate ./infra/web` runs it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	dir := flag.String("dir", ".", "the folder infra/web")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	script, err := page(dir)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "page", "app.js"), script, 0o644); err != nil {
		return fmt.Errorf("writing the page's script: %w", err)
	}
	return nil
}

// page gives app.js, the same bytes for the same sources on every machine. It
// is not minified: what changes in it can be read.
func page(dir string) ([]byte, error) {
	files, err := build(dir, api.BuildOptions{
		EntryPoints: []string{"page/src/main.ts"},
		Outfile:     "app.js",
		Format:      api.FormatIIFE,
		Platform:    api.PlatformBrowser,
		Banner:      map[string]string{"js": "// Made by `go generate ./infra/web` of page/src and client; not to be edited."},
	})
	if err != nil {
		return nil, fmt.Errorf("bundling the page: %w", err)
	}
	return files[0].Contents, nil
}

// tests gives the tests of the client library, a file each, for Node.
func tests(dir, into string) ([]api.OutputFile, error) {
	sources, err := filepath.Glob(filepath.Join(dir, "client", "*.test.ts"))
	if err != nil {
		return nil, fmt.Errorf("looking for tests: %w", err)
	}
	if len(sources) == 0 {
		return nil, errors.New("no tests of the client library in " + dir)
	}
	for i, source := range sources {
		if sources[i], err = filepath.Abs(source); err != nil {
			return nil, fmt.Errorf("looking for tests: %w", err)
		}
	}
	return build(dir, api.BuildOptions{
		EntryPoints:  sources,
		Outdir:       into,
		OutExtension: map[string]string{".js": ".mjs"},
		Format:       api.FormatESModule,
		Platform:     api.PlatformNode,
		Sourcemap:    api.SourceMapInline,
		Write:        true,
	})
}

func build(dir string, o api.BuildOptions) ([]api.OutputFile, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the sources: %w", err)
	}
	o.AbsWorkingDir = dir
	o.Bundle = true
	o.Target = api.ES2022
	o.Charset = api.CharsetUTF8
	o.LogLevel = api.LogLevelSilent
	result := api.Build(o)
	var problems []error
	for _, m := range result.Errors {
		if m.Location != nil {
			problems = append(problems, fmt.Errorf("%s:%d: %s", m.Location.File, m.Location.Line, m.Text))
			continue
		}
		problems = append(problems, errors.New(m.Text))
	}
	return result.OutputFiles, errors.Join(problems...)
}
