package gateway_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"
)

// The gateway is compared with what it is made of: a bare reverse proxy with a
// transport of its own that keeps as many connections.
func BenchmarkGateway(b *testing.B) {
	answer := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"ok":true}`)
	}
	b.Run("bare", func(b *testing.B) {
		server := httptest.NewServer(http.HandlerFunc(answer))
		defer server.Close()
		target, err := url.Parse(server.URL)
		if err != nil {
			b.Fatal(err)
		}
		proxy := httptest.NewServer(&httputil.ReverseProxy{
			Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(target) },
			Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
		})
		defer proxy.Close()
		load(b, proxy.URL)
	})
	b.Run("gateway", func(b *testing.B) {
		h := build(b, 30*time.Second)
		h.replica(b, "a", answer)
		load(b, h.url+"/function/echo")
	})
}

func load(b *testing.B, target string) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024}}
	defer client.CloseIdleConnections()
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			res, err := client.Get(target)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	})
}
