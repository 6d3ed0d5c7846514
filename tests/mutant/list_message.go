package main

func messageMutants() []mutant {
	return []mutant{{
		name: "message-lock", guard: "one transaction at a time gives out the numbers of a conversation",
		edits: []edit{{"shared/message/post.go", `order by conversation_id for no key update`, `order by conversation_id`}},
		pkg:   store, red: []string{"TestSeqsAreDenseInTheOrderOfCommits"}, green: "TestManyDraftsOfOneCall",
	}, {
		name: "message-members", guard: "who may speak is asked behind the lock",
		edits: []edit{{"shared/message/post.go", `p.lock(batch)
	p.look(batch)`, `p.look(batch)
	p.lock(batch)`}},
		pkg: store, red: []string{"TestWhoIsRemovedMeanwhileSaysNothingMore"}, green: "TestManyDraftsOfOneCall",
	}, {
		name: "letter-owner", guard: "a letter is let in by its own token",
		edits: []edit{{"functions/push-message/letters.go", `if err != nil {
		return message.Draft{}, err
	}
	var in Sending`, `_ = err
	var in Sending`}},
		pkg: "functions/push-message", red: []string{"TestALetterThatIsWrongIsRefusedAlone"}, green: "TestACallBringsSoManyLetters",
	}, {
		name: "letter-alone", guard: "a letter that spoils a call is refused alone",
		edits: []edit{{"infra/connector/letter.go", `if len(batch) > 1 {`, `if len(batch) > 1 && false {`}},
		pkg:   "infra/connector", red: []string{"TestWhatBecomesOfLetters"}, green: "TestLettersAreLines",
	}, {
		name: "message-once", guard: "a sender's id is of one message, whatever the conversation",
		edits: []edit{{"infra/schema/migrations/00006_messages.sql", `,
  constraint message_once unique (sender_id, client_msg_id)`, ``}},
		pkg: store, red: []string{"TestATwinElsewhereIsFound"}, green: "TestManyDraftsOfOneCall",
	}, {
		name: "message-hash", guard: "an id stands for one body",
		edits: []edit{{"shared/message/verdict.go", `if !bytes.Equal(p.hash, before.hash) {`, `if !bytes.Equal(p.hash, before.hash) && false {`}},
		pkg:   store, red: []string{"TestTheSameIDForSomethingElseIsRefused"}, green: "TestTheSameActTwiceIsOneMessage",
	}, {
		name: "settle-early", guard: "the event of a message stays until the server has its announcement",
		edits: []edit{{"shared/message/announcer.go", `if len(told) == 0 || a.bus.Flush(ctx) != nil {`, `if len(told) == 0 {`}},
		pkg:   store, red: []string{"TestAnEventStaysUntilTheServerHasItsMessages"}, green: "TestWhoMissedIsLookedForBeforeTheEventGoes",
	}, {
		name: "sweep-mark", guard: "a sweep that was away tells of the time in which it was",
		edits: []edit{{"shared/message/sweep.go", `select swept_to - $1`, `select clock_timestamp() - $1`}},
		pkg:   store, red: []string{"TestTheSweepTellsOfAllSinceItsMark"}, green: "TestTheSweepTellsOfWhatWasCommittedLate",
	}, {
		name: "read-cursor", guard: "a read cursor moves forward only",
		edits: []edit{{"shared/message/cursor.go", `greatest(read_seq, $3)`, `$3`}},
		pkg:   store, red: []string{"TestWhoReadsLessMeanwhileMovesNothingBack"}, green: "TestMarkingReadMarksWhatWasPulled",
	}}
}

func connectorMutants() []mutant {
	return []mutant{{
		name: "fence", guard: "what is said after a change of members waits until it is known who is out",
		edits: []edit{{"infra/connector/fence.go", `case d.version <= f.checked:
		return passes`, `case d.version <= f.checked || true:
		return passes`}},
		pkg: connector, red: []string{"TestWhoWasRemovedGetsNotOneMore"}, green: "TestAMessageReachesTheOthers",
	}, {
		name: "old-seat", guard: "nobody is seated by a reading of before a removal",
		edits: []edit{{"infra/connector/seat.go", `return !seated && len(r.seats) > 0 && s.Version < r.fence.checked`, `return false && seated`}},
		pkg:   "infra/connector", red: []string{"TestAReadingThatIsTooOldSeatsNobody"}, green: "TestALostLastAnnouncementIsPinged",
	}, {
		name: "heads-early", guard: "heads are read when their conversations are heard",
		edits: []edit{{"infra/connector/roster.go", `		if fresh {
			if err := r.bus.Flush(ctx); err != nil {
				return users, err
			}
		}
		if seats, err = r.read(ctx, users); err != nil {
			return users, err
		}
`, `		if seats, err = r.read(ctx, users); err != nil {
			return users, err
		}
		if fresh {
			if err := r.bus.Flush(ctx); err != nil {
				return users, err
			}
		}
`}},
		pkg: "infra/connector", red: []string{"TestSeatsAreReadWhenAllIsHeard"}, green: "TestALostLastAnnouncementIsPinged",
	}, {
		name: "hint", guard: "who had no room for messages is hinted at them once there is some",
		edits: []edit{{"infra/connector/shard.go", `for room, seq := range c.place.refused {`, `for room, seq := range map[string]int64(nil) {`}},
		pkg:   connector, red: []string{"TestSlowReceiversAmongMany"}, green: "TestAMessageReachesTheOthers",
	}, {
		name: "token-end", guard: "a socket ends with its token",
		edits: []edit{{"infra/connector/keeper.go", `case !expires.IsZero() && !time.Now().Before(expires):`, `case !expires.IsZero() && false:`}},
		pkg:   connector, red: []string{"TestATokenEnds"}, green: "TestADeviceIsReplaced",
	}, {
		name: "origin", guard: "a page of a site whose name only ends like ours may not connect",
		edits: []edit{{"infra/connector/socket/origin.go", `if o == allowed {`,
			`if o.scheme == allowed.scheme && o.port == allowed.port && strings.HasSuffix(o.host, allowed.host) {`}},
		pkg: "infra/connector/socket", red: []string{"TestOrigins"}, green: "TestRequestsThatAreGranted",
	}, {
		name: "text-frames", guard: "a text is UTF-8 as a whole, not frame by frame",
		edits: []edit{{"infra/connector/socket/parser.go", `	if p.parts++; int(p.parts)`, `	p.utf8 = text{}
	if p.parts++; int(p.parts)`}},
		pkg: "infra/connector/socket", red: []string{"TestConformance"}, green: "TestTheMaskIsTakenOff",
	}}
}
