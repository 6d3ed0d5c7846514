//go:build linux

package powercut_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// carelessNATS is the name under which this program is a NATS server with the
// default sync_interval: it syncs every two minutes.
const carelessNATS = "nats-careless"

// programs builds what the tests start, once, and says where.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("../../bin/powercut")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", dir+"/", "bazaar/infra/cmd/nats", "bazaar/infra/cmd/local")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building NATS and the runner: %w: %s", err, out)
	}
	return dir, nil
})

// program gives the path of a program: nats, the shop's own, carelessNATS, or
// local, the runner.
func program(t *testing.T, name string) string {
	t.Helper()
	if name == carelessNATS {
		path := filepath.Join(t.TempDir(), name)
		self, err := os.Executable()
		if err == nil {
			err = os.Symlink(self, path)
		}
		if err != nil {
			t.Fatalf("giving this program another name: %v", err)
		}
		return path
	}
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// serveCarelessly is infra/cmd/nats but for SyncAlways.
func serveCarelessly(args []string) error {
	flags := flag.NewFlagSet(carelessNATS, flag.ContinueOnError)
	dir := flags.String("dir", "", "folder of the streams")
	listen := flags.String("listen", "", "address to listen on")
	if err := flags.Parse(args); err != nil {
		return err
	}
	host, portText, err := net.SplitHostPort(*listen)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return err
	}
	s, err := natsserver.NewServer(&natsserver.Options{
		ServerName: "bazaar", Host: host, Port: port, Username: "bazaar", Password: password,
		JetStream: true, StoreDir: *dir, JetStreamMaxStore: 16 << 30, JetStreamMaxMemory: 64 << 20,
		NoSigs: true, NoLog: true,
	})
	if err != nil {
		return err
	}
	go s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(30 * time.Second) {
		return errors.New("it does not get ready")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	return nil
}
