package gateway_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/logs"
	"github.com/openfaas/faas-provider/types"
)

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return v
}

func TestSystemWantsBasicAuth(t *testing.T) {
	t.Parallel()
	h := build(t, time.Second)
	for _, path := range []string{"functions", "function/echo", "secrets", "logs?name=echo", "info", "namespaces", "other"} {
		res, _ := h.do(t, http.MethodGet, "/system/"+path, "", "Authorization", "Basic YWRtaW46d3Jvbmc=")
		if res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	if res, _ := h.do(t, http.MethodGet, "/healthz", "", "Authorization", "none"); res.StatusCode != http.StatusOK {
		t.Errorf("healthz: %d", res.StatusCode)
	}
}

func TestAFunctionIsDescribed(t *testing.T) {
	t.Parallel()
	h := build(t, time.Second)
	h.replica(t, "a", func(http.ResponseWriter, *http.Request) {})
	down := h.replica(t, "b", func(http.ResponseWriter, *http.Request) {})
	down.Down()
	h.do(t, http.MethodGet, "/function/echo", "")
	_, text := h.do(t, http.MethodGet, "/system/functions", "")
	list := decode[[]types.FunctionStatus](t, text)
	if len(list) != 1 {
		t.Fatalf("%d functions", len(list))
	}
	f := list[0]
	if f.Name != "echo" || f.Image != "example/echo:1" || f.Replicas != 2 || f.AvailableReplicas != 1 || f.InvocationCount != 1 ||
		f.EnvVars["max_inflight"] != "7" || (*f.Annotations)["topic"] != "a.b" || (*f.Labels)["l"] != "1" ||
		f.Secrets[0] != "token-keys" || f.Limits.Memory != "64Mi" || f.CreatedAt.IsZero() {
		t.Errorf("described as %s", text)
	}
	_, one := h.do(t, http.MethodGet, "/system/function/echo?namespace=openfaas-fn", "")
	if decode[types.FunctionStatus](t, one).Name != "echo" {
		t.Errorf("one: %s", one)
	}
	if res, _ := h.do(t, http.MethodGet, "/system/function/gone", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("gone: %d", res.StatusCode)
	}
	if _, none := h.do(t, http.MethodGet, "/system/functions?namespace=other", ""); none != "[]\n" {
		t.Errorf("another namespace: %s", none)
	}
	if _, text := h.do(t, http.MethodGet, "/system/namespaces", ""); decode[[]string](t, text)[0] != "openfaas-fn" {
		t.Errorf("namespaces %s", text)
	}
	if _, text := h.do(t, http.MethodGet, "/system/info", ""); !strings.Contains(text, `"orchestration":"processes"`) {
		t.Errorf("info %s", text)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if res, text := h.do(t, method, "/system/functions", "{}"); res.StatusCode != http.StatusNotImplemented || !strings.Contains(text, "stack.yml") {
			t.Errorf("%s: %d %s", method, res.StatusCode, text)
		}
	}
}

func TestScaling(t *testing.T) {
	t.Parallel()
	h := build(t, time.Second)
	for body, want := range map[string]int{
		`{"serviceName":"echo","replicas":2}`: http.StatusAccepted, `{"replicas":4}`: http.StatusInternalServerError,
		`{"replicas":101}`: http.StatusBadRequest, `{`: http.StatusBadRequest,
	} {
		if res, _ := h.do(t, http.MethodPost, "/system/scale-function/echo", body); res.StatusCode != want {
			t.Errorf("%s: %d", body, res.StatusCode)
		}
	}
	if res, _ := h.do(t, http.MethodPost, "/system/scale-function/gone", `{}`); res.StatusCode != http.StatusNotFound {
		t.Errorf("gone: %d", res.StatusCode)
	}
}

func TestSecretsOverTheAPI(t *testing.T) {
	t.Parallel()
	h := build(t, time.Second)
	for _, step := range []struct {
		method, body string
		want         int
	}{
		{http.MethodPost, `{"name":"partner","value":"one"}`, http.StatusAccepted},
		{http.MethodPost, `{"name":"partner","value":"one"}`, http.StatusConflict},
		{http.MethodPut, `{"name":"partner","rawValue":"dHdv"}`, http.StatusAccepted},
		{http.MethodPut, `{"name":"gone","value":"x"}`, http.StatusNotFound},
		{http.MethodPost, `{"name":"../x","value":"x"}`, http.StatusBadRequest},
		{http.MethodPost, `nonsense`, http.StatusBadRequest},
	} {
		if res, text := h.do(t, step.method, "/system/secrets", step.body); res.StatusCode != step.want {
			t.Errorf("%s %s: %d %s", step.method, step.body, res.StatusCode, text)
		}
	}
	_, text := h.do(t, http.MethodGet, "/system/secrets", "")
	found := false
	for _, s := range decode[[]types.Secret](t, text) {
		if s.Value != "" || len(s.RawValue) > 0 {
			t.Errorf("the value of %s is shown", s.Name)
		}
		found = found || s.Name == "partner"
	}
	if !found {
		t.Errorf("not listed: %s", text)
	}
	for _, want := range []int{http.StatusAccepted, http.StatusNotFound} {
		if res, _ := h.do(t, http.MethodDelete, "/system/secrets", `{"name":"partner"}`); res.StatusCode != want {
			t.Errorf("delete: %d, want %d", res.StatusCode, want)
		}
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	h := build(t, time.Second)
	write := func(instance, text string) {
		w := h.echo.Journal.Writer(instance)
		if _, err := w.Write([]byte(text + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	write("echo-1", "one")
	write("echo-2", "two")
	write("echo-1", "three")
	read := func(query string) string {
		t.Helper()
		res, text := h.do(t, http.MethodGet, "/system/logs?name=echo"+query, "")
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("%s: %d %s", query, res.StatusCode, text)
		}
		var texts []string
		for line := range strings.Lines(text) {
			m := decode[logs.Message](t, line)
			if m.Name != "echo" || m.Namespace != "openfaas-fn" || m.Timestamp.IsZero() {
				t.Errorf("line %s", line)
			}
			texts = append(texts, m.Instance+":"+m.Text)
		}
		return strings.Join(texts, " ")
	}
	for query, want := range map[string]string{
		"":                            "echo-1:one echo-2:two echo-1:three",
		"&tail=1":                     "echo-1:three",
		"&tail=-1":                    "echo-1:one echo-2:two echo-1:three",
		"&instance=echo-2":            "echo-2:two",
		"&instance=echo-1&tail=1":     "echo-1:three",
		"&since=2999-01-01T00:00:00Z": "",
		"&since=2000-01-01T00:00:00Z": "echo-1:one echo-2:two echo-1:three",
		"&follow=false&namespace=":    "echo-1:one echo-2:two echo-1:three",
	} {
		if got := read(query); got != want {
			t.Errorf("%q gives %q, want %q", query, got, want)
		}
	}
	if res, _ := h.do(t, http.MethodGet, "/system/logs?name=gone", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("gone: %d", res.StatusCode)
	}
	if res, _ := h.do(t, http.MethodGet, "/system/logs?name=echo&since=yesterday", ""); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("yesterday: %d", res.StatusCode)
	}
}

func TestLogsAreFollowedUntilTheGatewayStops(t *testing.T) {
	t.Parallel()
	h := build(t, time.Second)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+"/system/logs?name=echo&follow=1&tail=10", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("admin", "pass")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	w := h.echo.Journal.Writer("echo-1")
	lines := bufio.NewScanner(res.Body)
	for _, text := range []string{"first", "second"} {
		if _, err := w.Write([]byte(text + "\n")); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() || !strings.Contains(lines.Text(), text) {
			t.Errorf("followed %q, want %q", lines.Text(), text)
		}
	}
	h.Close()
	if lines.Scan() {
		t.Errorf("after the end: %q", lines.Text())
	}
}
