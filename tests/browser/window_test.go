package browser_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"bazaar/infra/local/demo"
)

// patience bounds each thing that is waited for.
const patience = 30 * time.Second

// window is a window of the browser, with one page in it.
type window struct {
	t    *testing.T
	name string
	ctx  context.Context
	dir  string // of its pictures

	mu      sync.Mutex
	noise   []string // what went wrong in it
	sockets []string // the addresses that it has connected to
}

// window opens a window. It believes to be looked at, as those of several
// screens are. What goes wrong in it fails the test, but for noise that says one
// of these words.
func (s *stage) window(t *testing.T, name, url string, forgiven ...string) *window {
	t.Helper()
	w := &window{t: t, name: name, dir: t.ArtifactDir()} // which goes after the cleanup below
	ctx, closes := chromedp.NewContext(s.browser, chromedp.WithListener(w.hear))
	w.ctx = ctx
	t.Cleanup(func() {
		if t.Failed() {
			w.picture("failed-" + name)
		}
		closes()
		for _, said := range w.heard() {
			if !slices.ContainsFunc(forgiven, func(word string) bool { return strings.Contains(said, word) }) {
				t.Errorf("%s: %s", name, said)
			}
		}
	})
	if _, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatalf("opening a window for %s: %v", name, err)
	}
	w.do("opening "+url, chromedp.Navigate(url))
	return w
}

// hear keeps what went wrong, and where the page has connected to.
func (w *window) hear(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		w.noise = append(w.noise, "exception: "+text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			text := "console:"
			for _, arg := range e.Args {
				text += " " + string(arg.Value) + arg.Description
			}
			w.noise = append(w.noise, text)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			w.noise = append(w.noise, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventWebSocketCreated:
		w.sockets = append(w.sockets, e.URL)
	}
}

func (w *window) heard() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.noise)
}

// socket is the address of the connector that the page is connected to.
func (w *window) socket() string {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sockets) == 0 {
		w.t.Fatalf("%s has never connected", w.name)
	}
	return w.sockets[len(w.sockets)-1]
}

// do carries actions out; what says what that is for.
func (w *window) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	for _, action := range actions {
		err := chromedp.Do(ctx, action)
		for isRedrawn(err) && ctx.Err() == nil {
			err = chromedp.Do(ctx, action)
		}
		if err != nil {
			w.fail("%s: %v", what, err)
		}
	}
}

// isRedrawn: the page drew what was found anew before anything was done to it.
func isRedrawn(err error) bool {
	var said *cdproto.Error
	return errors.As(err, &said) && said.Code == -32000 && strings.Contains(strings.ToLower(said.Message), "node")
}

// fail ends the test and shows what the page shows.
func (w *window) fail(format string, args ...any) {
	w.t.Helper()
	text, err := evaluate[string](w.ctx, "document.body.innerText")
	if err != nil {
		text = err.Error()
	}
	w.t.Fatalf("%s: %s; the page shows:\n%s\nheard: %q", w.name, fmt.Sprintf(format, args...), text, w.heard())
}

func evaluate[T any](ctx context.Context, script string) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// ask gives what a script makes of the page.
func ask[T any](w *window, script string) T {
	w.t.Helper()
	v, err := evaluate[T](w.ctx, script)
	if err != nil {
		w.fail("%s: %v", script, err)
	}
	return v
}

// until waits until a script is true.
func (w *window) until(what, script string) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for pause := 10 * time.Millisecond; !ask[bool](w, script); pause = min(2*pause, 100*time.Millisecond) {
		if time.Now().After(deadline) {
			w.fail("not within %s: %s", patience, what)
		}
		<-time.After(pause)
	}
}

// enter opens the page and signs somebody in by its form.
func (s *stage) enter(t *testing.T, user string, forgiven ...string) *window {
	t.Helper()
	w := s.window(t, user, s.Gateway+"/chat/", forgiven...)
	w.do("signing in", chromedp.SendKeys(chromedp.CSS("#name"), user), chromedp.SendKeys(chromedp.CSS("#password"), demo.Password(user)),
		chromedp.Click(chromedp.CSS("button.primary")))
	w.connected()
	return w
}

