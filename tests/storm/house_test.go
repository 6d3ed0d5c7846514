// Package storm_test lets many people talk over several connectors while
// everything is killed, paused, emptied and cut off, and then holds what each
// client saw against what is stored: every message that was called sent is on
// every entitled client once and in order, and on no other.
//
//	STORM_SEED=7 go test ./tests/storm -run TestSeeds     one seed again
//	make storm SEEDS=5                                    many, of two minutes each
package storm_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"bazaar/shared/auth"
	"bazaar/shared/presence"
	"bazaar/shared/rdb"
	"bazaar/tests/support"
)

// connectors hold the sockets.
const connectors = 3

// tokenTTL is short: tokens are refreshed on the open socket while it storms.
const tokenTTL = time.Minute

// house is the running system, built so that its programs can be made to die at
// a named point.
type house struct {
	*support.System
	crashes  string // the folder that arms points
	issuer   *auth.Issuer
	http     *http.Client // of all clients
	redis    *rdb.Client
	presence *presence.Store
}

var shared = sync.OnceValues(start)

// scratch is a folder for the life of these tests.
var scratch string

func TestMain(m *testing.M) { os.Exit(support.Scratch(m, "storm", &scratch)) }

// open gives the one house of these tests. They are not parallel: a fault is
// everybody's.
func open(t *testing.T) *house {
	t.Helper()
	h, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	support.Stays(t, h.Pool)
	said := len(h.Said())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the runner has said:\n%s", h.Said()[said:])
		}
	})
	return h
}

func start() (*house, error) {
	h := &house{crashes: filepath.Join(scratch, "points"), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	if err := os.Mkdir(h.crashes, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder that arms points: %w", err)
	}
	var err error
	if h.System, err = support.StartSystem("--tags=crash", "--longest-pause=1s", "--buyers=0", fmt.Sprintf("--connectors=%d", connectors),
		"--replicas=push-message=2", "--set", "connector.crash_dir="+h.crashes, "--set", "trigger.ack_wait=3s"); err != nil {
		return nil, err
	}
	if h.issuer, err = h.Issuer(tokenTTL); err != nil {
		return nil, err
	}
	if h.redis, err = rdb.Open(h.Redis); err != nil {
		return nil, err
	}
	h.presence = presence.NewStore(h.redis, 0)
	return h, nil
}

// token is an access token of a user, as issue-token gives it.
func (h *house) token(user string) (string, time.Time, error) {
	expires := time.Now().Add(tokenTTL)
	token, err := h.issuer.Issue(auth.Claims{Subject: user, SessionID: "session-of-" + user})
	return token, expires, err
}

// heal undoes every fault and waits until every part answers again.
func (h *house) heal(t *testing.T) {
	t.Helper()
	if err := h.Resume(); err != nil {
		t.Error(err)
	}
	if err := h.Recovered(); err != nil {
		t.Fatal(err)
	}
}
