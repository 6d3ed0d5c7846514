package connector

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func TestLinesThatAreServed(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]envelope{
		`{"t":"auth","token":"a.b-c_d","device":"laptop","resume":{"x":[1]}}`: {verb: verbAuth, token: "a.b-c_d", device: "laptop"},
		`{"t":"token","token":"a.b.c","seq":"not for this one"}`:              {verb: verbToken, token: "a.b.c"},
		`{"conversation":"g_x","seq":42,"t":"read"}`:                          {verb: verbRead, conversation: "g_x", seq: 42},
		`{"t":"read","conversation":"g_x","seq":0}`:                           {verb: verbRead, conversation: "g_x"},
		`{"t":"typing","conversation":"g_x"}`:                                 {verb: verbTyping, conversation: "g_x"},
		`{"t":"presence","users":["a","b"]}`:                                  {verb: verbPresence, users: []string{"a", "b"}},
		`{"t":"presence","users":[]}`:                                         {verb: verbPresence},
		` {"t" : "ping" , "client_msg_id" : "x"} `:                            {verb: verbPing},
		`{"t":"p\u006fng"}`:                                                   {verb: verbPong},
		`{"t":"send","client_msg_id":"m1","conversation":"g_x","kind":"text","body":{"text":"hi"}}`: {verb: verbSend, id: "m1",
			draft: []byte(`{"client_msg_id":"m1","conversation":"g_x","kind":"text","body":{"text":"hi"}}`)},
		// Who, when and which number are not the client's to say.
		`{"t":"send","client_msg_id":"m1","to":"bob","from":"mallory","seq":7,"sent_at":"now","message_id":"x","body":{ "a" : 1 }}`: {verb: verbSend, id: "m1",
			draft: []byte(`{"client_msg_id":"m1","to":"bob","body":{ "a" : 1 }}`)},
		// What else is wrong with it is push-message's to say.
		`{"t":"send","client_msg_id":"m1","conversation":7,"kind":null}`: {verb: verbSend, id: "m1", draft: []byte(`{"client_msg_id":"m1","conversation":7,"kind":null}`)},
	} {
		e, wrong := open([]byte(line))
		if wrong != nil {
			t.Errorf("%s: %+v", line, *wrong)
			continue
		}
		same := e.verb == want.verb && e.token == want.token && e.device == want.device && e.conversation == want.conversation &&
			e.seq == want.seq && e.id == want.id && strings.Join(e.users, " ") == strings.Join(want.users, " ")
		if !same || !bytes.Equal(e.draft, want.draft) {
			t.Errorf("%s\nis read as %+v %s\nwant       %+v %s", line, e, e.draft, want, want.draft)
		}
	}
}

func TestLinesThatAreNot(t *testing.T) {
	t.Parallel()
	long, id := strings.Repeat("x", maxToken+1), strings.Repeat("x", 65)
	frame := func(ref string) mistake { return mistake{code: "invalid_frame", ref: ref} }
	for line, want := range map[string]mistake{
		``: frame(""), ` `: frame(""), `null`: frame(""), `[]`: frame(""), `{}`: frame(""), `{"t":1}`: frame(""), `{"t":null}`: frame(""), `"{"`: frame(""),
		`{"t":"ping"`: frame(""), `{"t":"ping"}{"t":"ping"}`: frame(""), `{"t":"ping"} x`: frame(""), `{"t":"ping",}`: frame(""), `{t:"ping"}`: frame(""),
		`{"t":"ping","t":"ping"}`: frame(""), `{"t":"send","body":{"a":1,"a":2}}`: frame(""), "{\"t\":\"ping\",\"x\":\"\xff\"}": frame(""), `{"t":"ping","x":"\ud800"}`: frame(""),
		`{"T":"ping"}`:       frame(""),
		`{"t":"dance"}`:      {"unknown_type", "dance"},
		`{"t":"PING"}`:       {"unknown_type", "PING"},
		`{"t":"<script>"}`:   {"unknown_type", ""},
		`{"t":"` + id + `"}`: {"unknown_type", ""},
		`{"t":""}`:           {"unknown_type", ""},
		`{"t":"auth"}`:       frame("auth"),
		`{"t":"auth","token":"a b","device":"d"}`:                                  frame("auth"),
		`{"t":"auth","token":"a\r\nX: y","device":"d"}`:                            frame("auth"),
		`{"t":"auth","token":"` + long + `","device":"d"}`:                         frame("auth"),
		`{"t":"auth","token":"a","device":"a|b"}`:                                  frame("auth"),
		`{"t":"auth","token":"a"}`:                                                 frame("auth"),
		`{"t":"auth","token":1,"device":"d"}`:                                      frame("auth"),
		`{"t":"token","token":""}`:                                                 frame("token"),
		`{"t":"read","conversation":"c"}`:                                          frame("read"),
		`{"t":"read","conversation":"c","seq":-1}`:                                 frame("read"),
		`{"t":"read","conversation":"c","seq":-0}`:                                 frame("read"),
		`{"t":"read","conversation":"c","seq":1.0}`:                                frame("read"),
		`{"t":"read","conversation":"c","seq":1e3}`:                                frame("read"),
		`{"t":"read","conversation":"c","seq":"1"}`:                                frame("read"),
		`{"t":"read","conversation":"c","seq":9007199254740993}`:                   frame("read"),
		`{"t":"read","conversation":"c","seq":99999999999999999}`:                  frame("read"),
		`{"t":"read","conversation":"c.d","seq":1}`:                                frame("read"),
		`{"t":"read","seq":1}`:                                                     frame("read"),
		`{"t":"typing"}`:                                                           frame("typing"),
		`{"t":"typing","conversation":"*"}`:                                        frame("typing"),
		`{"t":"typing","conversation":">"}`:                                        frame("typing"),
		`{"t":"presence"}`:                                                         frame("presence"),
		`{"t":"presence","users":null}`:                                            frame("presence"),
		`{"t":"presence","users":"a"}`:                                             frame("presence"),
		`{"t":"presence","users":["a",1]}`:                                         frame("presence"),
		`{"t":"presence","users":["a b"]}`:                                         frame("presence"),
		`{"t":"presence","users":["a"` + strings.Repeat(`,"a"`, maxWatched) + `]}`: frame("presence"),
		`{"t":"send","body":{}}`:                                                   frame("send"),
		`{"t":"send","client_msg_id":7}`:                                           frame("send"),
		`{"t":"send","client_msg_id":"a b"}`:                                       frame("send"),
		`{"t":"send","client_msg_id":"` + id + `"}`:                                frame("send"),
		`{"t":"read","client_msg_id":"m1","seq":"wrong"}`:                          frame("read"),
	} {
		if e, wrong := open([]byte(line)); wrong == nil {
			t.Errorf("%.80s was read as %+v", line, e)
		} else if *wrong != want {
			t.Errorf("%.80s: %+v, want %+v", line, *wrong, want)
		}
	}
}

