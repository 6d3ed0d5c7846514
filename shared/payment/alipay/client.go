package alipay

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// ErrUnknown means that the provider may or may not have done what it was asked:
// no answer, one that is not signed by it, or one that says so. Ask again with
// the same number, or query, before deciding anything.
var ErrUnknown = errors.New("the provider's answer is unknown")

// Refused is a signed refusal: the provider did not do what it was asked.
type Refused struct {
	Method string
	Answer
}

func (r *Refused) Error() string {
	return fmt.Sprintf("%s refused: %s %s, %s %s", r.Method, r.Code, r.Msg, r.SubCode, r.SubMsg)
}

// IsRefused reports whether err is a refusal with this sub-code.
func IsRefused(err error, subCode string) bool {
	var r *Refused
	return errors.As(err, &r) && r.SubCode == subCode
}

// ClientSettings are what a Client needs to know.
type ClientSettings struct {
	Merchant  Merchant
	Gateway   string        `env:"alipay_gateway"`    // e.g. https://openapi.alipay.com/gateway.do
	NotifyURL string        `env:"alipay_notify_url"` // without a query string; only Precreate needs it
	Timeout   time.Duration `env:"alipay_timeout" envDefault:"4s"`
	Key       []byte        `secret:"alipay-merchant-key"` // ours, private
	Provider  []byte        `secret:"alipay-public-key"`   // theirs, public
}

// Client asks the gateway in the name of one merchant. It is safe for
// concurrent use, keeps nothing but connections between calls and never retries
// by itself.
type Client struct {
	merchant  Merchant
	gateway   string
	notifyURL string
	key       *rsa.PrivateKey
	provider  *rsa.PublicKey
	http      *http.Client
}

// NewClient checks the settings and reads the keys. It does not dial.
func NewClient(s ClientSettings) (*Client, error) {
	u, err := url.Parse(s.Gateway)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("alipay_gateway %q is no http address", s.Gateway)
	}
	if s.Merchant.AppID == "" || s.Merchant.SellerID == "" {
		return nil, errors.New("alipay_app_id and alipay_seller_id must be set")
	}
	key, err := PrivateKey(s.Key)
	if err != nil {
		return nil, fmt.Errorf("alipay-merchant-key: %w", err)
	}
	provider, err := PublicKey(s.Provider)
	if err != nil {
		return nil, fmt.Errorf("alipay-public-key: %w", err)
	}
	return &Client{
		merchant: s.Merchant, gateway: s.Gateway, notifyURL: s.NotifyURL, key: key, provider: provider,
		http: &http.Client{
			Timeout:   s.Timeout,
			Transport: http.DefaultTransport.(*http.Transport).Clone(), // our own, so that Close ends what we have begun
			// A signed request must not be carried to where somebody points.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close ends the connections to the gateway that wait for a next question.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Merchant is in whose name the client asks.
func (c *Client) Merchant() Merchant { return c.merchant }

// call asks for one method and decodes the signed answer into out. The error is
// a *Refused, or else wraps ErrUnknown.
func (c *Client) call(ctx context.Context, method string, content, out any) error {
	value, err := c.ask(ctx, method, content)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", method, ErrUnknown, err)
	}
	var head Answer
	if err := json.Unmarshal(value, &head); err != nil {
		return fmt.Errorf("%s: %w: %w", method, ErrUnknown, err)
	}
	switch {
	case head.Code == codeUnavailable || head.SubCode == systemError:
		return fmt.Errorf("%s: %w: %s %s", method, ErrUnknown, head.Code, head.SubCode)
	case head.Code != codeOK:
		return &Refused{Method: method, Answer: head}
	}
	if err := json.Unmarshal(value, out); err != nil {
		return fmt.Errorf("%s: %w: decoding the answer: %w", method, ErrUnknown, err)
	}
	return nil
}

// ask sends the request and gives the verified bytes of the answer.
func (c *Client) ask(ctx context.Context, method string, content any) ([]byte, error) {
	body, err := c.request(method, content)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.gateway, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("Content-Type", mime.FormatMediaType("application/x-www-form-urlencoded", map[string]string{"charset": "utf-8"}))
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking the gateway: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the gateway answered %s: %s", res.Status, excerpt(answer))
	}
	return openResponse(method, answer, c.provider)
}

// request is the signed form of a call.
func (c *Client) request(method string, content any) (string, error) {
	biz, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("encoding biz_content: %w", err)
	}
	params := map[string]string{
		"app_id": c.merchant.AppID, "method": method, "format": "JSON", "charset": "utf-8",
		"sign_type": RSA2, "timestamp": FormatTime(time.Now()), "version": "1.0",
		"biz_content": string(biz),
	}
	if method == MethodPrecreate {
		params["notify_url"] = c.notifyURL
	}
	if params["sign"], err = Sign(c.key, []byte(RequestString(params))); err != nil {
		return "", err
	}
	return EncodeForm(params), nil
}
