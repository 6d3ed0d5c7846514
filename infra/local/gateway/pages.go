package gateway

import "net/http"

// chatPath is where the page of the chat is.
const chatPath = "/chat/"

// pages serves what people open in a browser. The real gateway has a page of its
// own at / and none of the chat.
func (g *Gateway) pages(into *http.ServeMux) {
	if g.settings.Chat == nil {
		return
	}
	into.Handle(chatPath, http.StripPrefix("/chat", g.settings.Chat))
	into.Handle("GET /{$}", http.RedirectHandler(chatPath, http.StatusFound))
}
