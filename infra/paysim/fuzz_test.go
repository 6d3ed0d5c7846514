package paysim

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bazaar/shared/payment/alipay"
)

// merchantSays is a merchant who answers every notification with success.
type merchantSays struct{}

func (merchantSays) RoundTrip(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("success")), Request: r}, err
}

// fuzzed is a provider whose time stands still and whose merchant is in memory.
func fuzzed(f *testing.F) Settings {
	f.Helper()
	private, public, err := alipay.NewKeyPair()
	if err != nil {
		f.Fatal(err)
	}
	s := Settings{Dir: f.TempDir(), BaseURL: "http://paysim", Merchant: alipay.Merchant{AppID: "app", SellerID: "seller"},
		Log: slog.New(slog.DiscardHandler), Client: &http.Client{Transport: merchantSays{}},
		Now: func() time.Time { return time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC) }}
	if s.Key, err = alipay.PrivateKey(private); err == nil {
		s.Public, err = alipay.PublicKey(public) // the merchant signs with the same key
	}
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// FuzzBooks: whatever stands in the books, they are refused, or the provider goes
// on with them and finds the same the next time.
func FuzzBooks(f *testing.F) {
	const trade = `{"trade":{"out_trade_no":"o_1","token":"t","fen":8800,"notify_url":"http://m","status":"TRADE_SUCCESS","expires_at":"2026-03-01T06:00:00Z"}}` + "\n"
	const notice = `{"notification":{"notify_id":"n","out_trade_no":"o_1","made_at":"2026-03-01T04:00:00Z"}}` + "\n"
	for _, text := range []string{trade + notice, notice, trade, trade + trade[:20], "", "\n", "{}\n", "null\n", "x\n", trade + strings.Replace(notice, `"made_at"`, `"done":true,"made_at"`, 1),
		strings.Replace(trade, "8800", "-1", 1), trade + strings.Replace(notice, `"made_at"`, `"deliveries":[{"at":"2026-03-01T04:00:00Z","status":500}],"made_at"`, 1)} {
		f.Add([]byte(text))
	}
	s := fuzzed(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(s.Dir, "books.jsonl"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		count := func() (trades, notices int, good bool) {
			p, err := Open(s)
			if err != nil {
				return 0, 0, false
			}
			all, err := p.Trades()
			if err != nil {
				t.Fatal(err)
			}
			pages := &pages{Provider: p}
			for _, trade := range all {
				if v := pages.view(trade); v.State == "" {
					t.Errorf("%+v is shown as %+v", trade, v)
				}
			}
			notes := p.Notifications()
			for _, n := range notes {
				if _, err := p.trade(n.OutTradeNo); err != nil {
					t.Errorf("%+v: %v", n, err)
				}
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			return len(all), len(notes), true
		}
		trades, notices, good := count()
		if !good {
			return
		}
		if again, told, good := count(); again != trades || told != notices || !good {
			t.Errorf("%q holds %d trades and %d notifications, and then %d and %d, %t", text, trades, notices, again, told, good)
		}
	})
}

// FuzzGateway: whatever the merchant has signed is answered with a code, and what
// is booked is a trade.
func FuzzGateway(f *testing.F) {
	for _, c := range [][4]string{
		{alipay.MethodPrecreate, `{"out_trade_no":"o_1","total_amount":"88.00","subject":"tea","time_expire":"2026-03-01 14:00:00"}`, "http://m/notify", "2026-03-01 12:00:00"},
		{alipay.MethodPrecreate, `{"out_trade_no":"o_2","total_amount":"0","subject":""}`, "", "2026-03-01 12:00:00"}, {alipay.MethodQuery, `{"out_trade_no":"o_1"}`, "", "2026-03-01 12:00:00"},
		{alipay.MethodQuery, `{"trade_no":"x"}`, "", ""}, {alipay.MethodPrecreate, "null", "", "2026-03-01 12:00:00"}, {"", "", "", ""}, {"alipay.trade.close", "{}", "", "2026-03-01 12:00:00"},
		{alipay.MethodPrecreate, `{"out_trade_no":"é","total_amount":"1e3","subject":"` + "\x00" + `"}`, ":", "2026-03-01 12:00:00"},
	} {
		f.Add(c[0], c[1], c[2], c[3], "")
	}
	f.Add(alipay.MethodQuery, "{}", "", "2026-03-01 12:00:00", "&a=1&a=2")
	s := fuzzed(f)
	p, err := Open(s)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = p.Close() })
	f.Fuzz(func(t *testing.T, method, content, notify, stamp, more string) {
		params := map[string]string{"app_id": "app", "method": method, "charset": "utf-8", "sign_type": alipay.RSA2, "timestamp": stamp, "version": "1.0", "biz_content": content, "notify_url": notify}
		sign, err := alipay.Sign(s.Key, []byte(alipay.RequestString(params)))
		if err != nil {
			t.Fatal(err)
		}
		params["sign"] = sign
		w := httptest.NewRecorder()
		p.gateway(w, httptest.NewRequest(http.MethodPost, "/gateway.do", strings.NewReader(alipay.EncodeForm(params)+more)))
		var envelope map[string]json.RawMessage
		if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &envelope) != nil {
			t.Fatalf("answered %d %q", w.Code, w.Body)
		}
		for name, value := range envelope {
			var a alipay.Answer
			if name != "sign" && (json.Unmarshal(value, &a) != nil || a.Code == "") {
				t.Errorf("%s is answered %s", method, value)
			}
		}
		trades, err := p.Trades()
		if err != nil {
			t.Fatal(err)
		}
		for _, trade := range trades {
			if !outTradeNo().MatchString(trade.OutTradeNo) || trade.Fen < 1 || trade.Fen > alipay.MaxFen || trade.Subject == "" {
				t.Fatalf("%q books %+v", content, trade)
			}
		}
	})
}

