package fn

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bazaar/shared/auth"
	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

// asFunction in the environment makes the test binary a function.
const asFunction = "fn_test_function"

func TestMain(m *testing.M) {
	if os.Getenv(asFunction) != "" {
		Main("probe", assembleProbe)
		return
	}
	goleak.VerifyTestMain(m)
}

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// journal is a log that is written and read at once.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// lines are the log's lines with this message.
func (j *journal) lines(t *testing.T, msg string) (lines []map[string]any) {
	t.Helper()
	for text := range strings.Lines(j.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if line["msg"] == msg {
			lines = append(lines, line)
		}
	}
	return lines
}

// bench is a server for one test, without a process.
type bench struct {
	*server
	log journal
}

func newBench(t *testing.T, change func(*Settings), routes ...Route) *bench {
	t.Helper()
	b := &bench{}
	set := defaults()
	if change != nil {
		change(&set)
	}
	tel, err := telemetry.Start(context.Background(), "probe", set.Telemetry, &b.log)
	if err != nil {
		t.Fatal(err)
	}
	r := newRuntime("probe", set, tel)
	t.Cleanup(r.close)
	if b.server, err = newServer(r, routes); err != nil {
		t.Fatal(err)
	}
	b.ready.Store(true)
	return b
}

// ask sends one request; headers are "Name: value".
func (b *bench) ask(t *testing.T, method, path, body string, headers ...string) *answer {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, "http://probe/", reader)
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(path, "?")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	if err := b.run.Telemetry.Flush(); err != nil {
		t.Error(err)
	}
	return read(t, w.Result())
}

// answer is a response whose body was read, as JSON where it is some.
type answer struct {
	*http.Response
	text string
	json map[string]any
}

func read(t *testing.T, r *http.Response) *answer {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Body.Close(); err != nil {
		t.Fatal(err)
	}
	a := &answer{Response: r, text: string(text)}
	_ = json.Unmarshal(text, &a.json)
	return a
}

// want checks status, and for problems the kind and the code.
func (a *answer) want(t *testing.T, status int, kind fault.Kind, code string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("status %d, want %d: %s", a.StatusCode, status, a.text)
	}
	if got := a.Header.Get("X-Fault"); got != string(kind) {
		t.Errorf("X-Fault %q, want %q", got, kind)
	}
	if code != "" && a.json["code"] != code {
		t.Errorf("code %v, want %s: %s", a.json["code"], code, a.text)
	}
}

// people is a TokenVerifier and a Revocations: the token is the user's name,
// followed by roles.
type people struct {
	revoked string
	age     time.Duration
}

func (people) Verify(token string) (auth.Claims, error) {
	if token == "expired" {
		return auth.Claims{}, fault.New(fault.Unauthenticated, "token_expired", "The access token has expired.")
	}
	name, roles, _ := strings.Cut(token, "+")
	return auth.Claims{Subject: name, SessionID: "s-" + name, Roles: strings.Split(roles, "+")}, nil
}

func (p people) Revoked(sid string) bool { return sid == "s-"+p.revoked }
func (p people) Age() time.Duration      { return p.age }
func (p people) door() UserDoor          { return UserDoor{Tokens: p, Revoked: p} }

// signed is an EventVerifier that knows one word.
type signed struct{}

func (signed) Verify(function, header string, _ []byte, _ time.Time) error {
	if function != "probe" || header != "trigger" {
		return fault.New(fault.Unauthenticated, "invalid_signature", "The call does not carry the trigger's signature.")
	}
	return nil
}

// nothing is a step that does nothing.
func nothing(context.Context, Call, None) (Reply, error) { return Reply{}, nil }

func failing(err error) func(context.Context, Call, None) (Reply, error) {
	return func(context.Context, Call, None) (Reply, error) { return Reply{}, err }
}

func newEvent(t *testing.T, typ, id, traceparent string) event.Event {
	t.Helper()
	e, err := event.New(typ, id, id, map[string]string{"id": id})
	if err != nil {
		t.Fatal(err)
	}
	e.TraceParent = traceparent
	return e
}

func encodeBatch(t *testing.T, events ...event.Event) string {
	t.Helper()
	body, err := event.EncodeBatch(events)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
