package group

// subject begins the core subjects: told, not kept.
const subject = "group.changed."

// Subject is where a user is told of conversations that the user came into or is
// out of; the data is a Changed. What is lost there the sweep of message brings.
func Subject(user string) string { return subject + user }
