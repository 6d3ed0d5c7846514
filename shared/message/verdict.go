package message

import (
	"bytes"
	"time"

	"bazaar/shared/fault"
)

// once is what makes a message the same under retries.
type once struct{ sender, clientMsgID string }

// seat is a user in a conversation.
type seat struct{ conversation, user string }

// speaker is a member who wants to say something.
type speaker struct {
	muted time.Duration // for so long from now; 0 or less is not
}

// said is a message that is stored.
type said struct {
	hash []byte
	seq  int64
	at   time.Time
}

// verdict is what becomes of a draft: a fault, or its place in its conversation.
type verdict struct {
	err   error
	seq   int64
	at    time.Time // zero: when it is stored
	fresh bool      // to be stored now, as nobody has before
}

// judge says what becomes of the parcels, in their order, by what the store says
// under the locks of their conversations: which there are, who may speak, and
// what was said before. What was said is answered as it was, also to who may not
// speak any more.
func judge(parcels []parcel, rooms map[string]Room, speakers map[seat]speaker, known map[once]said) []verdict {
	verdicts := make([]verdict, len(parcels))
	last, first := map[string]int64{}, map[once]int{}
	for i, p := range parcels {
		id := once{p.Sender, p.ClientMsgID}
		if before, ok := known[id]; ok {
			verdicts[i] = again(p, before)
			continue
		}
		if n, ok := first[id]; ok {
			verdicts[i] = again(p, said{hash: parcels[n].hash, seq: verdicts[n].seq})
			continue
		}
		room, there := rooms[p.conversation]
		who, member := speakers[seat{p.conversation, p.Sender}]
		switch {
		case !there, room.Dissolved, !member:
			verdicts[i].err = NotFound()
			continue
		case who.muted > 0:
			verdicts[i].err = fault.New(fault.Denied, "muted", "You are muted in this conversation.").After(who.muted)
			continue
		}
		if _, ok := last[p.conversation]; !ok {
			last[p.conversation] = room.LastSeq
		}
		last[p.conversation]++
		first[id] = i
		verdicts[i] = verdict{seq: last[p.conversation], fresh: true}
	}
	return verdicts
}

// again is the verdict of a parcel whose client_msg_id was used before.
func again(p parcel, before said) verdict {
	if !bytes.Equal(p.hash, before.hash) {
		return verdict{err: fault.New(fault.Mismatch, "client_msg_id_reused",
			"This client_msg_id was used for another message.").At("client_msg_id")}
	}
	return verdict{seq: before.seq, at: before.at}
}
