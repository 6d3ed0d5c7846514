package socket

import (
	"bytes"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

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

// TestOfferingAllocatesNothing, nor does reading a message that is whole.
func TestOfferingAllocatesNothing(t *testing.T) {
	r := serve(t, nil)
	_, s := r.open(t)
	f := Text([]byte("x"))
	if n := testing.AllocsPerRun(100, func() {
		if taken := s.Offer(f, Live); taken != Written {
			t.Fatalf("a frame is %d", taken)
		}
	}); n != 0 {
		t.Errorf("offering a frame allocates %v times", n)
	}
	var p parser
	most, wire := testLimits(), says("hello")
	room := make([]byte, len(wire))
	if n := testing.AllocsPerRun(100, func() {
		copy(room, wire)
		if err := p.feed(room, most, quiet{}); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("reading a message allocates %v times", n)
	}
}

// BenchmarkOffer is what a frame of 300 bytes costs when its peer keeps up,
// beside a bare write of the same bytes.
func BenchmarkOffer(b *testing.B) {
	ours, theirs := pair(b)
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	set, err := Settings{Path: "/", Protocol: "x"}.filled()
	if err != nil {
		b.Fatal(err)
	}
	v := &Server{set: set, epoch: time.Now()}
	s, err := v.socket(ours)
	if err != nil {
		b.Fatal(err)
	}
	f := Text(make([]byte, 300))
	b.Run("Offer", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			for s.Offer(f, Live) == Refused {
				runtime.Gosched()
			}
		}
	})
	poll(b, func() bool { return s.waiting() == 0 })
	b.Run("Write", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := ours.Write(f.wire); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// pair is a connection over loopback, both ends.
func pair(b *testing.B) (ours, theirs *net.TCPConn) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	near, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near.(*net.TCPConn), far.(*net.TCPConn)
}
