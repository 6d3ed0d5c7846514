package paysim

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"bazaar/shared/payment/alipay"
)

// What a buyer or a merchant may be told.
var (
	errNoTrade = errors.New("there is no such trade")
	errClosed  = errors.New("the trade is closed")
	errPaid    = errors.New("the trade is paid")
	errOther   = errors.New("the number is taken by other data")
	errPast    = errors.New("the expiry has passed")
)

// Provider is the simulated provider. It is safe for concurrent use.
type Provider struct {
	Settings

	mu      sync.Mutex // held while the books are written, so they are in order
	books   *books
	trades  map[string]*Trade        // by out_trade_no
	tokens  map[string]*Trade        // by the page's token
	notices map[string]*Notification // by notify_id
	order   []string                 // notify_ids as they were made

	running context.Context // ends with Close
	stop    context.CancelFunc
	sending sync.WaitGroup
}

// Open reads the books and takes up the notifications that are not answered
// yet. Close must be called.
func Open(s Settings) (*Provider, error) {
	p := &Provider{
		Settings: s.withDefaults(), trades: map[string]*Trade{}, tokens: map[string]*Trade{}, notices: map[string]*Notification{},
	}
	var err error
	if p.books, err = openBooks(s.Dir, p.apply); err != nil {
		return nil, err
	}
	for _, id := range p.order {
		if n := p.notices[id]; p.trades[n.OutTradeNo] == nil {
			return nil, errors.Join(fmt.Errorf("reading the books: the notification %q is about no trade", id), p.books.close())
		}
	}
	p.running, p.stop = context.WithCancel(context.Background())
	for _, id := range p.order {
		if !p.notices[id].Done {
			p.pursue(id)
		}
	}
	return p, nil
}

// Close stops notifying and closes the books. What is not answered is taken up
// by the next Open.
func (p *Provider) Close() error {
	p.stop()
	p.sending.Wait()
	p.Client.CloseIdleConnections()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.books.close()
}

// apply makes an entry of the books true in memory.
func (p *Provider) apply(e entry) {
	if t := e.Trade; t != nil {
		p.trades[t.OutTradeNo], p.tokens[t.Token] = t, t
	}
	if n := e.Notification; n != nil {
		if _, known := p.notices[n.NotifyID]; !known {
			p.order = append(p.order, n.NotifyID)
		}
		p.notices[n.NotifyID] = n
	}
}

// write puts an entry into the books first and makes it true then.
func (p *Provider) write(e entry) error {
	if err := p.books.append(e); err != nil {
		p.Log.Error("the books cannot be written", "error", err)
		return err
	}
	p.apply(e)
	return nil
}

// code gives the code of the wanted trade: a new one, or the one it has when
// the same data ask again.
func (p *Provider) code(wanted Trade) (Trade, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t, known := p.trades[wanted.OutTradeNo]; known {
		current, err := p.current(t)
		switch {
		case err != nil:
			return Trade{}, err
		case !current.same(wanted):
			return Trade{}, errOther
		case alipay.Paid(current.Status):
			return Trade{}, errPaid
		case current.Status == alipay.TradeClosed:
			return Trade{}, errClosed
		}
		return current, nil
	}
	if wanted.Expired(p.Now()) {
		return Trade{}, errPast
	}
	wanted.Token, wanted.CodedAt = randomHex(16), p.Now().UTC()
	return wanted, p.write(entry{Trade: &wanted})
}

// current is t as it is now: a trade that was not paid in time is closed by
// whoever looks first. The lock must be held.
func (p *Provider) current(t *Trade) (Trade, error) {
	if t.Status != alipay.WaitBuyerPay || !t.Expired(p.Now()) {
		return *t, nil
	}
	closed := *t
	closed.Status, closed.Closed = alipay.TradeClosed, t.ExpiresAt
	return closed, p.write(entry{Trade: &closed})
}

// trade finds a trade by its number; of a code that was never scanned too.
func (p *Provider) trade(outTradeNo string) (Trade, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, known := p.trades[outTradeNo]
	if !known {
		return Trade{}, errNoTrade
	}
	return p.current(t)
}

