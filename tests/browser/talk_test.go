package browser_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

func (s *stage) twoWindowsTalk(t *testing.T) {
	alice, bob := s.enter(t, "alice"), s.enter(t, "bob")
	alice.begin("bob")
	const tricky = `Good morning! <b>not bold</b> & "quoted" 👋🏽`
	alice.say(tricky)
	if said := alice.sees(tricky); !said[0].Own {
		t.Errorf("alice sees %+v", said)
	}
	bob.open("alice")
	bob.sees(tricky)
	if n := ask[int](bob, `document.querySelectorAll(".said b").length`); n != 0 {
		t.Error("what alice said became markup")
	}
	alice.all("read")
	bob.write("Is that")
	alice.until("bob types", `document.querySelector(".talk-name p").textContent === "typing…"`)
	bob.say(" tea?")
	alice.sees(tricky, "Is that tea?")
	alice.until("bob is there, and does not type any more", `document.querySelector(".talk-name p").textContent === "online"`)
	for _, line := range []string{"Longjing, from this spring.", "Two tins are left.", "Shall I keep one for you? It goes well with the small cups that you liked, and I will be at the stall until six."} {
		alice.say(line)
	}
	bob.say("Please do!")
	alice.until("all is there", `document.querySelectorAll(".said").length === 6`)
	alice.picture("light")
	bob.colours("dark")
	bob.picture("dark")

	alice.do("recalling", chromedp.Click(chromedp.CSS(`.said[data-seq="4"] [data-focus="recall"]`)))
	alice.do("meaning it", chromedp.Click(chromedp.CSS("dialog button.danger")), chromedp.WaitNotPresent(chromedp.CSS("dialog")))
	for _, w := range []*window{alice, bob} {
		w.until("it is recalled", `document.querySelectorAll(".said")[3].textContent.includes("Message recalled")`)
		if ask[bool](w, `document.body.textContent.includes("Two tins")`) {
			t.Errorf("%s still has what was recalled", w.name)
		}
	}
	alice.keepsTheEnd()
}

// keepsTheEnd holds the newest message against what one writes in: it stays in
// sight, however much is written.
func (w *window) keepsTheEnd() {
	w.t.Helper()
	for i := range 12 {
		w.say(strings.Repeat("so ", i+1) + "it goes")
	}
	w.until("there is more than fits", `document.querySelector(".scroll").scrollHeight > document.querySelector(".scroll").clientHeight + 100`)
	inSight := func(when string, rows int) {
		w.t.Helper()
		w.until("the end is in sight "+when, `[...document.querySelectorAll(".said")].at(-1).getBoundingClientRect().bottom <= document.querySelector(".composer").getBoundingClientRect().top`)
		if n := ask[int](w, `document.querySelector("#compose").rows`); n != rows {
			w.t.Errorf("%s one writes in %d rows, want %d", when, n, rows)
		}
	}
	inSight("when all is said", 1)
	if _, err := chromedp.Call(w.ctx, input.InsertText, input.InsertTextParams{Text: "one\ntwo\nthree"}); err != nil {
		w.t.Fatal(err)
	}
	inSight("with three rows", 3)
	w.write("!")
	inSight("with another letter", 3)
	w.press("Enter", 13, "\r")
	inSight("when that is said too", 1)
}

