package alipay

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func read(f *testing.F, name string) []byte {
	f.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		f.Fatal(err)
	}
	return text
}

// FuzzResponse: of all envelopes only the one that the provider has signed is
// opened, whatever stands around its answer.
func FuzzResponse(f *testing.F) {
	provider, err := PublicKey(read(f, "provider-public.pem"))
	if err != nil {
		f.Fatal(err)
	}
	genuine := read(f, "query-answer.json")
	signed, err := openResponse(MethodQuery, genuine, provider)
	if err != nil {
		f.Fatal(err)
	}
	text := string(genuine)
	for _, body := range []string{text, "", "{}", "null", `{"sign":"x"}`, `{"error_response":{"code":"40002"}}`, strings.Replace(text, "88.00", "0.01", 1),
		strings.Replace(text, "{", `{"alipay_trade_query_response":{"code":"10000"},`, 1), strings.TrimSuffix(strings.TrimSpace(text), "}") + `,"alipay_trade_query_response":{}}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		value, err := openResponse(MethodQuery, body, provider)
		if err == nil && !bytes.Equal(value, signed) || err != nil && value != nil {
			t.Errorf("%q is opened as %q, %v", body, value, err)
		}
	})
}

// answering is a gateway that signs whatever it is told to say.
type answering struct {
	key   *rsa.PrivateKey
	value json.RawMessage
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	form, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	params, err := ParseForm(form)
	if err != nil {
		return nil, err
	}
	body, err := SealResponse(params["method"], a.value, a.key)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// FuzzAnswer: what the provider has signed is about our trade, refused, or
// unknown; an amount is never less than nothing.
func FuzzAnswer(f *testing.F) {
	for _, value := range []string{
		`{"code":"10000","out_trade_no":"o_1","trade_no":"t1","trade_status":"TRADE_SUCCESS","total_amount":"88.00","send_pay_date":"2026-03-01 12:00:05","qr_code":"https://x"}`,
		`{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}`, `{"code":"20000"}`, `{"code":"40004","sub_code":"ACQ.SYSTEM_ERROR"}`, "null", "[]", `{"code":10000}`,
		`{"code":"10000","out_trade_no":"o_2","total_amount":"1"}`, `{"code":"10000","out_trade_no":"o_1","total_amount":"-1"}`,
		`{"code":"10000","OUT_TRADE_NO":"o_1","total_amount":"0.01","send_pay_date":"yesterday"}`,
	} {
		f.Add([]byte(value))
	}
	private, public, err := NewKeyPair()
	if err != nil {
		f.Fatal(err)
	}
	c, err := NewClient(ClientSettings{Merchant: Merchant{"app", "seller"}, Gateway: "http://gateway", Timeout: time.Minute, Key: private, Provider: public})
	if err != nil {
		f.Fatal(err)
	}
	gateway := &answering{key: c.key}
	c.http.Transport = gateway
	known := func(t *testing.T, err error) {
		t.Helper()
		var refused *Refused
		if errors.Is(err, ErrUnknown) == errors.As(err, &refused) || refused != nil && refused.Code == codeOK {
			t.Errorf("%v is neither refused nor unknown", err)
		}
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if !json.Valid(value) {
			return // no envelope holds it
		}
		gateway.value = value
		trade, err := c.Query(t.Context(), "o_1")
		switch {
		case err != nil:
			known(t, err)
		case trade.OutTradeNo != "o_1" || trade.Fen < 0 || trade.Fen > maxFen || trade.Unpaid() && !trade.PaidAt.IsZero():
			t.Errorf("%s is %+v", value, trade)
		}
		code, err := c.Precreate(t.Context(), Order{OutTradeNo: "o_1", Fen: 1, Subject: "tea", Expires: time.Now()})
		switch {
		case err != nil:
			known(t, err)
		case code == "":
			t.Errorf("%s is a code of nothing", value)
		}
	})
}

// FuzzForm: parameters go around as a form, and what is read as a form is what
// was written.
func FuzzForm(f *testing.F) {
	f.Add("a", "1", "b", "2", []byte("a=1&b=2"))
	f.Add("a&b=c", "=&%", "é", " +\x00", []byte("a=%zz"))
	f.Add("a;", ";", "sign", "a==", []byte("a;b=1"))
	f.Fuzz(func(t *testing.T, a, first, b, second string, body []byte) {
		params := map[string]string{a: first, b: second}
		again, err := ParseForm([]byte(EncodeForm(params)))
		if _, nameless := params[""]; nameless {
			if err == nil {
				t.Errorf("a parameter without a name is read from %q", EncodeForm(params))
			}
		} else if err != nil || len(again) != len(params) || again[a] != params[a] || again[b] != params[b] {
			t.Errorf("%q goes around as %q, %v", params, again, err)
		}
		read, err := ParseForm(body)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || read != nil {
				t.Errorf("%q is %q, %v", body, read, err)
			}
			return
		}
		same, err := ParseForm([]byte(EncodeForm(read)))
		if err != nil || len(same) != len(read) {
			t.Fatalf("%q is %q, and then %q, %v", body, read, same, err)
		}
		for k, v := range read {
			if same[k] != v {
				t.Errorf("%q: %q is %q, and then %q", body, k, v, same[k])
			}
		}
	})
}

// FuzzTime: a time has one form.
func FuzzTime(f *testing.F) {
	for _, text := range []string{"2026-03-01 12:00:05", "", "2026-02-30 12:00:05", "2026-03-01 12:00:05.5", "0000-01-01 00:00:00", "9999-12-31 23:59:59", "2026-03-01T12:00:05"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := ParseTime(text)
		if err == nil && FormatTime(at) != text || err != nil && !at.IsZero() {
			t.Errorf("%q is %s, %v", text, at, err)
		}
	})
}

// FuzzPublicKey: a key is RSA, long enough, and encodes to itself.
func FuzzPublicKey(f *testing.F) {
	public := read(f, "provider-public.pem")
	block, _ := pem.Decode(public)
	if block == nil {
		f.Fatal("there is no key in the file")
	}
	bare := base64.StdEncoding.EncodeToString(block.Bytes)
	for _, text := range []string{string(public), bare, " " + bare[:40] + "\n" + bare[40:], bare[4:], "", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----", "AAAA"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := PublicKey(text)
		if err != nil {
			return
		}
		der, failed := x509.MarshalPKIXPublicKey(key)
		again, err := PublicKey(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		if failed != nil || err != nil || !again.Equal(key) || key.N.BitLen() < minKeyBits {
			t.Errorf("a public key of %d bits goes around as %v, %v", key.N.BitLen(), failed, err)
		}
	})
}

// FuzzPrivateKey: so is the one that signs.
func FuzzPrivateKey(f *testing.F) {
	private, public, err := NewKeyPair()
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range [][]byte{private, public, private[:len(private)/2], nil, []byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----"), []byte("MAA=")} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if key, err := PrivateKey(text); err == nil && key.N.BitLen() < minKeyBits {
			t.Errorf("a private key of %d bits is taken", key.N.BitLen())
		}
	})
}

// FuzzVerify: no signature but the provider's, and for no other text.
func FuzzVerify(f *testing.F) {
	provider, err := PublicKey(read(f, "provider-public.pem"))
	if err != nil {
		f.Fatal(err)
	}
	params := map[string]string{"version": "1.0", "app_id": "2021000000000001", "method": MethodQuery, "charset": "utf-8", "sign_type": RSA2,
		"biz_content": `{"out_trade_no":"x_1"}`}
	content, sign := RequestString(params), string(read(f, "request.sign"))
	for _, c := range [][2]string{{content, sign}, {content, ""}, {content, sign[:len(sign)-4]}, {content + "&", sign}, {"", sign}, {content, sign + "="}} {
		f.Add([]byte(c[0]), c[1])
	}
	f.Fuzz(func(t *testing.T, text []byte, signature string) {
		if err := Verify(provider, text, signature); err == nil && string(text) != content || err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%q by %q: %v", text, signature, err)
		}
	})
}
