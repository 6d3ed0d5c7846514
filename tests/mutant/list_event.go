package main

func keyMutants() []mutant {
	return []mutant{{
		name: "key-fingerprint", guard: "a key stands for one request body",
		edits: []edit{
			{"shared/idem/scripts.go", `if state ~= 'p' or print ~= ARGV[1] then`, `if state ~= 'p' then`},
			{"shared/idem/redis.go", `case record.Fingerprint != c.Fingerprint:`, `case false:`},
		},
		pkg: store, red: []string{"TestFirstAnswerIsKept/redis"}, green: "TestFreedKeyIsNew",
	}, {
		name: "lost-fingerprint", guard: "a key that Redis has lost stands for the body that PostgreSQL knows",
		edits: []edit{{"shared/idem/redis.go", `case found && known.Fingerprint != c.Fingerprint:`, `case false:`}},
		pkg:   store, red: []string{"TestPostgresAnswersForWhatWasLost"}, green: "TestFreedKeyIsNew",
	}, {
		name: "key-holder", guard: "one caller at a time works under a key",
		edits: []edit{{"shared/idem/scripts.go", `if ARGV[7] - redis.call('PTTL', KEYS[1]) < tonumber(lease) then return {'running'} end`, ``}},
		pkg:   store, red: []string{"TestFiftyCallersOfOneKeyRunOnce/redis"}, green: "TestFreedKeyIsNew",
	}, {
		name: "redis-emptied", guard: "a Redis that was emptied calls no key new",
		edits: []edit{{"shared/idem/scripts.go", `then return {'unsure'} end
local loss, doubtful`, `then marker = 'ready:0' end
local loss, doubtful`}},
		pkg: "tests/entry", red: []string{"TestEmptiedRedis"}, green: "TestWaitThatPasses",
	}, {
		name: "wrong-belief", guard: "a bucket that was believed to be whole and is not calls no key new",
		edits: []edit{{"shared/idem/belief.go", `if now, _ := marker.Text(); now != "ready:"+*loss {`, `if now, _ := marker.Text(); now == "x" {`}},
		pkg:   store, red: []string{"TestPostgresAnswersForWhatWasLost"}, green: "TestFreedKeyIsNew",
	}, {
		name: "queue-passed", guard: "the queue has passed only what PostgreSQL has",
		edits: []edit{{"shared/bus/passed.go", `return seq < state.FirstSeq || state.Msgs == 0, nil`, `return true, nil`}},
		pkg:   store, red: []string{"TestPassedFollowsTheAcknowledgements"}, green: "TestFullQueueRefuses",
	}}
}

func outboxMutants() []mutant {
	return []mutant{{
		name: "outbox-outside", guard: "an event is written in the transaction of what it tells",
		edits: []edit{{"functions/settle-order/handler.go", `h.Record(ctx, tx, emitted...)`, `h.Record(ctx, h.Store, emitted...)`}},
		pkg:   "functions/settle-order", red: []string{"TestEventsAreRecordedInTheTransaction"}, green: "TestWhatANoticeDoes",
	}, {
		name: "cancel-outbox", guard: "the event of what a buyer or the warehouse does is written in its transaction",
		edits: []edit{{"functions/manage-order/handler.go", `h.Record(ctx, tx, emitted...)`, `h.Record(ctx, h.Store, emitted...)`}},
		pkg:   "functions/manage-order", red: []string{"TestEventsAreRecordedInTheTransaction"}, green: "TestWhoMaySeeAndDoWhat",
	}, {
		name: "outbox-left-out", guard: "an event is stored before it is published",
		edits: []edit{{"functions/reserve-stock/handler.go", `err = h.Record(ctx, tx, emitted...)`, `err = nil`}},
		pkg:   "functions/reserve-stock", red: []string{"TestReserveGivesAVerdictForEachOrder"}, green: "TestReserveAgainIsDone",
	}, {
		name: "announced-early", guard: "an event is published after the commit, not before",
		edits: []edit{{"functions/reserve-stock/handler.go", `emitted, err = h.decide(ctx, tx, drafts)
		return err`, `emitted, err = h.decide(ctx, tx, drafts)
		h.Announce(ctx, emitted...)
		return err`}},
		pkg: "functions/reserve-stock", red: []string{"TestNothingIsAnnouncedThatWasNotCommitted"}, green: "TestReserveAgainIsDone",
	}, {
		name: "outbox-forgotten", guard: "only what was published leaves the outbox",
		edits: []edit{{"shared/outbox/outbox.go", `if err == nil {
			stored`, `if err == nil || true {
			stored`}},
		pkg: store, red: []string{"TestPublishTakesTheRowsOfWhatWasStored"}, green: "TestEventIsAsDurableAsItsTransaction",
	}}
}

func deliveryMutants() []mutant {
	return []mutant{{
		name: "publish-waits", guard: "an event is published when its stream has it, not when it is sent",
		edits: []edit{{"shared/bus/publish.go",
			`_, err := b.js.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: body}, jetstream.WithRetryAttempts(0))`,
			`err := b.conn.PublishMsg(&nats.Msg{Subject: subject, Data: body})`}},
		pkg: store, red: []string{"TestFullQueueRefuses"}, green: "TestBusLeavesNothingBehind",
	}, {
		name: "accepted-early", guard: "an order that the queue refused is not accepted",
		edits: []edit{{"functions/create-order/handler.go", `a.Progress)); err != nil {`, `a.Progress)); err != nil && false {`}},
		pkg:   "tests/entry", red: []string{"TestQueueFull"}, green: "TestWaitThatPasses",
	}, {
		name: "commit-first", guard: "orders are acknowledged after the commit",
		edits: []edit{{"functions/reserve-stock/handler.go", `if err != nil {
		return nil, err
	}
	crash.Point("reserve-stock", "committed")`, `if err != nil {
		return failed, nil
	}
	crash.Point("reserve-stock", "committed")`}},
		pkg: "functions/reserve-stock", red: []string{"TestNothingIsAnnouncedThatWasNotCommitted"}, green: "TestReserveAgainIsDone",
	}, {
		name: "ack-early", guard: "a message is acknowledged after the function has answered",
		edits: []edit{{"infra/trigger/consumer.go", `if !c.ledger.take(d) {
			continue
		}`, `if !c.ledger.take(d) {
			continue
		}
		_ = d.msg.Ack()`}},
		pkg: trigger, red: []string{"TestNoDeadLetterNoAcknowledgement"}, green: "TestSuccessIsAcknowledged",
	}, {
		name: "dead-letter-first", guard: "an event is given up after its dead letter is written",
		edits: []edit{{"infra/trigger/job.go", `bury(ctx, j.js, name, it); err != nil {`, `bury(ctx, j.js, name, it); err != nil && false {`}},
		pkg:   trigger, red: []string{"TestARefusedDeadLetterIsWrittenAgain"}, green: "TestSingleEventFails",
	}}
}
