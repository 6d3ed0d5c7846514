package session_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"bazaar/infra/local"
	"bazaar/tests/support"
)

// tokens is what signing in gives.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// signIn signs a demo user in.
func (h house) signIn(t *testing.T, name string) tokens {
	t.Helper()
	return h.tokens(t, "", fmt.Sprintf(`{"username":%q,"password":%q}`, name, name+"-demo-2026"))
}

func (h house) tokens(t *testing.T, path, body string) (got tokens) {
	t.Helper()
	var a answer
	// Somebody else may be before us: then there is no turn for a moment.
	within(patience, func() bool {
		a = send("POST", h.Gateway+"/function/issue-token"+path, "", body)
		return a.status != 429
	})
	if a.status != http.StatusOK || json.Unmarshal(a.body, &got) != nil || got.Access == "" || got.Refresh == "" {
		t.Fatalf("signing in or refreshing: %s", a)
	}
	return got
}

func (h house) refresh(t *testing.T, token string) tokens {
	t.Helper()
	return h.tokens(t, "/refresh", fmt.Sprintf(`{"refresh_token":%q}`, token))
}

// signOut signs out in one process and gives the moment of its answer.
func signOut(t *testing.T, at local.Part, token string) time.Time {
	t.Helper()
	if a := send("DELETE", at.Address+"/", token, ""); a.status != http.StatusNoContent {
		t.Fatalf("signing out: %s", a)
	}
	return time.Now()
}

// noRefresh checks that the processes refuse a refresh token, without waiting.
func noRefresh(t *testing.T, parts []local.Part, token string) {
	t.Helper()
	for _, p := range parts {
		a := send("POST", p.Address+"/refresh", "", fmt.Sprintf(`{"refresh_token":%q}`, token))
		if a.status != 401 || a.code != "invalid_refresh_token" {
			t.Errorf("%s refreshes an ended session: %s", p.Instance, a)
		}
	}
}

func letsIn(_ door, a answer) bool { return a.let() }

// TestSigningOutIsKnownEverywhere signs out with Redis as it is, emptied a
// moment before, and a moment after: nothing of it is in Redis.
func TestSigningOutIsKnownEverywhere(t *testing.T) {
	nothing := func(*testing.T) {}
	h := open(t)
	for _, c := range []struct {
		name          string
		before, after func(*testing.T)
	}{
		{"all well", nothing, nothing},
		{"Redis emptied before", h.forget, nothing},
		{"Redis emptied after", nothing, h.forget},
		{"Redis emptied before and after", h.forget, h.forget},
	} {
		t.Run(c.name, func(t *testing.T) {
			issuers := h.Parts(t, "issue-token")
			here, there := h.signIn(t, "alice"), h.signIn(t, "alice")
			older := here.Refresh
			here = h.refresh(t, older)
			h.everywhere(t, here.Access, "signed in", letsIn)
			c.before(t)
			began := signOut(t, issuers[0], here.Access)
			c.after(t)
			noRefresh(t, issuers, here.Refresh)
			noRefresh(t, issuers, older) // its grace is over with the session
			h.ends(t, here.Access, began, doors())
			h.everywhere(t, there.Access, "in another session", letsIn)
			h.refresh(t, there.Refresh)
		})
	}
}

// TestSigningOutWhileProcessesStart kills every process but the one that signs
// out: those that start know, or learn as the others do.
func TestSigningOutWhileProcessesStart(t *testing.T) {
	h := open(t)
	here := h.signIn(t, "bob")
	h.everywhere(t, here.Access, "signed in", letsIn)
	all := h.processes(t) // the first is of issue-token
	kill(t, all[1:]...)
	began := signOut(t, all[0], here.Access)
	noRefresh(t, all[:1], here.Refresh)
	h.ends(t, here.Access, began, doors())
}

// TestAFreshProcessKnowsOrRefuses kills every process after a sign-out: from the
// first answer of those that follow the token is refused, or nobody is let in.
func TestAFreshProcessKnowsOrRefuses(t *testing.T) {
	h := open(t)
	for _, emptied := range []bool{false, true} {
		t.Run(fmt.Sprintf("Redis emptied: %t", emptied), func(t *testing.T) {
			h.ready(t)
			here := h.signIn(t, "bob")
			h.ends(t, here.Access, signOut(t, h.Parts(t, "issue-token")[0], here.Access), doors())
			old := h.processes(t)
			kill(t, old...)
			if emptied {
				h.forget(t)
			}
			var all sync.WaitGroup
			for _, p := range old {
				all.Go(func() { h.startsKnowing(t, p, here.Access) })
			}
			all.Wait()
		})
	}
}

// startsKnowing asks the process that follows one that was killed as fast as it
// can, until it has refused the token.
func (h house) startsKnowing(t *testing.T, old local.Part, token string) {
	var first door
	for _, d := range doors() {
		if d.function == old.Name {
			first = d
			break
		}
	}
	began, refusals := time.Now(), 0
	for time.Since(began) < patience {
		switch a := first.ask(old.Address, token); {
		case a.status == http.StatusServiceUnavailable:
			refusals++
		case a.let(), a.status == http.StatusUnauthorized && !a.revoked():
			t.Errorf("%s: %s", old.Instance, a)
			return
		case a.revoked() && h.follows(old):
			t.Logf("%s knows after %.2f s; %d refused before", old.Instance, time.Since(began).Seconds(), refusals)
			return
		}
	}
	t.Errorf("%s does not know after %s", old.Instance, patience)
}

// follows is whether another process has taken the place of an old one.
func (h house) follows(old local.Part) bool {
	state, err := h.State()
	return err == nil && slices.ContainsFunc(state.Processes, func(p local.Part) bool {
		return p.Instance == old.Instance && p.Pid != old.Pid && p.Pid != 0
	})
}

// TestAProcessThatNeverReadTheListRefuses starts each function where it cannot
// reach PostgreSQL: it lets nobody in, however old a list may be.
func TestAProcessThatNeverReadTheListRefuses(t *testing.T) {
	h := open(t)
	here := h.signIn(t, "alice")
	for _, name := range functions() {
		f := support.StartFunction(t, name, filepath.Join(h.Dir, "secrets"),
			"pg_url=postgres://bazaar@127.0.0.1:1/bazaar?sslmode=disable", "redis_addrs="+h.Redis.Addrs[0], "nats_url="+h.NATS.URL,
			"alipay_gateway="+h.Paysim, "alipay_notify_url="+h.Paysim, "alipay_app_id=1", "alipay_seller_id=1")
		for _, d := range doors() {
			if d.function != name {
				continue
			}
			if a := d.ask(f.URL, here.Access); a.status != 503 || a.code != "unavailable" {
				t.Errorf("%s of %s: %s", d.pattern, name, a)
			}
			if a := d.ask(f.URL, here.Access+"x"); a.status != 401 {
				t.Errorf("%s of %s, with a token that is not good: %s", d.pattern, name, a)
			}
		}
	}
}
