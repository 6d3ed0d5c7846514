package message

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bazaar/shared/fault"
)

// MaxBody is the longest body in bytes, as it was sent.
const MaxBody = 16 << 10

// Shop is the sender of what the shop itself says. No account has this id.
const Shop = "shop"

// ourKinds begins the kinds that only the shop sends.
const ourKinds = "shop."

var kindForm = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,31}$`)

// Draft is a message that somebody wants to send.
type Draft struct {
	Sender       string
	Conversation string // either this, or
	To           string // the other user of a direct conversation, which is opened where there is none
	ClientMsgID  string // made once for each act of the sender, kept for its retries
	Kind         string
	Body         jsontext.Value // an object
	Socket       string         // the connection that it came by, which need not be told of it; "" for none
	Ours         bool           // said by the shop: the kinds that begin with "shop." are its
}

// Validate refuses what cannot be sent by anyone. Faults, in api.md's words:
// invalid_recipient, not_found for what can be no conversation, invalid_client_msg_id,
// invalid_kind, invalid_body, too_large, and denied for a sender who cannot be.
func (d Draft) Validate() error {
	switch {
	case !IsID(d.Sender), d.Sender == Shop && !d.Ours:
		return fault.New(fault.Denied, "denied", "This account cannot take part in conversations.")
	case (d.Conversation == "") == (d.To == ""):
		return wrongRecipient("Either a conversation or a user to write to is needed.")
	case d.Conversation != "" && !IsID(d.Conversation):
		return NotFound()
	case d.To != "" && !IsID(d.To):
		return wrongRecipient("There can be no such user.")
	case d.To == d.Sender:
		return wrongRecipient("A message to oneself goes nowhere.")
	case !IsID(d.ClientMsgID):
		return fault.New(fault.Invalid, "invalid_client_msg_id", "A client_msg_id has 1 to 64 letters, digits, - and _.").At("client_msg_id")
	case !kindForm.MatchString(d.Kind), strings.HasPrefix(d.Kind, ourKinds) && !d.Ours:
		return fault.New(fault.Invalid, "invalid_kind", "A kind has 1 to 32 small letters, digits and _.-, and does not begin with %q.", ourKinds).At("kind")
	case len(d.Body) > MaxBody:
		return fault.New(fault.TooLarge, "too_large", "A body has %d bytes at most, this one %d.", MaxBody, len(d.Body)).At("body")
	case d.Body.Kind() != '{' || !d.Body.IsValid():
		return fault.New(fault.Invalid, "invalid_body", "A body is a JSON object.").At("body")
	}
	return nil
}

func wrongRecipient(detail string) error {
	return fault.New(fault.Invalid, "invalid_recipient", "%s", detail).At("to")
}

// parcel is a draft as it is stored.
type parcel struct {
	Draft
	conversation string
	body         string // without blanks: a line must not be broken by it
	hash         []byte
}

// pack makes a parcel of a draft that is valid.
func pack(d Draft) (parcel, error) {
	p := parcel{Draft: d, conversation: d.Conversation}
	if d.To != "" {
		p.conversation = DirectID(d.Sender, d.To)
	}
	body := d.Body.Clone()
	if err := body.Compact(); err != nil {
		return parcel{}, fmt.Errorf("compacting the body of %s: %w", d.ClientMsgID, err)
	}
	p.body = string(body)
	sum := sha256.Sum256([]byte(strings.Join([]string{p.conversation, p.Kind, p.body}, "\x00")))
	p.hash = sum[:]
	return p, nil
}

// size is what a parcel counts for in a batch.
func (p parcel) size() int { return len(p.body) + 256 }
