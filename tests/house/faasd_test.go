package house_test

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// core is a service of infra/faasd/services.yml.
type core struct {
	Image       string   `yaml:"image"`
	User        string   `yaml:"user"`
	Command     []string `yaml:"command"`
	Environment []string `yaml:"environment"`
	Volumes     []struct {
		Type   string `yaml:"type"`
		Source string `yaml:"source"`
		Target string `yaml:"target"`
	} `yaml:"volumes"`
	DependsOn []string `yaml:"depends_on"`
}

// environment gives the value of each variable.
func (c core) environment() map[string]string {
	values := map[string]string{}
	for _, entry := range c.Environment {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	return values
}

func coreServices(t *testing.T) map[string]core {
	t.Helper()
	var file struct {
		Services map[string]core `yaml:"services"`
	}
	if err := yaml.Unmarshal([]byte(ours(t).read(t, "infra/faasd/services.yml")), &file); err != nil {
		t.Fatal(err)
	}
	return file.Services
}

// TestCoreServicesAreSetAsTheyRead holds the services that are ours against
// their settings: each secret is mounted where it is looked for, and each
// variable is read.
func TestCoreServicesAreSetAsTheyRead(t *testing.T) {
	t.Parallel()
	services, read := coreServices(t), processes(t)
	for name, program := range map[string]string{"jetstream": "nats", "migrate": "migrate", "trigger": "trigger", "connector": "connector"} {
		service := services[name]
		if want := "ghcr.io/bazaar/" + program + ":latest"; service.Image != want {
			t.Errorf("%s: image %q, want %q", name, service.Image, want)
		}
		environment := service.environment()
		var mounted []string
		for _, v := range service.Volumes {
			if dir, file := path.Split(v.Target); path.Clean(dir) == environment["secret_mount_path"] {
				mounted = append(mounted, file)
			}
		}
		slices.Sort(mounted)
		want := slices.Compact(slices.Sorted(slices.Values(read[program].secrets)))
		if !slices.Equal(mounted, want) {
			t.Errorf("%s: it reads the secrets %q, mounted are %q", name, want, mounted)
		}
		for variable := range environment {
			known := slices.ContainsFunc(read[program].env, func(s setting) bool { return s.name == variable })
			if !known && variable != "secret_mount_path" {
				t.Errorf("%s: nothing in it reads %s", name, variable)
			}
		}
	}
}

// TestCoreServicesFitFaasd holds what faasd asks of a service: bind mounts
// only, a user who is not root since no capability is given, and dependencies
// that exist. Its own services are the gateway's.
func TestCoreServicesFitFaasd(t *testing.T) {
	t.Parallel()
	services := coreServices(t)
	for name, c := range services {
		if n, err := strconv.Atoi(c.User); err != nil || n == 0 {
			t.Errorf("%s: user %q, want the number of one who is not root", name, c.User)
		}
		for _, v := range c.Volumes {
			if v.Type != "bind" {
				t.Errorf("%s: faasd has no %s volumes", name, v.Type)
			}
			secret, isSecret := strings.CutPrefix(v.Target, "/run/secrets/")
			if isSecret && v.Source != "./secrets/"+secret {
				t.Errorf("%s: the secret %s is mounted from %s", name, secret, v.Source)
			}
		}
		for _, other := range c.DependsOn {
			if _, ok := services[other]; !ok && other != "gateway" {
				t.Errorf("%s: depends on %s, which is nowhere", name, other)
			}
		}
	}
}

// serviceConnections is what the trigger and one connector may hold of PostgreSQL.
func serviceConnections(t *testing.T) int {
	t.Helper()
	sum := 0
	for _, name := range []string{"trigger", "connector"} {
		n, err := strconv.Atoi(coreServices(t)[name].environment()["pg_max_conns"])
		if err != nil {
			t.Errorf("pg_max_conns of %s: %v", name, err)
		}
		sum += n
	}
	return sum
}
