// Package browser_test uses the page of the chat as people do: windows of a real
// Chromium in front of the whole house, with two connectors. What the page may
// not do (an error on its console, something that its policy forbids) fails
// whatever test was going on.
//
// Its pictures are for a person to look at: go test ./tests/browser -artifacts -outputdir DIR.
package browser_test

import (
	"context"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"

	"bazaar/tests/support"
)

// stage is a house and a browser in front of it.
type stage struct {
	*support.System
	browser context.Context
}

// TestPage is every test of the page: one house, one browser. What disturbs the
// others comes first and alone.
func TestPage(t *testing.T) {
	s := &stage{System: support.SharedSystem(t, "--connectors", "2"), browser: launch(t)}
	t.Run("a connector is killed while somebody types", s.connectorIsKilled)
	for name, test := range map[string]func(*testing.T){
		"two windows talk":                    s.twoWindowsTalk,
		"a group of three":                    s.groupOfThree,
		"unread and read":                     s.unreadAndRead,
		"offline and back":                    s.offlineAndBack,
		"reload with an unsent message":       s.reloadWithUnsent,
		"a page of another origin":            s.foreignPage,
		"a narrow screen":                     s.narrowScreen,
		"the shop tells of an order":          s.shopTells,
		"what the page may not do is noticed": s.watchSees,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// launch starts Chromium with a profile of its own, until the test's end.
func launch(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("there is no Chromium; on Debian and Ubuntu: apt-get install chromium (%v)", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-GB"), chromedp.WindowSize(1180, 760))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	browser, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return browser
}