func TestADraftSharesNothingWithItsLine(t *testing.T) {
	t.Parallel()
	line := []byte(`{"t":"send","client_msg_id":"m1","body":{"text":"hi"}}`)
	e, wrong := open(line)
	for i := range line {
		line[i] = 'x'
	}
	if wrong != nil || e.id != "m1" || string(e.draft) != `{"client_msg_id":"m1","body":{"text":"hi"}}` {
		t.Errorf("the line's buffer was used again, and it is %s %s", e.id, e.draft)
	}
}

// FuzzEnvelope: what is served has its fields and no others; what is not is told
// in few and harmless words.
func FuzzEnvelope(f *testing.F) {
	for _, line := range []string{
		`{"t":"auth","token":"a.b","device":"d"}`, `{"t":"send","client_msg_id":"m","to":"bob","kind":"text","body":{"a":[{}]},"seq":1}`,
		`{"t":"read","conversation":"c","seq":5}`, `{"t":"typing","conversation":"c"}`, `{"t":"presence","users":["a","b"]}`, `{"t":"token","token":"x"}`,
		`{"t":"ping"}`, `{"t":"pong","x":1}`, `{"t":"nothing"}`, `null`, ``, `{"t":"send","client_msg_id":"m\u0031"}`, `{"t":"read","conversation":"c","seq":-0}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, wrong := open(line)
		if wrong != nil {
			if wrong.code != "invalid_frame" && wrong.code != "unknown_type" || wrong.ref != "" && !isID(wrong.ref) {
				t.Errorf("%q is answered with %+v", line, *wrong)
			}
			return
		}
		if !jsontext.Value(line).IsValid() {
			t.Fatalf("%q is no JSON and was read", line)
		}
		known := e.verb >= verbAuth && e.verb <= verbPong
		names := (e.token == "" || isToken(e.token)) && (e.device == "" || isID(e.device)) && (e.conversation == "" || isID(e.conversation))
		if !known || !names || e.seq < 0 || e.seq > maxSeq || len(e.users) > maxWatched || (e.verb == verbSend) != (e.id != "") || (e.draft != nil) != (e.verb == verbSend) {
			t.Fatalf("%q was read as %+v", line, e)
		}
		if e.verb != verbSend {
			return
		}
		var d struct {
			ID                           string         `json:"client_msg_id"`
			Conversation, To, Kind, Body jsontext.Value // any
		}
		err := json.Unmarshal(e.draft, &d, json.RejectUnknownMembers(true), json.MatchCaseInsensitiveNames(true))
		if err != nil || d.ID != e.id || !isID(d.ID) || bytes.ContainsRune(e.draft, 0) {
			t.Errorf("%q goes on as %q, %v", line, e.draft, err)
		}
	})
}
