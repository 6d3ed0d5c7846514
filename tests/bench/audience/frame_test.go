package audience

import (
	"bytes"
	"strings"
	"testing"
)

func TestFramesAreReadInAnyParts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 70_000)
	for _, want := range []string{"", "short", strings.Repeat("m", 126), long} {
		masked := appendFrame(nil, opText, []byte(want))
		server := unmasked(masked, len(want))
		for cut := range min(len(server), 20) {
			if _, _, n, err := nextFrame(server[:cut]); n != 0 || err != nil {
				t.Fatalf("%d bytes of %d are a frame of %d: %v", cut, len(server), n, err)
			}
		}
		op, payload, n, err := nextFrame(append(server, 0x81))
		if op != opText || string(payload) != want || n != len(server) || err != nil {
			t.Errorf("%d bytes: read %d of %d: %v", len(want), len(payload), n, err)
		}
	}
	for _, wrong := range [][]byte{{0x01, 0}, {0xc1, 0}, {0x81, 0x80}, {0x81, 127, 1, 0, 0, 0, 0, 0, 0, 0}} {
		if _, _, _, err := nextFrame(wrong); err == nil {
			t.Errorf("%#x is read", wrong)
		}
	}
}

// unmasked makes a server's frame of a client's.
func unmasked(frame []byte, length int) []byte {
	head := len(frame) - length - 4
	b := append([]byte{}, frame[:head]...)
	b[1] &^= 0x80
	for i, c := range frame[head+4:] {
		b = append(b, c^mask[i&3])
	}
	return b
}

func TestFieldsOfALine(t *testing.T) {
	t.Parallel()
	line := []byte(`{"t":"message","conversation":"g_1","seq":41,"client_msg_id":"a-7","body":{"seq":9}}`)
	if !bytes.Equal(field(line, "client_msg_id"), []byte("a-7")) || number(line, "seq") != 41 {
		t.Errorf("read %q and %d", field(line, "client_msg_id"), number(line, "seq"))
	}
	if field(line, "from") != nil || number(line, "after_ms") != 0 {
		t.Error("found what is not there")
	}
}
