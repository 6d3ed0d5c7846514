package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"bazaar/shared/auth"
	"bazaar/shared/fn"
	"bazaar/shared/order"
)

// doors lets in whoever says who they are: a name, and roles behind it.
type doors struct{}

func (doors) Verify(token string) (auth.Claims, error) {
	name, role, _ := strings.Cut(token, "+")
	return auth.Claims{Subject: name, Roles: []string{role}}, nil
}
func (doors) Revoked(string) bool { return false }
func (doors) Age() time.Duration  { return 0 }

// ask sends one request to the steps behind their doors.
func ask(t *testing.T, d *desk, who, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	user, h := fn.UserDoor{Tokens: doors{}, Revoked: doors{}}, d.handler()
	served, err := fn.Handler("manage-order", fn.Routes{
		fn.User(user, "GET /{$}", fn.Step(h.List)), fn.User(user, "GET /{order}", fn.Step(h.Show)),
		fn.User(user, "POST /{order}/ship", fn.Step(h.Ship), fn.Roles(auth.RoleWarehouse)),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+who)
	w := httptest.NewRecorder()
	served.ServeHTTP(w, r)
	return w
}

// FuzzShip: an order travels by a carrier that can be printed, or stays.
func FuzzShip(f *testing.F) {
	for _, body := range []string{`{"carrier":"SF","tracking":"1"}`, `{"carrier":"","tracking":"1"}`, `{"carrier":"S\nF","tracking":"1"}`, `{"carrier":"SF","tracking":"` + strings.Repeat("1", 101) + `"}`,
		"", "null", "{}", `{"carrier":"顺丰","tracking":"\u200b"}`, `{"carrier":"SF","tracking":"1","state":"paid"}`, `{"carrier":"SF","tracking":1}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		d := newDesk(order.StatePaid)
		w := ask(t, d, "w+warehouse", "POST", "/"+storedID+"/ship", body)
		switch w.Code {
		case http.StatusOK:
			for _, text := range []string{d.change.Carrier, d.change.Tracking} {
				if text == "" || len(text) > 100 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%q is shipped by %q", body, text)
				}
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			if len(d.moves) != 0 {
				t.Errorf("%q is refused and moves the order by %v", body, d.moves)
			}
		default:
			t.Errorf("%q is answered %d %s", body, w.Code, w.Body)
		}
	})
}

// FuzzList: what is asked of the store can be asked, and of nobody else's orders.
func FuzzList(f *testing.F) {
	for _, c := range [][4]string{{"alice", "5", "", ""}, {"alice", "", "x", "bob"}, {"root+admin", "", "", "bob"}, {"alice", "0", "", ""}, {"alice", "-1", "\x00", ""}, {"root+admin", "1000", "", "\xff"}} {
		f.Add(c[0], c[1], c[2], c[3])
	}
	f.Fuzz(func(t *testing.T, who, limit, after, user string) {
		if who = strings.Map(func(r rune) rune {
			if r <= ' ' || r > '~' {
				return 'x'
			}
			return r
		}, who); who == "" {
			return // no token
		}
		d := newDesk(order.StatePaid)
		w := ask(t, d, who, "GET", "/?"+url.Values{"limit": {limit}, "after": {after}, "user": {user}}.Encode(), "")
		if w.Code == http.StatusBadRequest {
			return
		}
		name, role, _ := strings.Cut(who, "+")
		whose := name
		if role == auth.RoleAdmin {
			whose = user
		}
		p := d.page
		if w.Code != http.StatusOK || p.UserID != whose || p.After != after || p.Limit < 1 || p.Limit > 100 || strings.ContainsRune(p.After+p.UserID, 0) || !utf8.ValidString(p.After+p.UserID) {
			t.Errorf("%q asks for %+v: %d %s", who, p, w.Code, w.Body)
		}
	})
}

// FuzzShow: whatever stands for an id, only an order that is there is shown, and
// only to those who may see it.
func FuzzShow(f *testing.F) {
	for _, id := range []string{storedID, queuedID, strings.ToUpper(storedID), "", "x", "{" + storedID + "}", "../" + storedID, "\x00", "urn:uuid:" + storedID} {
		f.Add(id, "alice")
		f.Add(id, "bob")
	}
	f.Fuzz(func(t *testing.T, id, who string) {
		if id == "" || who != "alice" && who != "bob" {
			return
		}
		w := ask(t, newDesk(order.StatePaid), who, "GET", "/"+url.PathEscape(id), "")
		if shown := w.Code == http.StatusOK; shown != (who == "alice" && (id == storedID || id == queuedID)) || !shown && w.Code != http.StatusNotFound {
			t.Errorf("%s asks for %q: %d %s", who, id, w.Code, w.Body)
		}
	})
}
