package message

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
)

// stuck is a store whose transactions end when they are let. It counts those that
// have begun.
type stuck struct {
	let   chan struct{}
	begun atomic.Int32
}

func (s *stuck) AskAndWrite(context.Context, func(*pgx.Batch), func(*pgx.Batch) error) error {
	s.begun.Add(1)
	<-s.let
	return nil
}

func drafts(from, n int) []Draft {
	all := make([]Draft, n)
	for i := range all {
		all[i] = Draft{Sender: "alice", ClientMsgID: fmt.Sprint(from + i), Conversation: fmt.Sprint("g_", from+i), Kind: "text", Body: []byte(`{"text":"hello"}`)}
	}
	return all
}

// TestAnotherTransactionRunsOnlyWhereItHelps: what comes behind the first gathers,
// until it is enough, or one has waited for too long.
func TestAnotherTransactionRunsOnlyWhereItHelps(t *testing.T) {
	for name, c := range map[string]struct {
		come  int
		after time.Duration
		want  int32
	}{
		"a few":       {3, tooLong / 2, 1},
		"a few, late": {3, tooLong + time.Millisecond, 2},
		"enough":      {enough, 0, 2},
		"one too few": {enough - 1, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stuck{let: make(chan struct{})}
				p := NewPoster(s, NewAnnouncer(nil, nil, AnnouncerSettings{}), 3)
				post := func(d []Draft) {
					go func() {
						_, errs := p.PostAll(t.Context(), d)
						for _, err := range errs {
							if err != nil {
								t.Error(err)
							}
						}
					}()
					synctest.Wait()
				}
				post(drafts(0, 1))
				post(drafts(1, c.come))
				time.Sleep(c.after)
				synctest.Wait()
				if got := s.begun.Load(); got != c.want {
					t.Errorf("%d transactions have begun, want %d", got, c.want)
				}
				close(s.let)
				if err := p.Close(t.Context()); err != nil {
					t.Error(err)
				}
				synctest.Wait()
			})
		})
	}
}
