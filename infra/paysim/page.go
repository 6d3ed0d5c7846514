package paysim

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"bazaar/shared/payment/alipay"
)

//go:embed page.html page.css
var pageFiles embed.FS

// page is what a buyer sees of a trade.
type page struct {
	Token   string
	Subject string
	Yuan    string
	Number  string
	State   string // wait, paid, closed, expired
	Until   string
	Left    int // seconds until the page has to be loaded again; 0: never
}

// pages shows and moves trades for buyers.
type pages struct {
	*Provider
	template *template.Template
}

func newPages(p *Provider) (*pages, error) {
	t, err := template.ParseFS(pageFiles, "page.html")
	if err != nil {
		return nil, fmt.Errorf("reading the page: %w", err)
	}
	return &pages{p, t}, nil
}

// show is GET /pay/{token}: to look at the page is to scan the code.
func (p *pages) show(w http.ResponseWriter, r *http.Request) {
	t, err := p.scan(r.PathValue("token"))
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	if !wantsHTML(r) {
		p.answer(w, http.StatusOK, t)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err := p.template.Execute(w, p.view(t)); err != nil {
		p.Log.Error("the page cannot be written", "error", err)
	}
}

// view is t as the page shows it.
func (p *pages) view(t Trade) page {
	yuan, err := alipay.Yuan(t.Fen)
	if err != nil {
		yuan = "?"
	}
	v := page{Token: t.Token, Subject: t.Subject, Yuan: yuan, Number: t.OutTradeNo, Until: alipay.FormatTime(t.ExpiresAt)[5:16]}
	switch {
	case alipay.Paid(t.Status):
		v.State = "paid"
	case t.Status == alipay.WaitBuyerPay:
		v.State, v.Left = "wait", int(t.ExpiresAt.Sub(p.Now())/time.Second)+1
	case t.Closed.Before(t.ExpiresAt) && t.Scanned():
		v.State = "closed"
	default:
		v.State = "expired"
	}
	return v
}

// move is what a button does. A browser is sent back to the page, anything else
// is told the trade.
func (p *pages) move(by func(token string) (Trade, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t, err := by(r.PathValue("token"))
		switch {
		case errors.Is(err, errNoTrade), err != nil && !wantsHTML(r):
			p.refuse(w, r, err)
		case wantsHTML(r):
			// A refusal shows itself: the page says what the trade is now.
			http.Redirect(w, r, "/pay/"+t.Token, http.StatusSeeOther)
		default:
			p.answer(w, http.StatusOK, t)
		}
	}
}

// refuse says why a page or a button does nothing.
func (p *pages) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusConflict
	switch {
	case errors.Is(err, errNoTrade):
		status = http.StatusNotFound
	case !errors.Is(err, errClosed) && !errors.Is(err, errPaid):
		status = http.StatusInternalServerError
	}
	if wantsHTML(r) {
		http.Error(w, err.Error(), status)
		return
	}
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

// answer is a trade for whoever is no browser.
func (p *pages) answer(w http.ResponseWriter, status int, t Trade) {
	writeJSON(w, status, map[string]any{"out_trade_no": t.OutTradeNo, "trade_no": t.TradeNo, "status": t.Status})
}

// wantsHTML reports whether a browser asks.
func wantsHTML(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// style is GET /pay.css.
func (p *pages) style(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, pageFiles, "page.css")
}
