package trigger_test

import (
	"context"
	"io"
	"testing"
	"time"

	"bazaar/infra/trigger"
	"bazaar/shared/telemetry"
	"bazaar/tests/support"
)

// relay notes when it runs.
type relay struct{ began, ended chan struct{} }

func (r *relay) Run(ctx context.Context) {
	close(r.began)
	<-ctx.Done()
	close(r.ended)
}

// The relay of the outbox runs from the start, whether or not the gateway is
// there, and the trigger's end waits for its end.
func TestRelayRunsWithTheTrigger(t *testing.T) {
	t.Parallel()
	n := support.NATS(t)
	tel, err := telemetry.Start(t.Context(), "trigger", telemetry.Settings{}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	signing, _ := support.EventKeys(t)
	r := &relay{began: make(chan struct{}), ended: make(chan struct{})}
	tr, err := trigger.New(trigger.Settings{
		GatewayURL: "http://127.0.0.1:1", GatewayUser: "admin", SigningKey: signing, PollInterval: time.Hour,
		CallTimeout: time.Second, FetchWait: time.Second, AckWait: time.Second, DrainTimeout: time.Second,
	}, n.Bus(), r, tel)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan struct{})
	go func() {
		tr.Run(ctx)
		close(done)
	}()
	select {
	case <-r.began:
	case <-time.After(patience):
		t.Fatal("the relay does not run")
	}
	stop()
	<-done
	select {
	case <-r.ended:
	default:
		t.Error("the trigger ended before its relay")
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	n := support.NATS(t)
	tel, err := telemetry.Start(t.Context(), "trigger", telemetry.Settings{}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	signing, _ := support.EventKeys(t)
	good := trigger.Settings{
		GatewayURL: "http://gateway:8080", SigningKey: signing, PollInterval: time.Second,
		CallTimeout: time.Second, FetchWait: time.Second, AckWait: time.Second, DrainTimeout: time.Second,
	}
	for name, spoil := range map[string]func(*trigger.Settings){
		"no gateway":     func(s *trigger.Settings) { s.GatewayURL = "gateway:8080" },
		"no key":         func(s *trigger.Settings) { s.SigningKey = nil },
		"no patience":    func(s *trigger.Settings) { s.AckWait = 0 },
		"a negative one": func(s *trigger.Settings) { s.DrainTimeout = -time.Second },
	} {
		s := good
		spoil(&s)
		if _, err := trigger.New(s, n.Bus(), nil, tel); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
