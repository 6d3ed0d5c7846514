package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"runtime"

	"github.com/openfaas/faas-provider/types"

	"bazaar/infra/local/stack"
)

// routes is everything but the calls of functions.
func (g *Gateway) routes() http.Handler {
	system := http.NewServeMux()
	system.HandleFunc("GET /system/functions", g.list)
	system.HandleFunc("POST /system/functions", g.deploy)
	system.HandleFunc("PUT /system/functions", g.deploy)
	system.HandleFunc("DELETE /system/functions", g.deploy)
	system.HandleFunc("GET /system/function/{name}", g.status)
	system.HandleFunc("POST /system/scale-function/{name}", g.scale)
	system.HandleFunc("GET /system/secrets", g.listSecrets)
	system.HandleFunc("POST /system/secrets", g.putSecret)
	system.HandleFunc("PUT /system/secrets", g.putSecret)
	system.HandleFunc("DELETE /system/secrets", g.deleteSecret)
	system.HandleFunc("GET /system/logs", g.logs)
	system.HandleFunc("GET /system/info", g.info)
	system.HandleFunc("GET /system/namespaces", g.namespaces)

	all := http.NewServeMux()
	all.Handle("/system/", g.known(system))
	all.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "OK") })
	all.HandleFunc("/async-function/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotImplemented, "The local runner has no queue for asynchronous calls: call /function/ instead.")
	})
	g.pages(all)
	return all
}

// known lets those in who have the basic auth of /system.
func (g *Gateway) known(next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(g.settings.User + "\x00" + g.settings.Password))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		got := sha256.Sum256([]byte(user + "\x00" + password))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 0 {
			w.Header().Set("WWW-Authenticate", `Basic realm="Restricted"`)
			refuse(w, http.StatusUnauthorized, "invalid credentials")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (g *Gateway) list(w http.ResponseWriter, r *http.Request) {
	all := []types.FunctionStatus{}
	if ours(r) {
		for _, f := range g.ordered {
			all = append(all, f.status())
		}
	}
	answer(w, http.StatusOK, all)
}

func (g *Gateway) status(w http.ResponseWriter, r *http.Request) {
	f := g.find(r.PathValue("name"))
	if f == nil || !ours(r) {
		refuse(w, http.StatusNotFound, "There is no function "+r.PathValue("name")+".")
		return
	}
	answer(w, http.StatusOK, f.status())
}

func (g *Gateway) deploy(w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusNotImplemented, "The local runner takes its functions from stack.yml: change them there and start it again.")
}

func (g *Gateway) scale(w http.ResponseWriter, r *http.Request) {
	f := g.find(r.PathValue("name"))
	if f == nil || !ours(r) {
		refuse(w, http.StatusNotFound, "There is no function "+r.PathValue("name")+".")
		return
	}
	var wish types.ScaleServiceRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&wish); err != nil {
		refuse(w, http.StatusBadRequest, "The body is no scale request: "+err.Error())
		return
	}
	if g.settings.Scale == nil || wish.Replicas > 100 {
		refuse(w, http.StatusBadRequest, "A function can have 0 to 100 replicas here.")
		return
	}
	if err := g.settings.Scale(f.Spec.Name, int(wish.Replicas)); err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (g *Gateway) info(w http.ResponseWriter, _ *http.Request) {
	version := &types.VersionInfo{Release: "local", SHA: "local"}
	answer(w, http.StatusOK, struct {
		Provider types.ProviderInfo `json:"provider"`
		Version  *types.VersionInfo `json:"version"`
		Arch     string             `json:"arch"`
	}{types.ProviderInfo{Name: servedBy, Version: version, Orchestration: "processes"}, version, runtime.GOARCH})
}

func (g *Gateway) namespaces(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, []string{Namespace})
}

// ours reports whether the request is about our namespace, said or unsaid.
func ours(r *http.Request) bool {
	name := r.URL.Query().Get("namespace")
	return name == "" || name == Namespace
}

func (f *Function) status() types.FunctionStatus {
	s := f.Spec
	return types.FunctionStatus{
		Name: s.Name, Image: s.Image, Namespace: Namespace, EnvProcess: s.Process,
		EnvVars: s.Environment, Secrets: s.Secrets, Labels: &s.Labels, Annotations: &s.Annotations,
		Limits: resources(s.Limits), Requests: resources(s.Requests), ReadOnlyRootFilesystem: s.ReadOnly,
		InvocationCount: float64(f.calls.Load()), Replicas: uint64(len(f.all())),
		AvailableReplicas: uint64(f.Available()), CreatedAt: f.Created,
	}
}

func resources(r *stack.Resources) *types.FunctionResources {
	if r == nil {
		return nil
	}
	return &types.FunctionResources{Memory: r.Memory, CPU: r.CPU}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set(internalHeader, "gateway")
	http.Error(w, text, status)
}
