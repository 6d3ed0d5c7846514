package alipay_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bazaar/shared/payment/alipay"
)

// client asks a gateway that always answers body.
func client(t *testing.T, status int, body string) *alipay.Client {
	t.Helper()
	return clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

func clientOf(t *testing.T, gateway http.HandlerFunc) *alipay.Client {
	t.Helper()
	server := httptest.NewServer(gateway)
	t.Cleanup(server.Close)
	private, _, err := alipay.NewKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	c, err := alipay.NewClient(alipay.ClientSettings{
		Merchant: alipay.Merchant{AppID: "2021000000000001", SellerID: "2088000000000001"},
		Gateway:  server.URL, NotifyURL: "http://127.0.0.1/notify", Timeout: 5 * time.Second,
		Key: private, Provider: fixture(t, "provider-public.pem"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const known = "0123456789abcdef0123456789abcdef_1"

func TestQueryReadsAnAnswerSignedByOpenSSL(t *testing.T) {
	t.Parallel()
	trade, err := client(t, 200, string(fixture(t, "query-answer.json"))).Query(context.Background(), known)
	want := alipay.Trade{
		OutTradeNo: known, TradeNo: "2026030122001400081234567890", Status: alipay.TradeSuccess, Fen: 8800,
		PaidAt: time.Date(2026, 3, 1, 4, 0, 5, 0, time.UTC),
	}
	if err != nil || trade != want {
		t.Errorf("%+v, %v", trade, err)
	}
}

// Whatever is not the provider's signed word about this very trade is unknown,
// never a decision.
func TestQueryIsUnknown(t *testing.T) {
	t.Parallel()
	whole := string(fixture(t, "query-answer.json"))
	for name, c := range map[string]struct {
		status int
		body   string
		trade  string
	}{
		"another trade's answer": {200, whole, "other_1"},
		"a tampered answer":      {200, strings.Replace(whole, "88.00", "88.01", 1), known},
		"a space less":           {200, strings.Replace(whole, ", ", ",", 1), known},
		"an escape less":         {200, strings.Replace(whole, `a\/b`, `a/b`, 1), known},
		"no signature":           {200, whole[:strings.Index(whole, `,"sign"`)] + "}", known},
		"an unsigned refusal":    {200, `{"error_response":{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}}`, known},
		"an unsigned not-exist":  {200, `{"alipay_trade_query_response":{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}}`, known},
		"a gateway's 502":        {502, whole, known},
		"no JSON":                {200, "<html>", known},
		"nothing":                {200, "", known},
	} {
		_, err := client(t, c.status, c.body).Query(context.Background(), c.trade)
		if !errors.Is(err, alipay.ErrUnknown) || alipay.IsRefused(err, alipay.TradeNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClientDoesNotFollowRedirects(t *testing.T) {
	t.Parallel()
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			t.Error("the request was carried elsewhere")
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	if _, err := c.Query(context.Background(), known); !errors.Is(err, alipay.ErrUnknown) {
		t.Error(err)
	}
}

func TestADeadlineLeavesTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c := clientOf(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Precreate(ctx, alipay.Order{OutTradeNo: "a_1", Fen: 1, Subject: "s", Expires: time.Now()})
	if !errors.Is(err, alipay.ErrUnknown) {
		t.Error(err)
	}
}

func TestNewClientRefuses(t *testing.T) {
	t.Parallel()
	private, public, err := alipay.NewKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	who := alipay.Merchant{AppID: "1", SellerID: "2"}
	for name, s := range map[string]alipay.ClientSettings{
		"no gateway":      {Merchant: who, Key: private, Provider: public},
		"a file":          {Merchant: who, Gateway: "file:///etc/passwd", Key: private, Provider: public},
		"no merchant":     {Gateway: "http://x/", Key: private, Provider: public},
		"no key":          {Merchant: who, Gateway: "http://x/", Provider: public},
		"no provider key": {Merchant: who, Gateway: "http://x/", Key: private},
	} {
		if _, err := alipay.NewClient(s); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