// FuzzForgery: whatever a test asks the API to send is sent as often as it says,
// or refused.
func FuzzForgery(f *testing.F) {
	for _, body := range []string{"{}", `{"times":3,"fresh_id":true,"set":{"total_amount":"0.01"},"unset":["seller_id"],"sha1":true,"tamper":{"a":"b"},"append":"&x=1","query":"a=b","notify_to":"http://other"}`,
		"", "null", "[]", `{"times":-1}`, `{"times":1001}`, `{"other":1}`, `{"query":"%zz"}`, `{"notify_to":":"}`, `{"notify_to":"\u0000"}`} {
		f.Add([]byte(body))
	}
	p, err := Open(fuzzed(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = p.Close() })
	handler, err := p.Handler()
	if err != nil {
		f.Fatal(err)
	}
	if _, err := p.code(Trade{OutTradeNo: "o_1", Fen: 8800, Subject: "tea", NotifyURL: "http://m", ExpiresAt: p.Now().Add(time.Hour)}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/trades/o_1/notify", bytes.NewReader(body)))
		if w.Code == http.StatusBadRequest {
			return
		}
		var answer struct{ Deliveries []Delivery }
		var asked Forgery
		if err := json.Unmarshal(w.Body.Bytes(), &answer); w.Code != http.StatusOK || err != nil {
			t.Fatalf("%q is answered %d %s", body, w.Code, w.Body)
		}
		_ = json.NewDecoder(bytes.NewReader(body)).Decode(&asked)
		if len(answer.Deliveries) != max(asked.Times, 1) || len(answer.Deliveries) > maxTimes {
			t.Errorf("%q sends %d times", body, len(answer.Deliveries))
		}
		for _, d := range answer.Deliveries {
			if d.Status != http.StatusOK && d.Answer == "" {
				t.Errorf("%q is told of %+v", body, d)
			}
		}
	})
}
