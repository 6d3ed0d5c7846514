package contract_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// callLine is what a function logs about a call.
type callLine struct {
	Msg, Function, Method, Path, Fault, Code, User string
	Status                                         int
	CallID                                         string  `json:"call_id"`
	TraceID                                        string  `json:"trace_id"`
	DurationMS                                     float64 `json:"duration_ms"`
}

// calls are the lines about a call in a function's log.
func (h *house) calls(t testing.TB, function, id string) (found []callLine) {
	t.Helper()
	for text := range strings.Lines(h.Log(t, function)) {
		var l callLine
		if strings.Contains(text, id) && json.Unmarshal([]byte(text), &l) == nil && l.Msg == "call" && l.CallID == id {
			found = append(found, l)
		}
	}
	return found
}

func TestOneLineACall(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	doors := append(append(s.reads(), s.writes(t)...), endpoint{"POST", "payment-callback/alipay", s.nobody(), "x"},
		endpoint{"GET", "catalog/a/b/c", s.nobody(), ""}, endpoint{"PATCH", "create-order", s.nobody(), "{"})
	for _, e := range doors {
		e.who.token = "not-" + e.who.token // enough to be refused, and worth not to be logged
		id, trace := "log-"+short(), strings.ReplaceAll(uuid.NewString(), "-", "")
		function, rest, _ := strings.Cut(e.path, "/")
		a := e.who.call(t, e.method, e.path, e.body, header{"X-Call-Id", id}, header{"Traceparent", "00-" + trace + "-00f067aa0ba902b7-01"})
		var lines []callLine
		eventually(t, patience, "the line of "+e.path, func() bool { lines = s.calls(t, function, id); return len(lines) > 0 })
		l := lines[0]
		if len(lines) != 1 || l.TraceID != trace || l.Function != function || l.Method != e.method || l.Path != "/"+rest || l.Status != a.status || l.DurationMS <= 0 {
			t.Errorf("%s %s: %+v", e.method, e.path, lines)
		}
		if faulty := a.status >= 400; (l.Code != "") != faulty || (l.Fault != "") != faulty {
			t.Errorf("%s %s: status %d, fault %q, code %q", e.method, e.path, a.status, l.Fault, l.Code)
		}
	}
}

// secret matches tokens, passwords, hashes and keys.
var secret = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{20,}\.|[Bb]earer [A-Za-z0-9_-]{8}|-demo-2026|\$argon2|BEGIN [A-Z ]*PRIVATE`)

func TestLogsKeepSecrets(t *testing.T) {
	t.Parallel()
	h := open(t)
	got := h.signIn(t, "buyer0031")
	got = h.refreshed(t, got.RefreshToken)
	p, password := person{h, got.AccessToken}, "a-wrong-password-"+short()
	h.nobody().call(t, "POST", "issue-token", credentials{"buyer0031", password})
	h.nobody().call(t, "POST", "issue-token", `{"username":"x","password":"`+password+`","more":1}`)
	h.refresh(t, got.RefreshToken+"x").fails(t, 401, "invalid_refresh_token")
	p.call(t, "GET", "manage-order?after="+got.RefreshToken, nil)
	p.call(t, "GET", "manage-order?access_token="+got.AccessToken, nil)
	person{h, got.AccessToken + "x"}.call(t, "GET", "manage-order", nil).fails(t, 401, "invalid_token")
	eventually(t, patience, "all to be logged", func() bool { return strings.Contains(h.Log(t, "manage-order"), "invalid_token") })

	words := []string{got.RefreshToken, got.AccessToken[len(got.AccessToken)-40:], password, h.Secret(t, "postgres-password"), h.Secret(t, "nats-password")}
	files, err := filepath.Glob(filepath.Join(h.Logs, "*.log"))
	if err != nil || len(files) < 8 {
		t.Fatalf("%d logs (%v)", len(files), err)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(file)
		in.Buffer(nil, 4<<20)
		for in.Scan() {
			found := secret.FindString(in.Text())
			for _, word := range words {
				if strings.Contains(in.Text(), word) {
					found = word
				}
			}
			if found != "" {
				t.Errorf("%s tells %q: %.300s", filepath.Base(name), found, in.Text())
			}
		}
		if err := in.Err(); err != nil {
			t.Error(err)
		}
		_ = file.Close()
	}
}
