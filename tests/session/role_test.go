package session_test

import (
	"encoding/base64"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// roles runs the operator's command against the house.
func (h house) roles(t *testing.T, args ...string) (said string, err error) {
	t.Helper()
	c := exec.Command("go", append([]string{"run", "bazaar/infra/cmd/roles"}, args...)...)
	c.Env = append(c.Environ(), "pg_url="+h.Parts(t, "postgres")[0].Address, "secret_mount_path="+filepath.Join(h.Dir, "secrets"))
	out, err := c.CombinedOutput()
	return string(out), err
}

// rolesOf reads what a token says.
func rolesOf(t *testing.T, token string) []string {
	t.Helper()
	var claims struct{ Roles []string }
	parts := strings.Split(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[min(1, len(parts)-1)])
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil {
		t.Fatalf("reading a token: %v", err)
	}
	return claims.Roles
}

// TestATakenRoleIsGoneEverywhere gives a role and takes it away: the token that
// carries it is refused everywhere, its session gives no other, and who signs in
// again is denied what needs the role.
func TestATakenRoleIsGoneEverywhere(t *testing.T) {
	const user = "buyer0042"
	h := open(t)
	here := h.signIn(t, user)
	denied := func(d door, a answer) bool { return a.let() && (a.status == 403 && a.code == "denied") == d.role }
	h.everywhere(t, here.Access, "without a role", denied)

	if said, err := h.roles(t, "grant", user, "admin"); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if here = h.refresh(t, here.Refresh); !slices.Equal(rolesOf(t, here.Access), []string{"admin"}) {
		t.Fatalf("the token carries %v", rolesOf(t, here.Access))
	}
	other := h.signIn(t, user)
	h.everywhere(t, here.Access, "with the role", func(_ door, a answer) bool { return a.let() && a.status != 403 })

	said, err := h.roles(t, "take", user, "admin")
	began := time.Now()
	if err != nil || !strings.Contains(said, "sessions ended: 2") {
		t.Fatalf("%v: %s", err, said)
	}
	noRefresh(t, h.Parts(t, "issue-token"), here.Refresh)
	noRefresh(t, h.Parts(t, "issue-token"), other.Refresh)
	// Not by signing out: that would end the session, whatever the role.
	h.ends(t, here.Access, began, harmless())
	h.everywhere(t, other.Access, "in the other session", func(_ door, a answer) bool { return a.revoked() })
	h.ends(t, other.Access, began, doors())

	again := h.signIn(t, user)
	if got := rolesOf(t, again.Access); len(got) != 0 {
		t.Errorf("who signs in again has %v", got)
	}
	h.everywhere(t, again.Access, "without the role again", denied)
	h.everywhere(t, h.signIn(t, "admin").Access, "as another admin", func(_ door, a answer) bool { return a.let() && a.status != 403 })
}

func TestRolesThatCannotBeChanged(t *testing.T) {
	h := open(t)
	for _, args := range [][]string{
		{"take", "nobody-at-all", "admin"}, {"grant", "nobody-at-all", "admin"}, {"grant", "alice", "king"},
		{"lend", "alice", "admin"}, {"take", "alice"}, {},
	} {
		if said, err := h.roles(t, args...); err == nil || !strings.HasPrefix(said, "roles: ") {
			t.Errorf("%q: %v, %s", args, err, said)
		}
	}
	if got := rolesOf(t, h.signIn(t, "alice").Access); len(got) != 0 {
		t.Errorf("alice has %v", got)
	}
}
