package paysim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"

	"bazaar/shared/payment/alipay"
)

// maxRequest bounds the body of a merchant's request, in bytes.
const maxRequest = 1 << 20

// gateway is POST /gateway.do: one address for all methods.
func (p *Provider) gateway(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return // the connection is closed
	}
	params, err := alipay.ParseForm(body)
	if err != nil {
		p.unsigned(w, invalid("isv.invalid-encoding", err.Error()))
		return
	}
	method := params["method"]
	handle, known := p.methods()[method]
	if !known {
		p.unsigned(w, invalid("isv.invalid-method", "the method does not exist"))
		return
	}
	if refused, ok := p.authentic(params); !ok {
		p.seal(w, method, refused)
		return
	}
	p.seal(w, method, handle(params))
}

// methods are what the gateway can do. Closing, refunds and the bill have their
// place here.
func (p *Provider) methods() map[string]func(params map[string]string) any {
	return map[string]func(map[string]string) any{
		alipay.MethodPrecreate: p.precreate,
		alipay.MethodQuery:     p.query,
	}
}

// authentic checks what is the same in every request, the signature last.
func (p *Provider) authentic(params map[string]string) (alipay.Answer, bool) {
	switch {
	case params["app_id"] != p.Merchant.AppID:
		return invalid("isv.invalid-app-id", "the app_id is not known"), false
	case params["sign_type"] != alipay.RSA2:
		return invalid("isv.invalid-signature-type", "sign_type must be RSA2"), false
	case params["version"] != "1.0" || params["charset"] != "utf-8":
		return invalid("isv.invalid-parameter", "version must be 1.0 and charset utf-8"), false
	}
	if _, err := alipay.ParseTime(params["timestamp"]); err != nil {
		return invalid("isv.invalid-timestamp", err.Error()), false
	}
	if alipay.Verify(p.Public, []byte(alipay.RequestString(params)), params["sign"]) != nil {
		return invalid("isv.invalid-signature", "the signature does not match"), false
	}
	return alipay.Answer{}, true
}

// precreate gives the code for a number: the same for the same data.
func (p *Provider) precreate(params map[string]string) any {
	var c alipay.PrecreateContent
	if json.Unmarshal([]byte(params["biz_content"]), &c) != nil {
		return invalid("isv.invalid-parameter", "biz_content is not JSON")
	}
	wanted, err := p.wanted(c, params["notify_url"])
	if err != nil {
		return failed(alipay.InvalidParameter, err.Error())
	}
	t, err := p.code(wanted)
	switch {
	case errors.Is(err, errOther):
		return failed(alipay.ContextInconsistent, err.Error())
	case errors.Is(err, errPaid):
		return failed(alipay.TradeHasSuccess, err.Error())
	case errors.Is(err, errClosed):
		return failed(alipay.TradeHasClose, err.Error())
	case errors.Is(err, errPast):
		return failed(alipay.InvalidParameter, err.Error())
	case err != nil:
		return unavailable()
	}
	return alipay.PrecreateAnswer{Answer: success(), OutTradeNo: t.OutTradeNo, QRCode: p.pageURL(t)}
}

// wanted reads the content of a precreate.
func (p *Provider) wanted(c alipay.PrecreateContent, notifyURL string) (Trade, error) {
	fen, err := alipay.Fen(c.TotalAmount)
	switch {
	case err != nil:
		return Trade{}, err
	case fen < 1 || fen > 100_000_000_00:
		return Trade{}, errors.New("total_amount must be 0.01 to 100000000.00")
	case !outTradeNo().MatchString(c.OutTradeNo):
		return Trade{}, errors.New("out_trade_no must be 1 to 64 letters, digits and _")
	case c.Subject == "" || len([]rune(c.Subject)) > 256:
		return Trade{}, errors.New("subject must have 1 to 256 characters")
	case c.SellerID != "" && c.SellerID != p.Merchant.SellerID:
		return Trade{}, errors.New("seller_id is not the merchant's")
	}
	t := Trade{OutTradeNo: c.OutTradeNo, Fen: fen, Subject: c.Subject, NotifyURL: notifyURL, ExpiresAt: p.Now().UTC().Add(codeLife)}
	if c.TimeExpire != "" {
		t.ExpiresAt, err = alipay.ParseTime(c.TimeExpire)
	}
	return t, err
}

func outTradeNo() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`) }

// query tells what became of a trade. A code that nobody has scanned has none.
func (p *Provider) query(params map[string]string) any {
	var c alipay.QueryContent
	if json.Unmarshal([]byte(params["biz_content"]), &c) != nil || (c.OutTradeNo == "" && c.TradeNo == "") {
		return invalid("isv.invalid-parameter", "biz_content must name a trade")
	}
	find, key := p.trade, c.OutTradeNo
	if c.TradeNo != "" {
		find, key = p.byTradeNo, c.TradeNo
	}
	t, err := find(key)
	if errors.Is(err, errNoTrade) || (err == nil && !t.Scanned()) {
		return failed(alipay.TradeNotExist, "the trade does not exist")
	}
	yuan, bad := alipay.Yuan(t.Fen)
	if err != nil || bad != nil {
		return unavailable()
	}
	answer := alipay.QueryAnswer{
		Answer: success(), TradeNo: t.TradeNo, OutTradeNo: t.OutTradeNo, BuyerLogonID: "159****5620",
		TradeStatus: t.Status, TotalAmount: yuan,
	}
	if !t.PaidAt.IsZero() {
		answer.SendPayDate = alipay.FormatTime(t.PaidAt)
	}
	return answer
}

func success() alipay.Answer { return alipay.Answer{Code: "10000", Msg: "Success"} }

func invalid(sub, text string) alipay.Answer {
	return alipay.Answer{Code: "40002", Msg: "Invalid Arguments", SubCode: sub, SubMsg: text}
}

func failed(sub, text string) alipay.Answer {
	return alipay.Answer{Code: "40004", Msg: "Business Failed", SubCode: sub, SubMsg: text}
}

func unavailable() alipay.Answer {
	return alipay.Answer{Code: "20000", Msg: "Service Currently Unavailable", SubCode: "isp.unknow-error", SubMsg: "the books cannot be written"}
}

// seal writes a signed answer.
func (p *Provider) seal(w http.ResponseWriter, method string, answer any) {
	body, err := alipay.SealResponse(method, answer, p.Key)
	if err != nil {
		p.Log.Error("an answer cannot be signed", "error", err)
		http.Error(w, "the answer cannot be signed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	_, _ = w.Write(body)
}

// unsigned writes the answer to a request that names no method: there is no key
// to sign it under.
func (p *Provider) unsigned(w http.ResponseWriter, answer alipay.Answer) {
	writeJSON(w, http.StatusOK, map[string]alipay.Answer{"error_response": answer})
}
