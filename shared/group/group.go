// Package group is what a group is called, whether it is open, and who may do
// what in it. It owns the schema groups and the core subjects group.changed.*.
//
// Who is in a group is not its business: the members and their roles are those of
// the conversation with the same id (message), under whose lock whatever is here
// is changed too.
package group

import (
	"time"
	"unicode"
	"unicode/utf8"

	"bazaar/shared/fault"
)

// MaxTitle is the longest title, in characters.
const MaxTitle = 100

// MaxGroups is how many groups a user may be in and make another.
const MaxGroups = 500

// Group is a group as its row says.
type Group struct {
	ID        string // its conversation's
	Title     string
	Open      bool // anyone who knows the id may join
	CreatedBy string
	CreatedAt time.Time
}

// CheckTitle refuses a title that is empty or too long, or has what cannot be
// seen at an end, or what cannot be printed in between: the fault invalid_title.
// What joins two signs to one is printed with them.
func CheckTitle(title string) error {
	wrong := fault.New(fault.Invalid, "invalid_title", "A title has 1 to %d printable characters and no blank at its ends.", MaxTitle).At("title")
	if n := utf8.RuneCountInString(title); n < 1 || n > MaxTitle || !utf8.ValidString(title) {
		return wrong
	}
	const joiner = '\u200d'
	for _, r := range title {
		if !unicode.IsPrint(r) && r != joiner {
			return wrong
		}
	}
	if title[0] == ' ' || title[len(title)-1] == ' ' {
		return wrong
	}
	return nil
}

// NotFound is the answer for a group that does not exist, that was dissolved, or
// that is closed to the caller.
func NotFound() *fault.Error {
	return fault.New(fault.NotFound, "not_found", "There is no such group.")
}

// Denied is the answer to who may not.
func Denied() *fault.Error {
	return fault.New(fault.Denied, "denied", "Your role in the group does not allow this.")
}
