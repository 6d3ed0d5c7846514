package paysim_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bazaar/infra/paysim"
	"bazaar/shared/payment/alipay"
)

func TestATradeFromCodeToPaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.code("a_1")
	if got := w.status("a_1"); got != alipay.TradeNotExist {
		t.Errorf("before anybody scanned it is %s", got)
	}
	if again := w.code("a_1"); again != page {
		t.Errorf("the same order again has the code %s, not %s", again, page)
	}
	w.do("GET", page, "", nil)
	if got := w.status("a_1"); got != alipay.WaitBuyerPay {
		t.Errorf("scanned it is %s", got)
	}
	var paid struct{ Status string }
	if code := w.do("POST", page+"/pay", "", &paid); code != 200 || paid.Status != alipay.TradeSuccess {
		t.Errorf("paying answers %d %+v", code, paid)
	}
	trade, err := w.client.Query(context.Background(), "a_1")
	if err != nil || trade.Status != alipay.TradeSuccess || trade.Fen != 8800 || trade.PaidAt.IsZero() || trade.TradeNo == "" {
		t.Errorf("%+v, %v", trade, err)
	}
	until(t, "the notification", func() bool { return len(w.received()) == 1 })
	keys, err := pairs()
	must(t, err)
	public, err := alipay.PublicKey(keys[providerKey].public)
	must(t, err)
	n, err := alipay.ParseNotification([]byte(w.received()[0]), public)
	if err != nil || n.OutTradeNo != "a_1" || n.TotalAmount != "88.00" || n.TradeNo != trade.TradeNo || n.TradeStatus != alipay.TradeSuccess ||
		n.AppID != w.settings.Merchant.AppID || n.SellerID != w.settings.Merchant.SellerID {
		t.Errorf("%+v, %v", n, err)
	}
	if code := w.do("POST", page+"/cancel", "", nil); code != 409 {
		t.Errorf("cancelling what is paid answers %d", code)
	}
	if code := w.do("POST", page+"/pay", "", &paid); code != 200 {
		t.Errorf("paying twice answers %d", code)
	}
	if _, err := w.client.Precreate(context.Background(), w.order("a_1")); !alipay.IsRefused(err, alipay.TradeHasSuccess) {
		t.Errorf("a code for what is paid: %v", err)
	}
	until(t, "the answer in the books", func() bool { return w.provider.Notifications()[0].Done })
	if all := w.provider.Notifications(); len(all) != 1 || len(all[0].Deliveries) != 1 || all[0].Deliveries[0].Answer != "success" {
		t.Errorf("the books say %+v", all)
	}
}

func TestATradeThatIsNotPaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cancelled, late, unseen := w.code("cancelled_1"), w.code("late_1"), w.code("unseen_1")
	if code := w.do("POST", cancelled+"/cancel", "", nil); code != 200 {
		t.Errorf("cancelling answers %d", code)
	}
	if code := w.do("POST", cancelled+"/pay", "", nil); code != 409 {
		t.Errorf("paying what is cancelled answers %d", code)
	}
	if _, err := w.client.Precreate(context.Background(), w.order("cancelled_1")); !alipay.IsRefused(err, alipay.TradeHasClose) {
		t.Errorf("a code for what is cancelled: %v", err)
	}
	w.do("GET", late, "", nil)
	w.now.Add(int64(15 * time.Minute))
	for _, page := range []string{late, unseen} {
		if code := w.do("POST", page+"/pay", "", nil); code != 409 {
			t.Errorf("paying after the expiry answers %d", code)
		}
	}
	for number, want := range map[string]string{
		"cancelled_1": alipay.TradeClosed, "late_1": alipay.TradeClosed, "unseen_1": alipay.TradeNotExist, "nobody_1": alipay.TradeNotExist,
	} {
		if got := w.status(number); got != want {
			t.Errorf("%s is %s, not %s", number, got, want)
		}
	}
	if got := w.provider.Notifications(); len(got) != 0 {
		t.Errorf("the merchant was told %+v", got)
	}
}

func TestTheGatewayRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.code("a_1")
	other := w.order("a_1")
	other.Fen++
	if _, err := w.client.Precreate(ctx, other); !alipay.IsRefused(err, alipay.ContextInconsistent) {
		t.Errorf("other data under one number: %v", err)
	}
	for name, change := range map[string]func(o *alipay.Order){
		"a number with a dash":  func(o *alipay.Order) { o.OutTradeNo = "a-1" },
		"nothing to pay":        func(o *alipay.Order) { o.Fen = 0 },
		"too much":              func(o *alipay.Order) { o.Fen = 100_000_000_01 },
		"no subject":            func(o *alipay.Order) { o.Subject = "" },
		"an expiry in the past": func(o *alipay.Order) { o.Expires = time.Unix(0, 0) },
	} {
		o := w.order("b_1")
		change(&o)
		if _, err := w.client.Precreate(ctx, o); !alipay.IsRefused(err, alipay.InvalidParameter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	keys, err := pairs()
	must(t, err)
	for name, change := range map[string]func(s *alipay.ClientSettings){
		"isv.invalid-signature": func(s *alipay.ClientSettings) { s.Key = keys[providerKey].private },
		"isv.invalid-app-id":    func(s *alipay.ClientSettings) { s.Merchant.AppID = "1" },
	} {
		s := alipay.ClientSettings{
			Merchant: w.settings.Merchant, Gateway: w.server.URL + "/gateway.do", Timeout: 5 * time.Second,
			Key: keys[merchantKey].private, Provider: keys[providerKey].public,
		}
		change(&s)
		client, err := alipay.NewClient(s)
		must(t, err)
		if _, err := client.Query(ctx, "a_1"); !alipay.IsRefused(err, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var unsigned map[string]alipay.Answer
	w.do("POST", w.server.URL+"/gateway.do", "method=alipay.nothing", &unsigned)
	if unsigned["error_response"].Code != "40002" {
		t.Errorf("an unknown method: %+v", unsigned)
	}
}

// The merchant does not answer "success": the provider says it eight times in
// all, under one notify_id, and then gives up.
func TestNotificationsAreRetriedOnSchedule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settings.Clock = 10_000_000
	w.restart()
	w.answer.Store("success\n") // 8 bytes are not the word
	w.do("POST", w.code("a_1")+"/pay", "", nil)
	until(t, "the eighth attempt", func() bool {
		all := w.provider.Notifications()
		return len(all) == 1 && all[0].Done
	})
	if n := w.provider.Notifications()[0]; len(n.Deliveries) != 8 || len(w.received()) != 8 {
		t.Errorf("%d attempts, %d arrived", len(n.Deliveries), len(w.received()))
	}
	ids := map[string]bool{}
	for _, body := range w.received() {
		params, err := alipay.ParseForm([]byte(body))
		must(t, err)
		ids[params["notify_id"]] = true
	}
	if len(ids) != 1 {
		t.Errorf("the notify_ids are %v", ids)
	}
}

func TestBooksOutliveARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.answer.Store("failure")
	w.settings.Clock = 1
	w.restart()
	paid, waiting := w.code("paid_1"), w.code("waiting_1")
	w.do("POST", paid+"/pay", "", nil)
	w.do("GET", waiting, "", nil)
	until(t, "the first attempt", func() bool { return len(w.provider.Notifications()[0].Deliveries) == 1 })
	before, err := w.provider.Trades()
	must(t, err)

	w.answer.Store("success")
	must(t, w.provider.Close())
	w.now.Add(int64(4 * time.Minute)) // the second attempt is due
	books := filepath.Join(w.settings.Dir, "books.jsonl")
	whole, err := os.ReadFile(books)
	must(t, err)
	must(t, os.WriteFile(books, append(whole, `{"trade":{"out_trade_no":"torn`...), 0o600)) // a crash amid a line
	w.start()

	after, err := w.provider.Trades()
	must(t, err)
	if len(before) != 2 || len(after) != 2 || before[0] != after[0] || before[1] != after[1] {
		t.Errorf("before %+v, after %+v", before, after)
	}
	until(t, "the second attempt", func() bool { return w.provider.Notifications()[0].Done })
	if n := w.provider.Notifications(); len(n) != 1 || len(n[0].Deliveries) != 2 {
		t.Errorf("%+v", n)
	}
	if again := w.code("waiting_1"); again != waiting {
		t.Errorf("the code became %s", again)
	}
	w.do("POST", waiting+"/pay", "", nil)
	w.restart()
	if got := w.status("waiting_1"); got != alipay.TradeSuccess {
		t.Errorf("after another restart it is %s", got)
	}
}

func TestBooksAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.code("a_1")
	if second, err := paysim.Open(w.settings); err == nil {
		t.Errorf("two providers write the same books: %v", second.Close())
	}
	broken := w.settings
	broken.Dir = t.TempDir()
	must(t, os.WriteFile(filepath.Join(broken.Dir, "books.jsonl"), []byte("{\"trade\":\n{}\n"), 0o600))
	if second, err := paysim.Open(broken); err == nil {
		t.Errorf("books with a broken line were opened: %v", second.Close())
	}
}

