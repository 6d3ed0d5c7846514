package alipay_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bazaar/shared/payment/alipay"
)

// The files in testdata were signed by openssl over strings written by hand, so
// that nothing here is checked by the code that it checks.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func providerKey(t testing.TB) *rsa.PublicKey {
	t.Helper()
	key, err := alipay.PublicKey(fixture(t, "provider-public.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// pair is a key pair of this run.
var pair = sync.OnceValues(func() (*rsa.PrivateKey, error) {
	private, _, err := alipay.NewKeyPair()
	if err != nil {
		return nil, err
	}
	return alipay.PrivateKey(private)
})

func ourKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestRequestStringLeavesOutSignAndEmptyValues(t *testing.T) {
	params := map[string]string{
		"version": "1.0", "app_id": "2021000000000001", "method": "alipay.trade.query", "charset": "utf-8",
		"sign_type": "RSA2", "biz_content": `{"out_trade_no":"x_1"}`, "notify_url": "", "sign": "whatever",
	}
	sign := string(fixture(t, "request.sign"))
	if err := alipay.Verify(providerKey(t), []byte(alipay.RequestString(params)), sign); err != nil {
		t.Errorf("openssl signed another string than %q", alipay.RequestString(params))
	}
}

func TestSignIsWhatTheStandardLibraryVerifies(t *testing.T) {
	content := []byte("a=1&b=茶")
	sign, err := alipay.Sign(ourKey(t), content)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(sign)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	if err := rsa.VerifyPKCS1v15(&ourKey(t).PublicKey, crypto.SHA256, sum[:], raw); err != nil {
		t.Error(err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	content := []byte("a=1")
	sign, err := alipay.Sign(ourKey(t), content)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key     *rsa.PublicKey
		content string
		sign    string
	}{
		"another content": {&ourKey(t).PublicKey, "a=2", sign},
		"another key":     {providerKey(t), "a=1", sign},
		"no signature":    {&ourKey(t).PublicKey, "a=1", ""},
		"no base64":       {&ourKey(t).PublicKey, "a=1", "***"},
		"cut off":         {&ourKey(t).PublicKey, "a=1", sign[:len(sign)-4]},
	} {
		if err := alipay.Verify(c.key, []byte(c.content), c.sign); !errors.Is(err, alipay.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysAreReadWithAndWithoutArmour(t *testing.T) {
	private, public, err := alipay.NewKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	bare := func(pem []byte) []byte {
		lines := strings.Split(strings.TrimSpace(string(pem)), "\n")
		return []byte(strings.Join(lines[1:len(lines)-1], "\n"))
	}
	for _, text := range [][]byte{private, bare(private)} {
		if _, err := alipay.PrivateKey(text); err != nil {
			t.Error(err)
		}
	}
	for _, text := range [][]byte{public, bare(public)} {
		if _, err := alipay.PublicKey(text); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{"", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"} {
		if _, err := alipay.PublicKey([]byte(text)); err == nil {
			t.Errorf("%q is a public key", text)
		}
		if _, err := alipay.PrivateKey([]byte(text)); err == nil {
			t.Errorf("%q is a private key", text)
		}
	}
}

func TestNotificationSignedByOpenSSL(t *testing.T) {
	for _, name := range []string{"notification-keep.form", "notification-drop.form"} {
		n, err := alipay.ParseNotification(fixture(t, name), providerKey(t))
		want := alipay.Notification{
			NotifyID: "2026030100222120005000081234567890", AppID: "2021000000000001", SellerID: "2088000000000001",
			OutTradeNo: "0123456789abcdef0123456789abcdef_1", TradeNo: "2026030122001400081234567890",
			TradeStatus: alipay.TradeSuccess, TotalAmount: "88.00",
		}
		if err != nil || n != want {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
}

func TestNotificationRefuses(t *testing.T) {
	whole := string(fixture(t, "notification-keep.form"))
	swap := func(old, new string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("the fixture has no %s", old)
		}
		return strings.Replace(whole, old, new, 1)
	}
	for name, body := range map[string]string{
		"nothing":                  "",
		"a tampered amount":        swap("total_amount=88.00", "total_amount=88.01"),
		"another app_id":           swap("app_id=2021000000000001", "app_id=2021000000000002"),
		"sign_type RSA":            swap("sign_type=RSA2", "sign_type=RSA"),
		"no sign_type":             swap("&sign_type=RSA2", ""),
		"no signature":             swap("&sign=", "&sing="),
		"a parameter more":         whole + "&extra=1",
		"a parameter twice":        whole + "&total_amount=88.00",
		"a name twice, escaped":    whole + "&total%5Famount=0.01",
		"a value without =":        whole + "&total_amount",
		"a wrong escape":           whole + "&x=%zz",
		"a raw space":              whole + "&x=a b",
		"a semicolon for a pair":   whole + ";total_amount=0.01",
		"an empty name":            whole + "&=1",
		"a dropped empty, changed": swap("seller_email=", "seller_email=x"),
	} {
		if n, err := alipay.ParseNotification([]byte(body), providerKey(t)); err == nil {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

// The string that is signed is not escaped: who may choose the subject of a
// cheap order could put the parameters of a dear one into it, and cut the
// signed string differently.
func TestNotificationCannotBeCutDifferently(t *testing.T) {
	honest := map[string]string{
		"app_id": "1", "subject": "tea&total_amount=99.00&total_amounu=", "total_amount": "0.01", "trade_status": alipay.TradeSuccess,
	}
	sign, err := alipay.Sign(ourKey(t), []byte(alipay.NotificationString(honest)))
	if err != nil {
		t.Fatal(err)
	}
	forged := map[string]string{
		"app_id": "1", "subject": "tea", "total_amount": "99.00", "total_amounu": "&total_amount=0.01", "trade_status": alipay.TradeSuccess,
	}
	if alipay.NotificationString(forged) != alipay.NotificationString(honest) {
		t.Fatal("the two are not signed alike: this test tries nothing")
	}
	forged["sign"], forged["sign_type"] = sign, alipay.RSA2
	if n, err := alipay.ParseNotification([]byte(alipay.EncodeForm(forged)), &ourKey(t).PublicKey); !errors.Is(err, alipay.ErrMalformed) {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestYuan(t *testing.T) {
	for yuan, fen := range map[string]int64{
		"0.01": 1, "0.1": 10, "1": 100, "88.00": 8800, "12.3": 1230, "0": 0, "0.00": 0,
		"100000000.00": 10_000_000_000, "999999999.99": 99_999_999_999,
	} {
		if got, err := alipay.Fen(yuan); err != nil || got != fen {
			t.Errorf("%s is %d fen, not %d: %v", yuan, fen, got, err)
		}
	}
	for _, yuan := range []string{
		"", ".", "1.", ".5", "-1", "+1", "1.234", "1e3", "0x1", " 1", "1 ", "1,00", "1.0.0", "01", "00.1",
		"1000000000", "9999999999.99", "١", "1_0", "NaN", "１", "1.0\n",
	} {
		if got, err := alipay.Fen(yuan); err == nil {
			t.Errorf("%q is %d fen", yuan, got)
		}
	}
	for fen, yuan := range map[int64]string{0: "0.00", 1: "0.01", 10: "0.10", 8800: "88.00", 99_999_999_999: "999999999.99"} {
		if got, err := alipay.Yuan(fen); err != nil || got != yuan {
			t.Errorf("%d fen is %s, not %s: %v", fen, yuan, got, err)
		}
	}
	for _, fen := range []int64{-1, 100_000_000_000} {
		if got, err := alipay.Yuan(fen); err == nil {
			t.Errorf("%d fen is %s", fen, got)
		}
	}
}

func TestTimesAreShanghais(t *testing.T) {
	at := time.Date(2026, 3, 1, 4, 0, 5, 999_000_000, time.UTC)
	if got := alipay.FormatTime(at); got != "2026-03-01 12:00:05" {
		t.Errorf("written as %s", got)
	}
	if got, err := alipay.ParseTime("2026-03-01 12:00:05"); err != nil || !got.Equal(at.Truncate(time.Second)) {
		t.Errorf("read as %s, %v", got, err)
	}
	for _, text := range []string{"", "2026-03-01", "2026-03-01T12:00:05", "2026-02-30 12:00:05", "2026-03-01 12:00:05.5", "2026-03-01 24:00:00", "2026-03-01  3:00:05"} {
		if got, err := alipay.ParseTime(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func FuzzFen(f *testing.F) {
	for _, seed := range []string{"0.01", "88.00", "1.", "-1", "1e3", "999999999.99", "00", "١"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, yuan string) {
		fen, err := alipay.Fen(yuan)
		if err != nil {
			return
		}
		again, err := alipay.Yuan(fen)
		if err != nil {
			t.Fatalf("%q was read as %d, which cannot be written: %v", yuan, fen, err)
		}
		whole, _, _ := strings.Cut(again, ".")
		if !strings.HasPrefix(yuan, whole) || len(yuan) > len(again) {
			t.Fatalf("%q was read as %s", yuan, again)
		}
	})
}

func FuzzNotification(f *testing.F) {
	f.Add(fixture(f, "notification-keep.form"))
	f.Add(fixture(f, "notification-drop.form"))
	f.Add([]byte("a=1&a=2"))
	f.Add([]byte("a=%zz&;=&&="))
	key := providerKey(f)
	genuine := map[string]bool{}
	for _, name := range []string{"notification-keep.form", "notification-drop.form"} {
		params, err := alipay.ParseForm(fixture(f, name))
		if err != nil {
			f.Fatal(err)
		}
		genuine[alipay.NotificationString(params)] = true
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		params, err := alipay.ParseForm(body)
		if err == nil {
			if n := len(strings.Split(string(body), "&")); n != len(params) {
				t.Fatalf("%d pairs gave %d parameters", n, len(params))
			}
			if values, err := url.ParseQuery(string(body)); err != nil || len(values) != len(params) {
				t.Fatalf("net/url reads %d parameters, we %d: %v", len(values), len(params), err)
			}
		}
		if _, err := alipay.ParseNotification(body, key); err == nil && !genuine[alipay.NotificationString(params)] {
			t.Fatalf("a notification that nobody signed: %q", body)
		}
	})
}
