package paysim

import (
	"io"
	"net/http"
)

// Handler serves the gateway, the buyers' pages and the API for tests. The API
// is open to whoever reaches it and can send forged notifications: it belongs
// on the loopback interface.
func (p *Provider) Handler() (http.Handler, error) {
	pages, err := newPages(p)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /gateway.do", p.gateway)

	mux.HandleFunc("GET /pay/{token}", pages.show)
	mux.HandleFunc("POST /pay/{token}/pay", pages.move(p.pay))
	mux.HandleFunc("POST /pay/{token}/cancel", pages.move(p.cancel))
	mux.HandleFunc("GET /pay.css", pages.style)

	mux.HandleFunc("GET /api/trades", p.listTrades)
	mux.HandleFunc("GET /api/trades/{out_trade_no}", p.showTrade)
	mux.HandleFunc("POST /api/trades/{out_trade_no}/notify", p.notifyByHand)
	mux.HandleFunc("GET /api/notifications", p.listNotifications)

	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	return mux, nil
}
