package browser_test

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"bazaar/infra/local"
)

// connectorIsKilled: who types on it goes on with another one, and nothing is
// lost or shown twice, to either side; what it had not taken yet is sent again.
func (s *stage) connectorIsKilled(t *testing.T) {
	const refused = "WebSocket connection to" // what Chromium says of one that is not there
	typist, other := s.enter(t, "buyer0007", refused), s.enter(t, "buyer0008", refused)
	typist.begin("buyer0008")
	typist.say("before")
	other.open("buyer0007")
	other.sees("before")
	connector := s.connector(t, typist.socket())
	if err := syscall.Kill(connector.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	typist.say("on its way")
	typist.until("it is being sent", `[...document.querySelectorAll(".said.own")].at(-1).dataset.state === "sending"`)
	typist.write("while it ")
	killed := s.Kill(t, connector.Instance)
	typist.say("dies")
	typist.say("after")
	other.say("I am here")
	for _, w := range []*window{typist, other} {
		w.until("all are there", `document.querySelectorAll(".said[data-seq]").length === 5`)
		w.connected()
		var texts []string
		for _, b := range w.said() {
			texts = append(texts, b.Text)
		}
		typed := slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return text == "I am here" })
		if !slices.Equal(typed, []string{"before", "on its way", "while it dies", "after"}) || len(texts) != 5 {
			t.Errorf("%s sees %q", w.name, texts)
		}
	}
	typist.all("read")
	deadline := time.Now().Add(patience)
	for !s.Back(killed) { // the others need it
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come back", killed.Instance)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// connector is the one at an address.
func (s *stage) connector(t *testing.T, address string) local.Part {
	t.Helper()
	parts := s.Parts(t, "connector")
	i := slices.IndexFunc(parts, func(p local.Part) bool { return p.Address == address })
	if i < 0 {
		t.Fatalf("the page is connected to %s, the connectors are %+v", address, parts)
	}
	return parts[i]
}

// offlineAndBack: what is written without a connection is kept, in order, and
// what others said meanwhile comes too.
func (s *stage) offlineAndBack(t *testing.T) {
	away, other := s.enter(t, "buyer0009"), s.enter(t, "buyer0010")
	away.begin("buyer0010")
	away.say("see you")
	other.open("buyer0009")
	other.sees("see you")
	away.do("going offline", chromedp.Click(chromedp.CSS("#offline")), chromedp.WaitVisible(chromedp.CSS(".strip.away")))
	other.until("they are gone", `document.querySelector(".talk-name p").textContent.startsWith("seen")`)
	mine := []string{"one", "two", "three", "four", "five"}
	for _, text := range mine {
		away.say(text)
	}
	away.sees(append([]string{"see you"}, mine...)...)
	away.until("five wait", `document.querySelector(".strip").textContent.includes("5 messages wait to be sent")`)
	away.picture("offline")
	for _, b := range away.said()[1:] {
		if b.State == "sent" || b.State == "read" {
			t.Errorf("offline, and yet %+v", b)
		}
	}
	theirs := []string{"are you there?", "I will wait"}
	for _, text := range theirs {
		other.say(text)
	}
	other.all("sent")
	away.do("coming back", chromedp.Click(chromedp.CSS("#offline")))
	away.connected()
	all := slices.Concat([]string{"see you"}, theirs, mine)
	away.sees(all...)
	away.all("read")
	other.sees(all...)
}

// reloadWithUnsent: what was not sent before a page was loaded again is sent by
// the next one, once.
func (s *stage) reloadWithUnsent(t *testing.T) {
	sender, other := s.enter(t, "buyer0011"), s.enter(t, "buyer0012")
	sender.begin("buyer0012")
	sender.say("kept by the server")
	sender.all("sent")
	sender.do("going offline", chromedp.Click(chromedp.CSS("#offline")), chromedp.WaitVisible(chromedp.CSS(".strip.away")))
	sender.say("kept by the page")
	sender.until("it waits", `document.querySelector(".strip").textContent.includes("One message waits")`)
	sender.do("loading it again", chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS(".strip.away")))
	if said := sender.sees("kept by the server", "kept by the page"); said[1].State == "sent" {
		t.Errorf("sent while offline: %+v", said)
	}
	other.open("buyer0011")
	other.sees("kept by the server")
	sender.do("coming back", chromedp.Click(chromedp.CSS("#offline")))
	sender.all("read")
	sender.do("loading it again", chromedp.Reload())
	sender.connected()
	sender.sees("kept by the server", "kept by the page")
	other.sees("kept by the server", "kept by the page")
}
