package socket

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestIdleSockets: one goroutine each, no buffer, and the memory is told.
func TestIdleSockets(t *testing.T) {
	const sockets = 2000
	r := serve(t, nil)
	port, err := strconv.Atoi(r.address[strings.LastIndexByte(r.address, ':')+1:])
	if err != nil {
		t.Fatal(err)
	}
	// Peers are bare descriptors, so that what is measured is the server's.
	peers := make([]int, 0, sockets)
	t.Cleanup(func() {
		for _, fd := range peers {
			_ = unix.Close(fd)
		}
	})
	dial := func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		peers = append(peers, fd)
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Write(fd, append(asked(), says("hello")...)); err != nil {
			t.Fatal(err)
		}
		await(t, r.opened)
		await(t, r.texts)
		await(t, r.outcomes)
	}
	for range 50 { // what is made once is made
		dial()
	}
	before := measure()
	for len(peers) < 50+sockets {
		dial()
	}
	after := measure()
	per := func(a, b uint64) float64 { return (float64(b) - float64(a)) / sockets / 1024 }
	t.Logf("an idle socket: resident %.2f KB, heap %.2f KB, stack %.2f KB, goroutines %.2f", per(before.resident, after.resident),
		per(before.HeapInuse, after.HeapInuse), per(before.StackInuse, after.StackInuse), float64(after.goroutines-before.goroutines)/sockets)
	if n := after.goroutines - before.goroutines; n > sockets+5 {
		t.Errorf("%d sockets have %d goroutines", sockets, n)
	}
	if heap := per(before.HeapAlloc, after.HeapAlloc); heap > 4 {
		t.Errorf("an idle socket keeps %.1f KB of heap: as much as a buffer", heap)
	}
}

type measured struct {
	runtime.MemStats
	resident   uint64
	goroutines int
}

func measure() measured {
	runtime.GC()
	runtime.GC()
	m := measured{goroutines: runtime.NumGoroutine()}
	runtime.ReadMemStats(&m.MemStats)
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := bytes.Fields(text); len(fields) > 1 {
			pages, _ := strconv.ParseUint(string(fields[1]), 10, 64)
			m.resident = pages * uint64(os.Getpagesize())
		}
	}
	return m
}
