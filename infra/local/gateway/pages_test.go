package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"bazaar/infra/local/gateway"
	"bazaar/infra/local/secret"
)

func TestThePageOfTheChatIsServed(t *testing.T) {
	t.Parallel()
	h := build(t, time.Second)
	for path, want := range map[string]string{"/chat/": "chat /", "/chat/config.json": "chat /config.json", "/chat": "chat /", "/": "chat /"} {
		if res, text := h.do(t, http.MethodGet, path, "", "Authorization", "none"); res.StatusCode != http.StatusOK || text != want {
			t.Errorf("%s: %d %q", path, res.StatusCode, text)
		}
	}
	for _, path := range []string{"/chats/", "/other", "/index.html"} {
		if res, _ := h.do(t, http.MethodGet, path, ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	if res, _ := h.do(t, http.MethodPost, "/", ""); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("posted to /: %d", res.StatusCode)
	}
}

func TestWithoutAPageThereIsNone(t *testing.T) {
	t.Parallel()
	secrets, err := secret.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g := gateway.New(gateway.Settings{User: "admin", Password: "pass", Secrets: secrets, Timeout: time.Second})
	defer g.Close()
	for _, path := range []string{"/", "/chat/", "/chat/config.json"} {
		answer := httptest.NewRecorder()
		g.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.Code)
		}
	}
}
