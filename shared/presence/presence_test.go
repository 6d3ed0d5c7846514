package presence

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain fails where a test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheLineOfAPresence(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 10, 46, 9, 810_000_000, time.FixedZone("", 3600))
	for want, p := range map[string]Presence{
		`{"t":"presence","user":"bob","online":true,"last_active":"2026-11-22T09:46:09.810Z"}`: {Online: true, LastActive: at},
		`{"t":"presence","user":"bob","online":false,"last_active":null}`:                      {},
	} {
		line, err := ChangedLine("bob", p)
		if err != nil || string(line) != want {
			t.Errorf("wrote %s, %v\nwant  %s", line, err, want)
		}
		user, again, err := ReadChanged(line)
		if err != nil || user != "bob" || again.Online != p.Online || !again.LastActive.Equal(p.LastActive) {
			t.Errorf("%s was read as %q %+v, %v", line, user, again, err)
		}
	}
	for _, bad := range []string{``, `[]`, `{"last_active":"yesterday"}`, `{"online":1}`} {
		if _, _, err := ReadChanged([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// FuzzReplaced: what is read names a session and a user, and is written as it
// was read.
func FuzzReplaced(f *testing.F) {
	for _, text := range []string{`{"session":"s","user":"bob"}`, `{}`, ``, `{"session":"a|b","user":"bob"}`, `{"session":"s","user":"bob","more":1}`, `{"session":"s","session":"s","user":"b"}`, `null`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadReplaced(data)
		if err != nil {
			return
		}
		if !isID(r.Session) || !isID(r.User) || !json.Valid(data) {
			t.Errorf("%q was read as %+v", data, r)
		}
		again, err := r.Encode()
		if same, readErr := ReadReplaced(again); err != nil || readErr != nil || same != r {
			t.Errorf("%+v was written as %s and read as %+v, %v, %v", r, again, same, err, readErr)
		}
	})
}

// FuzzSession: a member that is read has four parts and gives its session back.
func FuzzSession(f *testing.F) {
	for _, text := range []string{"1795343169810|s|n|laptop", "", "|||", "x|s|n|d", "1|s|n|d|e", "9223372036854775808|s|n|d", "-1|s|n|d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, member string) {
		x, ok := readSession("bob", member)
		if ok && (strings.Count(member, "|") != 3 || !strings.HasSuffix(member, "|"+x.ID+"|"+x.Node+"|"+x.Device) || x.User != "bob") {
			t.Errorf("%q was read as %+v", member, x)
		}
	})
}

func TestWhatIsAnID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"a": true, "Z": true, "0": true, "_-": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a|b": false, "a}": false, "é": false, "[": false, "@": false, "`": false, "{": false, " ": false,
	} {
		if isID(text) != want {
			t.Errorf("%q is an id: %t", text, !want)
		}
	}
}
