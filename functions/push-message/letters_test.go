package main

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/message"
)

// letterOf is a line without its end: what a token's owner says to dora.
func letterOf(token, socket, id string) string {
	return `{"token":"` + token + `","socket":"` + socket + `","message":{"to":"dora","client_msg_id":"` + id + `","kind":"text","body":{"text":"hi"}}}`
}

// judge gives the verdicts of letters, and the lines in which they stand.
func (h *hall) judge(t testing.TB, body string) ([]Verdict, string) {
	t.Helper()
	reply, err := h.handler().Letters(t.Context(), fn.RawCall{Body: []byte(body)})
	if err != nil || reply.Status != 200 || reply.ContentType != "application/x-ndjson" || !bytes.HasSuffix(reply.Raw, []byte("\n")) {
		t.Fatalf("%.200q is answered %d %s %q, %v", body, reply.Status, reply.ContentType, reply.Raw, err)
	}
	var verdicts []Verdict
	for line := range bytes.Lines(reply.Raw) {
		var v Verdict
		if err := json.Unmarshal(line, &v, json.RejectUnknownMembers(true)); err != nil || (v.Sent == nil) == (v.Refused == nil) {
			t.Fatalf("%.200q has the verdict %s, %v", body, line, err)
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, string(reply.Raw)
}

func TestALetterIsOfItsTokensOwner(t *testing.T) {
	t.Parallel()
	h := newHall()
	_, lines := h.judge(t, letterOf("alice", "n1-7", "a")+"\n"+letterOf("bob", "n1-8", "b")+"\n"+letterOf("expired", "n1-9", "c")+"\n"+
		strings.Replace(letterOf("alice", "", "d"), `"socket":"",`, "", 1)+"\n")
	where := func(seq, sender, id string) string {
		return `{"sent":{"conversation":"g_1","seq":` + seq + `,"message_id":"` + message.IDOf(sender, id) + `","sent_at":"0001-01-01T00:00:00.000Z","duplicate":false}}` + "\n"
	}
	want := where("1", "alice", "a") + where("2", "bob", "b") +
		`{"refused":{"kind":"unauthenticated","code":"token_expired","detail":"The access token has expired."}}` + "\n" + where("3", "alice", "d")
	if lines != want {
		t.Errorf("answered\n%swant\n%s", lines, want)
	}
	draft := func(sender, socket, id string) message.Draft {
		return message.Draft{Sender: sender, To: "dora", ClientMsgID: id, Kind: "text", Body: jsontext.Value(`{"text":"hi"}`), Socket: socket}
	}
	if stored := []message.Draft{draft("alice", "n1-7", "a"), draft("bob", "n1-8", "b"), draft("alice", "", "d")}; !reflect.DeepEqual(h.drafts, stored) {
		t.Errorf("stored are %+v", h.drafts)
	}
}

// wrongLetter is a line that is refused.
type wrongLetter struct {
	line  string
	kind  fault.Kind
	code  string
	field string
}

// wrongLetters are those, each by what makes it wrong.
func wrongLetters() []wrongLetter {
	good := letterOf("alice", "n1-7", "x")
	with := func(old, now string) string { return strings.Replace(good, old, now, 1) }
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	return []wrongLetter{
		{"", fault.Invalid, "invalid_letter", ""},
		{"{", fault.Invalid, "invalid_letter", ""},
		{"[]", fault.Invalid, "invalid_letter", ""},
		{good + good, fault.Invalid, "invalid_letter", ""},
		{with(`{"token"`, `{"from":"bob","token"`), fault.Invalid, "invalid_letter", ""},
		{with(`{"token"`, `{"token":"bob","token"`), fault.Invalid, "invalid_letter", ""},
		{with(`"alice"`, `1`), fault.Invalid, "invalid_letter", ""},
		{with(`"hi"`, "\"\xff\""), fault.Invalid, "invalid_letter", ""},
		{with("n1-7", "n1-7,n1-8"), fault.Invalid, "invalid_letter", "socket"},
		{with("n1-7", "n1 7"), fault.Invalid, "invalid_letter", "socket"},
		{with("n1-7", strings.Repeat("x", 65)), fault.Invalid, "invalid_letter", "socket"},
		{with("alice", "expired"), fault.Unauthenticated, "token_expired", ""},
		{with("alice", "mallory"), fault.Unauthenticated, "invalid_token", ""},
		{with("alice", ""), fault.Unauthenticated, "token_missing", ""},
		{"null", fault.Unauthenticated, "token_missing", ""},
		{`{"token":"alice"}`, fault.Invalid, "invalid_body", ""},
		{`{"token":"alice","message":null}`, fault.Invalid, "invalid_body", ""},
		{`{"token":"alice","message":[]}`, fault.Invalid, "invalid_body", ""},
		// Who says it, its number and its time are not the sender's to say.
		{with(`{"to":`, `{"from":"bob","to":`), fault.Invalid, "invalid_body", "from"},
		{with(`{"to":`, `{"seq":1,"to":`), fault.Invalid, "invalid_body", "seq"},
		{with(`{"to":`, `{"sent_at":"2001-01-01T00:00:00Z","to":`), fault.Invalid, "invalid_body", "sent_at"},
		{with("hi", `\u0000`), fault.Invalid, "invalid_body", "body.text"},
		{with(`{"text":"hi"}`, deep(63)), fault.Invalid, "invalid_body", ""},
		{with(`{"text":"hi"}`, deep(20000)), fault.Invalid, "invalid_letter", ""},
		{with("hi", strings.Repeat("x", message.MaxBody)), fault.TooLarge, "too_large", "body"},
		{with("dora", "alice"), fault.Invalid, "invalid_recipient", "to"},
		{with(`"text"`, `"shop.order"`), fault.Invalid, "invalid_kind", "kind"},
	}
}

// Good ones stand before and behind each; also that which is as deep as one may be.
func TestALetterThatIsWrongIsRefusedAlone(t *testing.T) {
	t.Parallel()
	h, wrong := newHall(), wrongLetters()
	good := strings.Replace(letterOf("bob", "n1-8", "x"), `{"text":"hi"}`, `{"a":`+strings.Repeat("[", 62)+strings.Repeat("]", 62)+`}`, 1)
	body := good
	for _, w := range wrong {
		body += "\n" + w.line + "\n" + good
	}
	verdicts, _ := h.judge(t, body)
	if len(verdicts) != 2*len(wrong)+1 || len(h.drafts) != len(wrong)+1 {
		t.Fatalf("%d verdicts and %d stored, of %d letters that are wrong", len(verdicts), len(h.drafts), len(wrong))
	}
	for i, v := range verdicts {
		if i%2 == 0 {
			if v.Sent == nil || v.Sent.Seq != int64(i/2+1) || h.drafts[i/2].Sender != "bob" {
				t.Errorf("letter %d has the verdict %+v %+v", i, v.Sent, v.Refused)
			}
			continue
		}
		w := wrong[i/2]
		if r := v.Refused; r == nil || r.Kind != w.kind || r.Code != w.code || r.Field != w.field || !strings.HasSuffix(r.Detail, ".") || r.RetryAfterMS != 0 {
			t.Errorf("%.200q is refused as %+v, want %s %s at %q", w.line, r, w.kind, w.code, w.field)
		}
	}
	if h.log.Len() > 0 {
		t.Errorf("the callers' mistakes are logged: %s", h.log.String())
	}
}

func TestALetterThatCannotBeStoredIsToldOfAndLogged(t *testing.T) {
	t.Parallel()
	gone := fault.New(fault.Unavailable, "unavailable", "Later.").After(1500 * time.Millisecond).Because(errors.New("the store hides"))
	late := fault.New(fault.Timeout, "timeout", "Too late.").Because(errors.New("the store sleeps"))
	broken := errors.New("the store broke")
	muted := fault.New(fault.Denied, "muted", "Be silent.").After(time.Minute)
	for name, c := range map[string]struct {
		errs  []error // of the letters; the last is good
		want  string  // kinds, codes and when to try again
		level string
		count int
		first string
	}{
		"the store is away": {[]error{gone, gone}, "unavailable unavailable 1500, unavailable unavailable 1500", "WARN", 2, "the store hides"},
		"the store is slow": {[]error{nil, late}, ", timeout timeout 0", "WARN", 1, "the store sleeps"},
		"a mistake of ours": {[]error{nil, broken}, ", internal internal 0", "ERROR", 1, "the store broke"},
		"all of them":       {[]error{muted, gone, nil, broken}, "denied muted 60000, unavailable unavailable 1500, , internal internal 0", "ERROR", 2, "the store hides"},
		"callers' mistakes": {[]error{muted, message.NotFound()}, "denied muted 60000, not_found not_found 0", "", 0, ""},
	} {
		h := newHall()
		h.errs = c.errs
		verdicts, lines := h.judge(t, strings.Repeat(letterOf("alice", "", "x")+"\n", len(c.errs)+1))
		var got []string
		for _, v := range verdicts[:len(c.errs)] {
			one := ""
			if r := v.Refused; r != nil {
				one = fmt.Sprint(r.Kind, " ", r.Code, " ", r.RetryAfterMS)
			}
			got = append(got, one)
		}
		if strings.Join(got, ", ") != c.want || verdicts[len(c.errs)].Sent == nil || strings.Contains(lines, "the store") {
			t.Errorf("%s: answered %s", name, lines)
		}
		if c.level == "" {
			if h.log.Len() > 0 {
				t.Errorf("%s: logged is %s", name, h.log.String())
			}
			continue
		}
		var line struct {
			Time    string `json:"time"`
			Level   string `json:"level"`
			Msg     string `json:"msg"`
			Letters int    `json:"letters"`
			Error   string `json:"error"`
		}
		// Two lines would be no JSON.
		if err := json.Unmarshal(h.log.Bytes(), &line, json.RejectUnknownMembers(true)); err != nil || line.Level != c.level || line.Letters != c.count || !strings.Contains(line.Error, c.first) {
			t.Errorf("%s: logged is %s, %v", name, h.log.String(), err)
		}
	}
}

func TestWhatLineIsALetter(t *testing.T) {
	t.Parallel()
	good := letterOf("alice", "n1-7", "x")
	for body, want := range map[string]string{
		good:                    "sent",
		good + "\n":             "sent",
		good + "\r\n" + good:    "sent sent",
		good + "\n\n":           "sent invalid_letter",
		"\n" + good:             "invalid_letter sent",
		good + "\n\n" + good:    "sent invalid_letter sent",
		"":                      "invalid_letter",
		"\n":                    "invalid_letter",
		good + "\n" + good[:20]: "sent invalid_letter",
	} {
		verdicts, _ := newHall().judge(t, body)
		var got []string
		for _, v := range verdicts {
			if v.Sent != nil {
				got = append(got, "sent")
			} else {
				got = append(got, v.Refused.Code)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %s", body, got, want)
		}
	}
}

func TestACallBringsSoManyLetters(t *testing.T) {
	t.Parallel()
	h, line := newHall(), letterOf("alice", "n1-7", "x")+"\n"
	if verdicts, _ := h.judge(t, strings.Repeat(line, maxLetters)); len(verdicts) != maxLetters || len(h.drafts) != maxLetters {
		t.Errorf("%d verdicts, %d stored", len(verdicts), len(h.drafts))
	}
	h = newHall()
	for _, body := range []string{strings.Repeat(line, maxLetters+1), strings.Repeat("\n", maxLetters+1)} {
		_, err := h.handler().Letters(t.Context(), fn.RawCall{Body: []byte(body)})
		if fault.KindOf(err) != fault.Invalid || !fault.Is(err, "too_many_letters") || len(h.drafts) != 0 {
			t.Errorf("%d bytes: %v, %d stored", len(body), err, len(h.drafts))
		}
	}
}

// FuzzLetters: every line has a verdict, what is stored is its token's owner's,
// and its neighbours are stored whatever it is.
func FuzzLetters(f *testing.F) {
	f.Add(letterOf("alice", "n1-7", "x") + "\n" + letterOf("bob", "", "y") + "\n")
	f.Add(strings.Repeat("\n", maxLetters))
	for _, w := range wrongLetters() {
		if len(w.line) < 1000 {
			f.Add(w.line)
		}
	}
	good := letterOf("carol", "n1-9", "z")
	f.Fuzz(func(t *testing.T, body string) {
		lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
		h := newHall()
		if len(lines) > maxLetters {
			_, err := h.handler().Letters(t.Context(), fn.RawCall{Body: []byte(body)})
			if !fault.Is(err, "too_many_letters") || len(h.drafts) != 0 {
				t.Errorf("%q: %v, %d stored", body, err, len(h.drafts))
			}
			return
		}
		verdicts, _ := h.judge(t, body)
		if len(verdicts) != len(lines) {
			t.Fatalf("%q has %d lines and %d verdicts", body, len(lines), len(verdicts))
		}
		for i, v := range verdicts {
			if v.Sent == nil {
				continue
			}
			var l Letter
			d := h.drafts[v.Sent.Seq-1]
			if err := json.Unmarshal([]byte(lines[i]), &l); err != nil || d.Sender != l.Token || d.Socket != l.Socket || d.Ours || v.Sent.MessageID != message.IDOf(d.Sender, d.ClientMsgID) {
				t.Errorf("%q is stored as %+v, %v", lines[i], d, err)
			}
		}
		if len(lines) > maxLetters-2 {
			return
		}
		again, _ := newHall().judge(t, good+"\n"+strings.Join(lines, "\n")+"\n"+good)
		if len(again) != len(lines)+2 || again[0].Sent == nil || again[len(again)-1].Sent == nil {
			t.Errorf("%q spoils its neighbours: %+v", body, again)
		}
	})
}
