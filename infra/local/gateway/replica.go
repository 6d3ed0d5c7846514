package gateway

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Replica is one process that answers for a function.
type Replica struct {
	Instance string

	function *Function
	proxy    *httputil.ReverseProxy
	addr     atomic.Pointer[string]
	up       atomic.Bool
	busy     atomic.Int64
}

// Up says that the replica answers at addr (host:port).
func (r *Replica) Up(addr string) {
	r.addr.Store(&addr)
	r.up.Store(true)
}

// Down keeps new calls away from the replica.
func (r *Replica) Down() { r.up.Store(false) }

func (r *Replica) newProxy(g *Gateway) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        r.rewrite,
		Transport:      g.transport,
		ModifyResponse: sign,
		ErrorHandler:   r.failed,
		BufferPool:     &g.buffers,
		ErrorLog:       log.New(quiet{g.settings.Log.Debug}, "", 0),
	}
}

// restTime is how long a caller may go on with a body that nobody wants any more.
const restTime = time.Second

// errOver is what reads a body after its call was answered.
var errOver = errors.New("the call was answered before its body had come")

// callerBody is the body of a call, which remembers that the caller broke it off.
type callerBody struct {
	from   io.Reader
	broken atomic.Bool

	reading sync.Mutex
	err     error // why nothing more is read
}

func (b *callerBody) Read(into []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.from.Read(into)
	if b.err = err; err != nil && err != io.EOF {
		b.broken.Store(true)
	}
	return n, err
}

// Close does nothing: the server closes its own body.
func (b *callerBody) Close() error { return nil }

// leave ends the reading of a body whose call was answered without its rest. The
// transport may still be waiting for it; net/http would then take away the read's
// deadline and wait for the rest itself, for ever if it never comes.
func (b *callerBody) leave(w http.ResponseWriter) {
	if !b.reading.TryLock() {
		if http.NewResponseController(w).SetReadDeadline(time.Now().Add(restTime)) != nil {
			return
		}
		b.reading.Lock() // the read ends with its deadline at the latest
	}
	b.err = errOver
	b.reading.Unlock()
}

// rewrite makes the call that the function sees: the path after its name, a
// call id, and never an upgrade, which the real gateway does not pass either.
func (r *Replica) rewrite(p *httputil.ProxyRequest) {
	out := p.Out
	out.Host = ""
	out.URL.Scheme, out.URL.Host = "http", *r.addr.Load()
	out.URL.Path = afterName(p.In.URL.Path)
	out.URL.RawQuery = p.In.URL.RawQuery // also what no form parser takes: the function refuses it
	if out.URL.RawPath != "" {
		out.URL.RawPath = afterName(p.In.URL.RawPath)
	}
	if body, ok := p.In.Body.(*callerBody); ok {
		out.Body = body
	}
	h := out.Header
	if len(h["Upgrade"]) > 0 {
		h.Del("Upgrade")
		h.Del("Connection")
	}
	if len(h["X-Call-Id"]) == 0 {
		h["X-Call-Id"] = []string{uuid.NewString()}
	}
	h["X-Start-Time"] = []string{strconv.FormatInt(time.Now().UnixNano(), 10)}
	if h["X-Forwarded-Host"] = p.In.Header["X-Forwarded-Host"]; len(h["X-Forwarded-Host"]) == 0 {
		h["X-Forwarded-Host"] = []string{p.In.Host}
	}
	if h["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]; len(h["X-Forwarded-For"]) == 0 {
		h["X-Forwarded-For"] = []string{p.In.RemoteAddr}
	}
}

// afterName cuts /function/<name> off a path.
func afterName(path string) string {
	path = strings.TrimPrefix(path, "/function/")
	slash := strings.IndexByte(path, '/')
	if slash < 0 {
		return "/"
	}
	return path[slash:]
}

// sign puts on the answer what the gateway adds to it.
func sign(answer *http.Response) error {
	if len(answer.Header["X-Call-Id"]) == 0 {
		answer.Header["X-Call-Id"] = answer.Request.Header["X-Call-Id"]
	}
	answer.Header["X-Start-Time"] = answer.Request.Header["X-Start-Time"]
	answer.Header["X-Served-By"] = []string{servedBy}
	return nil
}

// failed answers for a function that did not: nobody knows whether it has done
// its work. A caller who went away needs no answer.
func (r *Replica) failed(w http.ResponseWriter, call *http.Request, err error) {
	if errors.Is(err, context.Canceled) && call.Context().Err() != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	if body, ok := call.Body.(*callerBody); ok && body.broken.Load() {
		w.Header().Set("Connection", "close")
		http.Error(w, "The body of the request could not be read.", http.StatusBadRequest)
		return
	}
	r.function.gateway.settings.Log.Warn("a call got no answer", "function", r.function.Spec.Name, "instance", r.Instance,
		"call_id", call.Header.Get("X-Call-Id"), "error", err.Error())
	unreachable(w)
}

// buffers lends what answers are copied with.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return *buf
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(buf []byte) { b.pool.Put(&buf) }

// quiet is where ReverseProxy's own log goes: what matters comes to failed.
type quiet struct{ log func(string, ...any) }

func (q quiet) Write(p []byte) (int, error) {
	q.log(strings.TrimSpace(string(p)))
	return len(p), nil
}