func TestForgedNotifications(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do("POST", w.code("a_1")+"/pay", "", nil)
	until(t, "the notification", func() bool { return len(w.received()) == 1 })
	url := w.server.URL + "/api/trades/a_1/notify"
	var sent struct{ Deliveries []paysim.Delivery }
	if code := w.do("POST", url, `{"times":20}`, &sent); code != 200 || len(sent.Deliveries) != 20 || !sent.Deliveries[19].Accepted() {
		t.Fatalf("%d %+v", code, sent)
	}
	w.do("POST", url, `{"set":{"total_amount":"0.01"},"unset":["seller_id"],"tamper":{"app_id":"x"},"append":"&app_id=y"}`, &sent)
	last := w.received()[21]
	for _, part := range []string{"total_amount=0.01&", "app_id=x&", "&app_id=y"} {
		if !strings.Contains(last, part) {
			t.Errorf("%s is not in %s", part, last)
		}
	}
	if strings.Contains(last, "seller_id=") {
		t.Errorf("seller_id is in %s", last)
	}
	if code := w.do("POST", url, `{"what":1}`, nil); code != 400 {
		t.Errorf("an unknown field answers %d", code)
	}
	if code := w.do("POST", w.server.URL+"/api/trades/none/notify", `{}`, nil); code != 404 {
		t.Errorf("an unknown trade answers %d", code)
	}
	if n := w.provider.Notifications(); len(n) != 1 || len(n[0].Deliveries) != 1 {
		t.Errorf("the books hold what was forged: %+v", n)
	}
}

func TestThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.code("a_1")
	browse := func(method, url string) (*http.Response, string) {
		req, err := http.NewRequest(method, url, nil)
		must(t, err)
		req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := client.Do(req)
		must(t, err)
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		must(t, err)
		return res, string(bytes.TrimSpace(body))
	}
	res, html := browse("GET", page)
	for _, part := range []string{"88.00", "茶 &amp; tea", `/pay"`, `/cancel"`, "a_1"} {
		if !strings.Contains(html, part) {
			t.Errorf("%s is not on the page", part)
		}
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("the policy is %q", csp)
	}
	if css, style := browse("GET", w.server.URL+"/pay.css"); css.StatusCode != 200 || !strings.Contains(style, "main") {
		t.Errorf("the style answers %d", css.StatusCode)
	}
	res, _ = browse("POST", page+"/pay")
	if res.StatusCode != 303 || !strings.HasSuffix(page, res.Header.Get("Location")) {
		t.Errorf("the button answers %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	if _, html = browse("GET", page); !strings.Contains(html, "Paid.") || strings.Contains(html, "<button") {
		t.Errorf("after paying the page is %s", html)
	}
	if res, _ = browse("GET", w.server.URL+"/pay/unknown"); res.StatusCode != 404 {
		t.Errorf("an unknown page answers %d", res.StatusCode)
	}
}
