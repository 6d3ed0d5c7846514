// Package config reads what a process is told from outside: settings from
// lower_snake environment variables and secrets from files, into a struct whose
// fields carry their defaults.
//
//	type settings struct {
//		URL      string `env:"pg_url"`
//		MaxConns int    `env:"pg_max_conns" envDefault:"3"`
//		Password string `secret:"postgres-password"`
//	}
//
// It owns no setting itself but secret_mount_path, the folder of the secrets.
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// SecretMountPath is where OpenFaaS mounts secrets unless secret_mount_path says otherwise.
const SecretMountPath = "/var/openfaas/secrets"

// Load fills a T from environ ("name=value", as os.Environ gives) and from the
// secret files. Every wrong setting and every missing secret is named in the
// error, never its value. A field tagged `secret:"name,optional"` stays empty
// when its file is missing.
func Load[T any](environ []string) (T, error) {
	var into T
	values := env.ToMap(environ)
	if err := env.ParseWithOptions(&into, env.Options{Environment: values}); err != nil {
		return into, fmt.Errorf("reading the settings from the environment: %w", err)
	}
	dir := values["secret_mount_path"]
	if dir == "" {
		dir = SecretMountPath
	}
	if err := readSecrets(reflect.ValueOf(&into).Elem(), dir); err != nil {
		return into, fmt.Errorf("reading the secrets: %w", err)
	}
	return into, nil
}

// readSecrets fills the tagged fields of v, also in nested structs, and gathers
// all that is missing so that one start names everything.
func readSecrets(v reflect.Value, dir string) error {
	if v.Kind() != reflect.Struct {
		return nil
	}
	var missing []error
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		tag, tagged := field.Tag.Lookup("secret")
		if !tagged {
			if field.IsExported() {
				missing = append(missing, readSecrets(value, dir))
			}
			continue
		}
		name, optional := strings.CutSuffix(tag, ",optional")
		missing = append(missing, readSecret(value, filepath.Join(dir, name), optional))
	}
	return errors.Join(missing...)
}

func readSecret(into reflect.Value, path string, optional bool) error {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && optional {
		return nil
	}
	if err != nil {
		return fmt.Errorf("secret %s: %w", filepath.Base(path), err)
	}
	text := strings.TrimRight(string(content), "\r\n")
	switch {
	case into.Kind() == reflect.String:
		into.SetString(text)
	case into.Type() == reflect.TypeFor[[]byte]():
		into.SetBytes([]byte(text))
	default:
		return fmt.Errorf("secret %s: its field is a %s, not a string or bytes", filepath.Base(path), into.Type())
	}
	return nil
}