func (s *stage) groupOfThree(t *testing.T) {
	owner, second, third := s.enter(t, "buyer0001"), s.enter(t, "buyer0002"), s.enter(t, "buyer0003")
	owner.do("making a group", chromedp.Click(chromedp.CSS("#new-group")), chromedp.SendKeys(chromedp.CSS("#field-title"), "Spring tea"),
		chromedp.SendKeys(chromedp.CSS("#field-members"), "buyer0002, buyer0003"), chromedp.Click(chromedp.CSS("dialog button.primary")),
		chromedp.WaitNotPresent(chromedp.CSS("dialog")), chromedp.WaitVisible(chromedp.CSS("#compose")))
	everybody := []*window{owner, second, third}
	for _, w := range everybody[1:] {
		w.open("Spring tea")
	}
	for _, w := range everybody { // all at once: the order is the server's
		w.say("one of " + w.name)
		w.say("two of " + w.name)
	}
	var orders [][]string
	for _, w := range everybody {
		w.until("six messages", `document.querySelectorAll(".said[data-seq]").length === 6`)
		var order []string
		for _, b := range w.said() {
			order = append(order, b.Text)
		}
		orders = append(orders, order)
	}
	if !slices.Equal(orders[0], orders[1]) || !slices.Equal(orders[0], orders[2]) {
		t.Errorf("three orders: %q", orders)
	}
	owner.until("read by all", `[...document.querySelectorAll(".said.own .tick")].every(n => n.title === "Read by all")`)
	if said := third.said(); !slices.ContainsFunc(said, func(b bubble) bool { return b.Who == "buyer0001" }) {
		t.Errorf("nobody is named in %+v", said)
	}
	owner.do("looking at the members", chromedp.Click(chromedp.CSS(`[data-focus="members"]`)), chromedp.WaitVisible(chromedp.CSS(`.member[data-user="buyer0003"]`)))
	if names := ask[[]string](owner, `[...document.querySelectorAll(".member")].map(n => n.dataset.user)`); !slices.Equal(names, []string{"buyer0001", "buyer0002", "buyer0003"}) {
		t.Errorf("members %q", names)
	}
	owner.picture("group")
	owner.do("removing one", chromedp.Click(chromedp.CSS(`.member[data-user="buyer0003"] .tool`)), chromedp.WaitVisible(chromedp.CSS("dialog.menu")))
	owner.picture("menu")
	owner.do("removing one", chromedp.Click(chromedp.CSS("dialog.menu .danger-text")), chromedp.WaitNotPresent(chromedp.CSS(`.member[data-user="buyer0003"]`)))
	third.until("gone", row("Spring tea")+` === undefined && document.querySelector("#toasts").textContent.includes("not in this conversation")`)
	owner.say("just us two")
	second.until("they go on", `document.querySelector(".log").textContent.includes("just us two")`)
	if ask[bool](third, `document.body.textContent.includes("just us two") || Object.values(localStorage).length === 0`) {
		t.Error("who was removed sees more")
	}
}

func (s *stage) unreadAndRead(t *testing.T) {
	sender, reader := s.enter(t, "buyer0004"), s.enter(t, "buyer0005")
	sender.begin("buyer0005")
	for _, text := range []string{"first", "second", "third"} {
		sender.say(text)
	}
	sender.sees("first", "second", "third")
	sender.all("sent")
	reader.until("three are unread", row("buyer0004")+`?.querySelector(".badge")?.textContent === "3" && document.title === "(3) Bazaar"`)
	reader.picture("unread")
	if said := sender.said(); slices.ContainsFunc(said, func(b bubble) bool { return b.State != "sent" }) {
		t.Errorf("read by nobody: %+v", said)
	}
	reader.open("buyer0004")
	reader.sees("first", "second", "third")
	reader.until("nothing is unread", `!document.querySelector(".badge") && document.title === "Bazaar" && document.querySelector(".mark.unread") === null`)
	sender.all("read")
	reader.do("leaving it", chromedp.Click(chromedp.CSS(`.talk-name`)))
	reader.press("Escape", 27, "")
	reader.until("no conversation is open", `location.hash === "" && !document.querySelector("#compose")`)
	sender.say("fourth")
	reader.until("one is unread", row("buyer0004")+`?.querySelector(".badge")?.textContent === "1"`)
	reader.open("buyer0004")
	reader.until("the mark is above what is new", `document.querySelector(".mark.unread")?.nextElementSibling?.textContent.includes("fourth") ?? false`)
	reader.picture("new")
	reader.press("Escape", 27, "")
	reader.open("buyer0004")
	sender.say("fifth")
	reader.until("what is said while one looks is not marked", `document.querySelectorAll(".said").length === 5 && !document.querySelector(".mark.unread")`)
}

// shopTells: what the shop says of an order is a card, with the order's number.
func (s *stage) shopTells(t *testing.T) {
	buyer := s.enter(t, "buyer0006")
	order := ask[string](buyer, `fetch("/function/create-order", {method: "POST", body: JSON.stringify({lines: [{sku: "tea-longjing-100", quantity: 1}]}), headers: {
		"Authorization": "Bearer " + JSON.parse(sessionStorage["bazaar.session"]).access, "Idempotency-Key": "page", "Prefer": "wait=5"}}).then(a => a.json()).then(a => a.order_id)`)
	buyer.open("The shop")
	buyer.until("its card", `document.querySelector(".card.reserved code")?.textContent === "`+order+`"`)
	if text := ask[string](buyer, `document.querySelector(".card").innerText`); !strings.Contains(text, "Order confirmed") {
		t.Errorf("the card says %q", text)
	}
	buyer.picture("shop")
}
