//go:build linux

package disk

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// mountpointVariable makes a process of the test's program a disk.
const mountpointVariable = "powercut_disk"

// unmountTries is how often a disk in use is tried to be unmounted; go-fuse
// waits some 300 ms in each.
const unmountTries = 15

// What the disk is told, a line each, and what it answers to each.
const (
	orderCut       = "cut"
	orderCutPartly = "cut partly"
	orderSettle    = "settle"
	answerDone     = "done %d %d %d\n"
)

// Main makes this process the disk that it was started as, and then does not
// return. A TestMain calls it first.
func Main() {
	mountpoint := os.Getenv(mountpointVariable)
	if mountpoint == "" {
		return
	}
	if err := run(mountpoint, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "disk:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run serves a disk and follows orders until they end.
func run(mountpoint string, orders io.Reader, answers io.Writer) error {
	v := newVolume()
	server, err := mount(v, mountpoint)
	if err != nil {
		fmt.Fprintln(answers, err)
		return err
	}
	defer func() {
		unmount(server, mountpoint)
		_ = os.Remove(mountpoint) // whoever made it may be gone
	}()
	fmt.Fprintf(answers, answerDone, 0, 0, 0)
	for lines := bufio.NewScanner(orders); lines.Scan(); {
		var loss Loss
		switch order := lines.Text(); {
		case order == orderSettle:
			v.settleAll()
		case strings.HasPrefix(order, orderCut):
			var seed uint64
			if _, err := fmt.Sscanf(order, orderCutPartly+" %d", &seed); err == nil {
				v.writeBack(seed)
			}
			unmount(server, mountpoint)
			v, loss = v.cut()
			if server, err = mount(v, mountpoint); err != nil {
				fmt.Fprintln(answers, err)
				return err
			}
		default:
			return fmt.Errorf("it does not know how to %q", order)
		}
		fmt.Fprintf(answers, answerDone, loss.Pages, loss.Files, loss.Names)
	}
	return nil
}

func mount(v *volume, mountpoint string) (*fuse.Server, error) {
	options := &fuse.MountOptions{
		Name: "powercut", FsName: "powercut", DirectMount: true, DisableReadDirPlus: true,
		// The kernel checks owners and modes.
		Options: []string{"default_permissions"},
		// As root the servers run under accounts of their own.
		AllowOther: os.Geteuid() == 0,
		MaxWrite:   1 << 20,
	}
	server, err := fuse.NewServer(v, mountpoint, options)
	if err != nil {
		return nil, fmt.Errorf("mounting %s: %w", mountpoint, err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		unmount(server, mountpoint)
		return nil, fmt.Errorf("waiting for the mount of %s: %w", mountpoint, err)
	}
	return server, nil
}

// unmount takes the disk off its folder. Programs that still use it have a few
// seconds to end; then it is taken from under them.
func unmount(server *fuse.Server, mountpoint string) {
	for range unmountTries {
		if server.Unmount() == nil {
			return
		}
	}
	_ = syscall.Unmount(mountpoint, syscall.MNT_DETACH)
}
