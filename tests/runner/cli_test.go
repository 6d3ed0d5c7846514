package runner_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/logs"
	"github.com/openfaas/faas-provider/types"
)

const agent = "faas-cli/0.18.12 (openfaas; linux; amd64)"

// Each of these is a request that faas-cli 0.18 sends for the command in its
// name, and what the command needs from the answer.
func TestWhatTheCommandLineAsksOfFunctions(t *testing.T) {
	t.Parallel()
	ask := up(t, newDir(t), "--replicas", "echo=2").ask
	ask("login", http.MethodGet, "/system/functions", "", http.StatusOK)
	ask("login with a wrong password", http.MethodGet, "/system/functions", "", http.StatusUnauthorized, "Authorization", "Basic YWRtaW46bm8=")

	echoed := ask("invoke echo", http.MethodPost, "/function/echo/", "hello\n", http.StatusOK, "Content-Type", "text/plain")
	if echoed != "hello\n" {
		t.Errorf("invoke: %q", echoed)
	}
	ask("invoke gone", http.MethodPost, "/function/gone/", "hello", http.StatusNotFound)
	ask("invoke echo -n openfaas-fn", http.MethodPost, "/function/echo.openfaas-fn/", "hello", http.StatusOK)

	var list []types.FunctionStatus
	into(t, ask("list", http.MethodGet, "/system/functions", "", http.StatusOK), &list)
	if len(list) != 1 || list[0].Name != "echo" || list[0].Replicas != 2 || list[0].AvailableReplicas != 2 ||
		list[0].InvocationCount != 2 || list[0].Image != "example.org/echo:1" {
		t.Errorf("list: %+v", list)
	}
	var one types.FunctionStatus
	into(t, ask("describe echo", http.MethodGet, "/system/function/echo?usage=1", "", http.StatusOK), &one)
	if one.EnvVars["word"] != "from the file" || (*one.Labels)["tier"] != "test" || (*one.Annotations)["purpose"] == "" ||
		one.Limits.Memory != "64Mi" || len(one.Secrets) != 2 || time.Since(one.CreatedAt) > time.Hour {
		t.Errorf("describe: %+v", one)
	}
	ask("describe gone", http.MethodGet, "/system/function/gone?usage=1", "", http.StatusNotFound)
	if text := ask("deploy", http.MethodPut, "/system/functions", `{"service":"echo","image":"x"}`, http.StatusNotImplemented); !strings.Contains(text, "stack.yml") {
		t.Errorf("deploy: %s", text)
	}
}

func TestWhatTheCommandLineAsksOfThePlatform(t *testing.T) {
	t.Parallel()
	ask := up(t, newDir(t)).ask
	var secrets []types.Secret
	ask("secret create", http.MethodPost, "/system/secrets", `{"name":"partner","rawValue":"b25l"}`, http.StatusAccepted)
	ask("secret update", http.MethodPut, "/system/secrets", `{"name":"partner","rawValue":"dHdv"}`, http.StatusAccepted)
	into(t, ask("secret list", http.MethodGet, "/system/secrets", "", http.StatusOK), &secrets)
	names := ""
	for _, s := range secrets {
		names += s.Name + s.Value + string(s.RawValue) + " "
	}
	if !strings.Contains(names, "partner ") || !strings.Contains(names, "token-keys ") {
		t.Errorf("secret list: %s", names)
	}
	ask("secret remove", http.MethodDelete, "/system/secrets", `{"name":"partner"}`, http.StatusAccepted)

	var namespaces []string
	into(t, ask("namespace list", http.MethodGet, "/system/namespaces", "", http.StatusOK), &namespaces)
	if len(namespaces) != 1 || namespaces[0] != "openfaas-fn" {
		t.Errorf("namespace list: %q", namespaces)
	}
	var info struct {
		Provider types.ProviderInfo `json:"provider"`
		Version  types.VersionInfo  `json:"version"`
		Arch     string             `json:"arch"`
	}
	into(t, ask("version", http.MethodGet, "/system/info", "", http.StatusOK), &info)
	if info.Provider.Name == "" || info.Provider.Orchestration == "" || info.Version.Release == "" || info.Arch == "" {
		t.Errorf("version: %+v", info)
	}
}

// ask sends what a command of faas-cli sends and gives the answer.
func (r *runner) ask(command, method, path, body string, want int, header ...string) string {
	r.t.Helper()
	status, text, _ := r.call(method, path, body, append(header, "User-Agent", agent)...)
	if status != want {
		r.t.Errorf("%s: %d %s, want %d", command, status, text, want)
	}
	return text
}

func TestLogsOfAFunction(t *testing.T) {
	t.Parallel()
	r := up(t, newDir(t))
	for _, words := range []string{"one", "two"} {
		if status, text, _ := r.call(http.MethodGet, "/function/echo/say/"+words, ""); status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
	}
	since := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	for _, query := range []string{"follow=0&name=echo&tail=-1", "follow=false&name=echo&since=" + since} {
		status, text, header := r.call(http.MethodGet, "/system/logs?"+query, "")
		if status != http.StatusOK || header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("%s: %d", query, status)
		}
		var said []string
		for line := range strings.Lines(text) {
			var m logs.Message
			into(t, line, &m)
			if m.Name != "echo" || m.Instance != "echo-1" || m.Timestamp.IsZero() {
				t.Errorf("line %s", line)
			}
			said = append(said, m.Text)
		}
		all := strings.Join(said, "\n")
		if !strings.Contains(all, `"ONE"`) || strings.Index(all, `"ONE"`) > strings.Index(all, `"TWO"`) {
			t.Errorf("%s: %s", query, all)
		}
	}
}

func into(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}
