//go:build linux

// Package disk is a disk whose power can be cut: a filesystem that forgets what
// was not synced. It is mounted through FUSE by a process of its own, keeps
// everything in that process's memory, and belongs to one test.
//
// There are two states of everything: the live one, which programs see, and the
// kept one, which is what they find after Cut.
//
//   - Data and size of a file are kept by fsync, fdatasync, or a write to a file
//     opened with O_SYNC or O_DSYNC. Until then a cut loses them, page by page
//     of 4 KiB; truncating is data too. sync_file_range keeps nothing: it does
//     not promise to.
//   - Names (create, rename, link, unlink, mkdir, rmdir, symlink) are kept by
//     fsync of the folder they are in, or fsync of the file itself, which also
//     keeps the folders above it; fdatasync only keeps the names of a file that
//     had none. That is what ext4, XFS and btrfs do; they keep more besides,
//     since a sync of anything commits what was in their journals before it.
//     A rename is kept whole: both names never, neither name never.
//   - Owner, mode and times go with a name.
//
// Cut loses everything that is not kept. CutPartly keeps a random part of it, in
// any order, as a kernel may have written it back on its own account: pages of
// one write without the others, a name without its data.
//
// Not here: pages torn within, a sync that fails or lies, a disk that is full,
// bits that rot, and sync(2) and syncfs(2), of which FUSE does not tell.
package disk

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// endTimeout is how long the disk's process may take to unmount and end.
const endTimeout = 10 * time.Second

// Disk is a mounted disk.
type Disk struct {
	Path string // where it is mounted; other accounts may pass through it

	process *exec.Cmd
	orders  io.WriteCloser // its end unmounts the disk and ends the process
	answers *bufio.Reader
}

// New mounts an empty disk until the test ends, however it ends: the disk's
// process unmounts it when this one is gone. Main must be called in TestMain.
func New(t testing.TB) *Disk {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); errors.Is(err, fs.ErrNotExist) {
		t.Fatal("there is no /dev/fuse on this machine, so no power can be cut: load the module fuse, " +
			"or give the container --device /dev/fuse --cap-add SYS_ADMIN")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatalf("finding the program of the disk: %v", err)
	}
	path, err := os.MkdirTemp("", "bazaar-disk-")
	if err != nil {
		t.Fatalf("making the folder of the disk: %v", err)
	}
	d := &Disk{Path: path, process: exec.Command(program)}
	d.process.Env = append(os.Environ(), mountpointVariable+"="+path,
		"GORACE=atexit_sleep_ms=0") // the race detector would have every one of them wait a second
	d.process.Stderr = os.Stderr
	d.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches the test; the disk outlives it
	t.Cleanup(func() { d.end(t) })
	if err := d.start(); err != nil {
		t.Fatalf("mounting the disk (this needs root, or fusermount): %v", err)
	}
	return d
}

func (d *Disk) start() (err error) {
	if d.orders, err = d.process.StdinPipe(); err != nil {
		return err
	}
	out, err := d.process.StdoutPipe()
	if err != nil {
		return err
	}
	d.answers = bufio.NewReader(out)
	if err := d.process.Start(); err != nil {
		return err
	}
	_, err = d.answer()
	return err
}

// Cut takes the power away and gives it back: what was not synced is gone. The
// programs that use the disk must have been killed before. It tells what was lost.
func (d *Disk) Cut(t testing.TB) Loss {
	t.Helper()
	return d.order(t, orderCut)
}

// CutPartly is Cut, but a random part of what was not synced is there.
func (d *Disk) CutPartly(t testing.TB, seed uint64) Loss {
	t.Helper()
	return d.order(t, fmt.Sprintf("%s %d", orderCutPartly, seed))
}

// Settle keeps everything as it is now: the disk after a quiet while, when the
// kernel has written everything back.
func (d *Disk) Settle(t testing.TB) {
	t.Helper()
	d.order(t, orderSettle)
}

func (d *Disk) order(t testing.TB, order string) Loss {
	t.Helper()
	_, err := fmt.Fprintln(d.orders, order)
	var loss Loss
	if err == nil {
		loss, err = d.answer()
	}
	if err != nil {
		t.Fatalf("ordering the disk to %s: %v", order, err)
	}
	return loss
}

func (d *Disk) answer() (Loss, error) {
	line, err := d.answers.ReadString('\n')
	if err != nil {
		return Loss{}, fmt.Errorf("its process has ended: %w", err)
	}
	var loss Loss
	if _, err := fmt.Sscanf(line, answerDone, &loss.Pages, &loss.Files, &loss.Names); err != nil {
		return Loss{}, errors.New(strings.TrimSpace(line))
	}
	return loss, nil
}

// end has the disk unmounted; when its process does not manage, we do.
func (d *Disk) end(t testing.TB) {
	if d.process.Process != nil {
		late := time.AfterFunc(endTimeout, func() { _ = d.process.Process.Kill() })
		defer late.Stop()
		if d.orders != nil {
			_ = d.orders.Close()
		}
		if err := d.process.Wait(); err != nil {
			t.Errorf("the disk's process: %v", err)
			_ = syscall.Unmount(d.Path, syscall.MNT_DETACH)
		}
	}
	if err := os.Remove(d.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removing the folder of the disk: %v", err)
	}
}
