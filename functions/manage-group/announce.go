package main

import (
	"bazaar/shared/bus"
	"bazaar/shared/group"
	"bazaar/shared/message"
)

// maxAtOnce bounds the notes that go to the connection together.
const maxAtOnce = 1000

// tell tells what was committed. It is told once, and may be lost: the sweep of
// push-message tells of members, and the rest is found by asking.
func (h *Handler) tell(notes ...bus.Note) {
	for len(notes) > 0 {
		n := min(len(notes), maxAtOnce)
		if h.Tell(notes[:n]...) != nil {
			return
		}
		notes = notes[n:]
	}
}

// came tells users that they are in a group.
func came(r message.Room, by string, users ...string) []bus.Note {
	notes := make([]bus.Note, len(users))
	for i, user := range users {
		notes[i] = group.Changed{Conversation: r.Conversation, Version: r.Version, FromSeq: r.LastSeq, LastSeq: r.LastSeq, By: by}.Note(user)
	}
	return notes
}

// went tells users that they are in a group no more.
func went(r message.Room, by string, users ...string) []bus.Note {
	notes := make([]bus.Note, len(users))
	for i, user := range users {
		notes[i] = group.Changed{Conversation: r.Conversation, Version: r.Version, LastSeq: r.LastSeq, Gone: true, By: by}.Note(user)
	}
	return notes
}

// The changes of a member that the others hear of.
const (
	joined  = "joined"
	left    = "left"
	removed = "removed"
	role    = "role"
	mute    = "muted"
)

// changed tells the members what has become of one of them.
func changed(s *scene, user, change string) bus.Note {
	return message.Event{
		Conversation: s.room.Conversation, Seq: s.room.LastSeq, Kind: message.EventMember,
		User: user, Change: change, By: s.caller, Version: s.room.Version,
	}.Note(s.room.Version, "")
}