// connected waits until the page has a connection that it is told all by.
func (w *window) connected() {
	w.t.Helper()
	w.until("connected", `!!document.querySelector("#offline.live") && document.querySelector(".strip").hidden`)
}

// begin begins a chat with somebody.
func (w *window) begin(user string) {
	w.t.Helper()
	w.do("beginning a chat", chromedp.Click(chromedp.CSS("#new-chat")), chromedp.SendKeys(chromedp.CSS("#field-user"), user),
		chromedp.Click(chromedp.CSS("dialog button.primary")), chromedp.WaitNotPresent(chromedp.CSS("dialog")), chromedp.WaitVisible(chromedp.CSS("#compose")))
}

// open opens the conversation of this title.
func (w *window) open(title string) {
	w.t.Helper()
	w.until("a conversation called "+title, row(title)+` !== undefined`)
	id := ask[string](w, row(title)+`.dataset.conversation`)
	w.do("opening "+title, chromedp.Click(chromedp.CSS(`[data-conversation="`+id+`"]`)), chromedp.WaitVisible(chromedp.CSS("#compose")))
}

// row is the element of the list that has this title, undefined if there is none.
func row(title string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(".row")].find(r => r.querySelector(".row-title").textContent === %q)`, title)
}

// write types without sending.
func (w *window) write(text string) {
	w.t.Helper()
	w.do("writing", chromedp.SendKeys(chromedp.CSS("#compose"), text))
}

// say types a message and sends it with Enter.
func (w *window) say(text string) {
	w.t.Helper()
	w.write(text)
	w.press("Enter", 13, "\r")
}

// press presses a key as a keyboard does: what the page prevents does not happen.
func (w *window) press(key string, code int64, text string) {
	w.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		p := input.DispatchKeyEventParams{Type: kind, Key: key, Code: key, WindowsVirtualKeyCode: code, NativeVirtualKeyCode: code}
		if kind == input.DispatchKeyEventTypeKeyDown {
			p.Text = text
		}
		if _, err := chromedp.Call(w.ctx, input.DispatchKeyEvent, p); err != nil {
			w.fail("pressing %s: %v", key, err)
		}
	}
}

// bubble is a message as the page shows it.
type bubble struct {
	Text, State, Who string
	Own              bool
}

// said is the open conversation from its top.
func (w *window) said() []bubble {
	w.t.Helper()
	return ask[[]bubble](w, `[...document.querySelectorAll(".said")].map(n => ({
		text: n.querySelector(".text")?.textContent ?? "", state: n.dataset.state, own: n.classList.contains("own"), who: n.querySelector(".who")?.textContent ?? "",
	}))`)
}

// sees waits until the open conversation is these texts and no others, in this order.
func (w *window) sees(texts ...string) []bubble {
	w.t.Helper()
	list, err := json.Marshal(texts)
	if err != nil {
		w.t.Fatal(err)
	}
	w.until(fmt.Sprintf("the messages %q", texts), fmt.Sprintf(
		`JSON.stringify([...document.querySelectorAll(".said")].map(n => n.querySelector(".text")?.textContent ?? "")) === JSON.stringify(%s)`, list))
	return w.said()
}

// all waits until each of one's own messages is in this state.
func (w *window) all(state string) {
	w.t.Helper()
	w.until("all are "+state, fmt.Sprintf(`[...document.querySelectorAll(".said.own")].every(n => n.dataset.state === %q)`, state))
}

// picture keeps what the window shows among the test's artifacts.
func (w *window) picture(name string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(w.dir, name+".png"), png, 0o600)
	}
	if err != nil {
		w.t.Errorf("%s: taking a picture: %v", w.name, err)
	}
}

// dark and light have the page drawn in these colours.
func (w *window) colours(scheme string) {
	w.t.Helper()
	_, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		w.fail("drawing it %s: %v", scheme, err)
	}
}
