package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// progressEvery is how often the finished programs are counted.
const progressEvery = 250 * time.Millisecond

// builder turns main packages into programs in one folder. One `go build` makes
// them all: it bounds itself to the machine and builds what they share once.
type builder struct {
	bin    string
	race   bool
	tags   string
	screen *screen
	mains  map[string]string // program to the folder of its package
}

// add asks for the program of the package in folder and says where it will be.
func (b *builder) add(folder string) (string, error) {
	folder = filepath.Clean(folder)
	program := filepath.Join(b.bin, filepath.Base(folder))
	if other, taken := b.mains[program]; taken && other != folder {
		return "", fmt.Errorf("%s and %s would both become the program %s: rename one", other, folder, filepath.Base(folder))
	}
	b.mains[program] = folder
	return program, nil
}

// build makes what is missing or older than its sources. Runners that share
// the folder build one after the other.
func (b *builder) build(ctx context.Context) error {
	if err := os.MkdirAll(b.bin, 0o755); err != nil { //nolint:gosec // programs are no secret
		return fmt.Errorf("making the folder of the programs: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(b.bin, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("locking the folder of the programs: %w", err)
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("locking the folder of the programs: %w", err)
	}
	return b.run(ctx)
}

func (b *builder) run(ctx context.Context) error {
	args := []string{"build", "-buildvcs=false", "-o", b.bin + string(filepath.Separator)}
	if b.race {
		args = append(args, "-race")
	}
	if b.tags != "" {
		args = append(args, "-tags", b.tags)
	}
	for _, folder := range b.mains {
		if !filepath.IsAbs(folder) {
			folder = "." + string(filepath.Separator) + folder
		}
		args = append(args, folder)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.WaitDelay = 2 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return errors.New("there is no go on the PATH: it builds the functions")
		}
		return fmt.Errorf("starting go build: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for shown := -1; ; {
		select {
		case err := <-ended:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("go build failed:\n%s", strings.TrimSpace(out.String()))
			}
			b.screen.say("built %d of %d in %s", len(b.mains), len(b.mains), seconds(time.Since(began)))
			return nil
		case <-tick.C:
			if n := b.finished(began); n != shown {
				b.screen.pass("building %d of %d", min(n+1, len(b.mains)), len(b.mains))
				shown = n
			}
		}
	}
}

// finished counts the programs that were written since began.
func (b *builder) finished(began time.Time) int {
	n := 0
	for program := range b.mains {
		if info, err := os.Stat(program); err == nil && info.ModTime().After(began) {
			n++
		}
	}
	return n
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
