package browser_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// fits holds what the window shows against its width: nothing reaches out of it,
// and nothing has to be scrolled sideways.
func (w *window) fits(what string) {
	w.t.Helper()
	out := ask[[]string](w, `[...document.querySelectorAll("body, body *")].filter(n => {
		const r = n.getBoundingClientRect();
		if (r.width === 0 || r.height === 0 || n.closest(".for-reader")) return false;
		return r.left < -0.5 || r.right > innerWidth + 0.5 || (n.scrollWidth > n.clientWidth + 1 && ["auto", "scroll"].includes(getComputedStyle(n).overflowX));
	}).map(n => n.tagName + "." + n.className)`)
	if len(out) > 0 || ask[int](w, `document.documentElement.scrollWidth`) > 380 {
		w.t.Errorf("%s reaches out of the screen: %q", what, out)
	}
	w.picture(strings.ReplaceAll(what, " ", "-"))
}

func (s *stage) narrowScreen(t *testing.T) {
	w := s.window(t, "buyer0013", s.Gateway+"/chat/")
	w.do("a narrow screen", chromedp.EmulateViewport(380, 760, chromedp.EmulateScale(2)), chromedp.WaitVisible(chromedp.CSS("#name")))
	w.fits("the door")
	w.do("signing in", chromedp.SendKeys(chromedp.CSS("#name"), w.name), chromedp.SendKeys(chromedp.CSS("#password"), w.name+"-demo-2026"),
		chromedp.Click(chromedp.CSS("button.primary")))
	w.connected()
	w.begin("buyer0014")
	w.say("A word that is too long for any screen: " + strings.Repeat("unbreakable", 12))
	w.say("https://example.com/" + strings.Repeat("path/", 30))
	w.say("短い")
	w.all("sent")
	w.fits("a conversation")
	w.do("back to the list", chromedp.Click(chromedp.CSS(".back")), chromedp.WaitVisible(chromedp.CSS("#new-group")))
	w.fits("the list")
	w.do("the dialog of a group", chromedp.Click(chromedp.CSS("#new-group")), chromedp.WaitVisible(chromedp.CSS("#field-title")))
	w.fits("a dialog")
	w.do("making a group", chromedp.SendKeys(chromedp.CSS("#field-title"), "A group with a title that is longer than the screen is wide, by far"),
		chromedp.SendKeys(chromedp.CSS("#field-members"), "buyer0014 buyer0015"), chromedp.Click(chromedp.CSS("dialog button.primary")),
		chromedp.WaitNotPresent(chromedp.CSS("dialog")), chromedp.WaitVisible(chromedp.CSS("#compose")))
	w.say("hello")
	w.all("sent")
	w.fits("a group")
	w.do("its members", chromedp.Click(chromedp.CSS(`[data-focus="members"]`)), chromedp.WaitVisible(chromedp.CSS(`.member[data-user="buyer0015"]`)))
	w.fits("the members")
	w.colours("dark")
	w.do("back to the group", chromedp.Click(chromedp.CSS(".panel header .tool")), chromedp.WaitVisible(chromedp.CSS("#compose")))
	w.fits("a group in the dark")
}
