// Package message is who speaks with whom and what was said: conversations, their
// members and their messages, numbered from 1 without a hole by the transaction
// that stores them.
//
// It owns the schema message, the core subjects message.sent.* and message.head,
// and the events message.*. It does not know what a group is called and who may
// change it (group), who is connected where (presence), nor who is behind a user
// id: any well-formed one can be written to.
//
// Rows are locked in one order: conversations by id, then members by conversation
// and user, then messages by sender and client_msg_id, then the outbox. Orders and
// stock never meet these in one transaction. Nobody reads members in the
// statement that waits for a conversation's lock: READ COMMITTED gives that
// statement the conversation as it is after the wait, and the members as they
// were before, so that one who was removed would still be one.
package message

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bazaar/shared/fault"
)

// Message is a message as it is stored.
type Message struct {
	Conversation string
	Seq          int64  // 1.. within the conversation, without holes
	ID           string // IDOf(From, ClientMsgID)
	ClientMsgID  string
	From         string
	SentAt       time.Time // the database's; for people, not for any order
	Kind         string
	Body         jsontext.Value // an object without blanks between its parts; {} once recalled
	RecalledAt   time.Time      // zero: it was not
}

// IDOf is the id of a message. It comes from what makes a message the same under
// retries, so it is not stored and never decided twice.
func IDOf(sender, clientMsgID string) string { return digest("message", sender, clientMsgID) }

// digest is 128 bits of a hash of parts, none of which holds a NUL.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// IsID reports whether s can be the id of a user, of a conversation, or a
// client_msg_id: 1 to 64 of A–Z a–z 0–9 _ -.
func IsID(s string) bool {
	if len(s) < 1 || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if !isWord(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// Stamp is a time as every answer and frame shows it: RFC 3339 in UTC with
// milliseconds.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// MarshalJSON is a message as the public contract shows it.
func (m Message) MarshalJSON() ([]byte, error) {
	return append(m.appendFields([]byte{'{'}), '}'), nil
}

// appendFields adds the fields of a message, in the contract's order.
func (m Message) appendFields(b []byte) []byte {
	b = appendText(b, `"conversation":`, m.Conversation)
	b = appendNumber(b, `,"seq":`, m.Seq)
	b = appendText(b, `,"message_id":`, m.ID)
	b = appendText(b, `,"client_msg_id":`, m.ClientMsgID)
	b = appendText(b, `,"from":`, m.From)
	b = appendText(b, `,"sent_at":`, Stamp(m.SentAt))
	b = appendText(b, `,"kind":`, m.Kind)
	if !m.RecalledAt.IsZero() {
		b = appendText(b, `,"recalled_at":`, Stamp(m.RecalledAt))
	}
	return append(append(b, `,"body":`...), m.Body...)
}

// appendText adds a name and a text as JSON. What is not UTF-8 becomes the
// replacement character: nothing that is stored is.
func appendText(b []byte, name, text string) []byte {
	b, _ = jsontext.AppendQuote(append(b, name...), strings.ToValidUTF8(text, "\uFFFD"))
	return b
}

func appendNumber(b []byte, name string, n int64) []byte {
	return fmt.Appendf(append(b, name...), "%d", n)
}

// NotFound is the answer for a conversation that does not exist, that was
// dissolved, or in which the caller is not.
func NotFound() *fault.Error {
	return fault.New(fault.NotFound, "not_found", "There is no such conversation.")
}
