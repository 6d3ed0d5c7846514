package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryWriteIsSynced: without it a power cut loses what was acknowledged.
func TestEveryWriteIsSynced(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "streams")
	o, err := options(settings{User: "bazaar", Password: "pw"}, dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if !o.SyncAlways || !o.JetStream || o.StoreDir != dir {
		t.Errorf("sync always %t, JetStream %t in %s", o.SyncAlways, o.JetStream, o.StoreDir)
	}
	if o.JetStreamMaxStore <= 0 {
		t.Errorf("the streams may take %d bytes", o.JetStreamMaxStore)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"nats-password": {"--dir", t.TempDir()},
		"--nothing":     {"-nothing"},
	} {
		err := run(context.Background(), args, []string{"secret_mount_path=" + t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(want, "-")) {
			t.Errorf("%v: %v", args, err)
		}
	}
	if _, err := options(settings{Password: "pw"}, t.TempDir(), "localhost"); err == nil {
		t.Error("an address without a port is taken")
	}
	if _, err := options(settings{}, t.TempDir(), "127.0.0.1:0"); err == nil {
		t.Error("an empty password is taken")
	}
}