// byTradeNo finds a trade by the provider's own number.
func (p *Provider) byTradeNo(tradeNo string) (Trade, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.trades {
		if t.TradeNo == tradeNo && tradeNo != "" {
			return p.current(t)
		}
	}
	return Trade{}, errNoTrade
}

// Trades is the whole book of trades, the first code first.
func (p *Provider) Trades() ([]Trade, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Trade, 0, len(p.trades))
	for _, t := range p.trades {
		current, err := p.current(t)
		if err != nil {
			return nil, err
		}
		all = append(all, current)
	}
	slices.SortFunc(all, func(a, b Trade) int {
		if by := a.CodedAt.Compare(b.CodedAt); by != 0 {
			return by
		}
		return strings.Compare(a.OutTradeNo, b.OutTradeNo)
	})
	return all, nil
}

// scan makes the trade of a code, as looking at the page does. A code that has
// expired makes none.
func (p *Provider) scan(token string) (Trade, error) {
	return p.change(token, func(t *Trade) error { return nil })
}

// pay takes the buyer's money and begins to tell the merchant. Paying what is
// paid changes nothing.
func (p *Provider) pay(token string) (Trade, error) {
	return p.change(token, func(t *Trade) error {
		switch t.Status {
		case alipay.WaitBuyerPay:
			t.Status, t.PaidAt = alipay.TradeSuccess, p.Now().UTC()
			return nil
		case alipay.TradeClosed, "":
			return errClosed
		}
		return nil
	})
}

// cancel closes the trade for good; the merchant is not told, as with the real
// one: it has to ask.
func (p *Provider) cancel(token string) (Trade, error) {
	return p.change(token, func(t *Trade) error {
		switch t.Status {
		case alipay.WaitBuyerPay:
			t.Status, t.Closed = alipay.TradeClosed, p.Now().UTC()
		case alipay.TradeSuccess, alipay.TradeFinished:
			return errPaid
		}
		return nil
	})
}

// change scans the code, lets f change the trade and writes what is different.
// The trade is given with f's error too.
func (p *Provider) change(token string, f func(t *Trade) error) (Trade, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, known := p.tokens[token]
	if !known {
		return Trade{}, errNoTrade
	}
	before, err := p.current(t)
	if err != nil {
		return Trade{}, err
	}
	after := before
	if !after.Scanned() && !after.Expired(p.Now()) {
		after.Status, after.Created, after.TradeNo = alipay.WaitBuyerPay, p.Now().UTC(), p.newTradeNo()
	}
	refused := f(&after)
	if after == before {
		return after, refused
	}
	e := entry{Trade: &after}
	if after.Status == alipay.TradeSuccess && before.Status != alipay.TradeSuccess {
		e.Notification = p.newNotification(after)
	}
	if err := p.write(e); err != nil {
		return before, err
	}
	if e.Notification != nil {
		p.pursue(e.Notification.NotifyID)
	}
	return after, refused
}

// newTradeNo is a number of the form that the provider uses: the day, then digits.
func (p *Provider) newTradeNo() string {
	day := strings.ReplaceAll(alipay.FormatTime(p.Now())[:10], "-", "")
	return fmt.Sprintf("%s2200%016d", day, randomUint()%1e16)
}

func (p *Provider) newNotification(t Trade) *Notification {
	return &Notification{NotifyID: randomHex(17), OutTradeNo: t.OutTradeNo, MadeAt: p.Now().UTC()}
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails
	return hex.EncodeToString(b)
}

func randomUint() uint64 {
	var n uint64
	b := make([]byte, 8)
	rand.Read(b) //nolint:errcheck // never fails
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// pageURL is what the QR code of t says.
func (p *Provider) pageURL(t Trade) string { return p.BaseURL + "/pay/" + t.Token }

// scaled is how long d takes on the provider's clock.
func (p *Provider) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / p.Clock)
}
