package contract_test

import (
	"strings"
	"sync"
	"testing"
)

func (h *house) refresh(t testing.TB, token string) answer {
	t.Helper()
	return h.nobody().call(t, "POST", "issue-token/refresh", map[string]string{"refresh_token": token})
}

func (h *house) refreshed(t testing.TB, token string) (got tokens) {
	t.Helper()
	h.refresh(t, token).into(t, 200, &got)
	return got
}

func TestRefreshRotatesAndForgivesForAWhile(t *testing.T) {
	t.Parallel()
	h := open(t)
	first := h.signIn(t, "buyer0021")
	second := h.refreshed(t, first.RefreshToken)
	if second.RefreshToken == first.RefreshToken || second.TokenType != "Bearer" || second.ExpiresIn != 600 {
		t.Errorf("%+v after %+v", second, first)
	}
	was, is := h.proven(t, first.AccessToken), h.proven(t, second.AccessToken)
	if is.Sub != was.Sub || is.Sid != was.Sid || is.Jti == was.Jti {
		t.Errorf("%+v after %+v", is, was)
	}
	// An answer may get lost: the token just replaced gives the same successor.
	if again := h.refreshed(t, first.RefreshToken); again.RefreshToken != second.RefreshToken {
		t.Error("the token just replaced gave another successor")
	}
	if third := h.refreshed(t, second.RefreshToken); third.RefreshToken == second.RefreshToken {
		t.Error("the successor does not rotate")
	}
}

// A stolen copy shows itself when it is used after the grace: everything of the
// session ends.
func TestALateCopyOfARefreshTokenEndsTheSession(t *testing.T) {
	t.Parallel()
	h := open(t)
	first := h.signIn(t, "buyer0022")
	second := h.refreshed(t, first.RefreshToken)
	eventually(t, 10*refreshGrace, "the grace to end", func() bool { return h.refresh(t, first.RefreshToken).status == 401 })
	h.refresh(t, first.RefreshToken).fails(t, 401, "invalid_refresh_token")
	h.refresh(t, second.RefreshToken).fails(t, 401, "invalid_refresh_token")
	person{h, first.AccessToken}.endsEverywhere(t)
	person{h, second.AccessToken}.endsEverywhere(t)
}

func TestParallelRefreshesLeaveOneChain(t *testing.T) {
	t.Parallel()
	h := open(t)
	first := h.signIn(t, "buyer0023")
	answers := make([]answer, 20)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = h.refresh(t, first.RefreshToken) })
	}
	all.Wait()
	successors := map[string]bool{}
	for _, a := range answers {
		var got tokens
		a.into(t, 200, &got)
		successors[got.RefreshToken] = true
	}
	if len(successors) != 1 {
		t.Errorf("%d successors", len(successors))
	}
}

func TestWhatIsNoRefreshToken(t *testing.T) {
	t.Parallel()
	h := open(t)
	got := h.signIn(t, "buyer0024")
	good := got.RefreshToken
	for _, bad := range []string{"x", "..", good[1:], good + "x", strings.ToUpper(good), " " + good, "é", "%", "\n", good[:len(good)-1]} {
		h.refresh(t, bad).fails(t, 401, "invalid_refresh_token")
	}
	h.refresh(t, got.AccessToken).fails(t, 400, "invalid_body") // far too long
	h.refresh(t, good).into(t, 200, nil)
}
