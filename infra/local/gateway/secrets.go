package gateway

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"slices"

	"github.com/openfaas/faas-provider/types"

	"bazaar/infra/local/secret"
)

// listSecrets gives names, never values.
func (g *Gateway) listSecrets(w http.ResponseWriter, r *http.Request) {
	all := []types.Secret{}
	if ours(r) {
		names, err := g.settings.Secrets.Names()
		if err != nil {
			refuse(w, http.StatusInternalServerError, err.Error())
			return
		}
		for _, name := range names {
			all = append(all, types.Secret{Name: name, Namespace: Namespace})
		}
	}
	answer(w, http.StatusOK, all)
}

// putSecret creates (POST) or replaces (PUT) a secret. Replicas see it when
// they start again.
func (g *Gateway) putSecret(w http.ResponseWriter, r *http.Request) {
	s, ok := readSecret(w, r)
	if !ok {
		return
	}
	if r.Method == http.MethodPut && !g.hasSecret(s.Name) {
		refuse(w, http.StatusNotFound, "There is no secret "+s.Name+".")
		return
	}
	if r.Method == http.MethodPost && g.hasSecret(s.Name) {
		refuse(w, http.StatusConflict, "There is a secret "+s.Name+" already.")
		return
	}
	value := s.RawValue
	if len(value) == 0 {
		value = []byte(s.Value)
	}
	switch err := g.settings.Secrets.Put(s.Name, value); {
	case errors.Is(err, secret.ErrName):
		refuse(w, http.StatusBadRequest, err.Error())
	case err != nil:
		refuse(w, http.StatusInternalServerError, err.Error())
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

func (g *Gateway) deleteSecret(w http.ResponseWriter, r *http.Request) {
	s, ok := readSecret(w, r)
	if !ok {
		return
	}
	switch err := g.settings.Secrets.Remove(s.Name); {
	case errors.Is(err, fs.ErrNotExist):
		refuse(w, http.StatusNotFound, "There is no secret "+s.Name+".")
	case err != nil:
		refuse(w, http.StatusInternalServerError, err.Error())
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

func (g *Gateway) hasSecret(name string) bool {
	names, err := g.settings.Secrets.Names()
	return err == nil && slices.Contains(names, name)
}

func readSecret(w http.ResponseWriter, r *http.Request) (types.Secret, bool) {
	var s types.Secret
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&s); err != nil {
		refuse(w, http.StatusBadRequest, "The body is no secret: "+err.Error())
		return s, false
	}
	return s, true
}
