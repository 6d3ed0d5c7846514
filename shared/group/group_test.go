package group_test

import (
	"encoding/json"
	"strings"
	"testing"

	"bazaar/shared/fault"
	"bazaar/shared/group"
)

func TestTitles(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]bool{
		"Tea": true, "龙井 🍵": true, "a": true, strings.Repeat("茶", 100): true, "a b": true, "👨\u200d👩\u200d👧": true,
		"": false, strings.Repeat("a", 101): false, " a": false, "a ": false, "a\nb": false, "a\u202eb": false, "a\x00": false, "\xff": false, "\u2028": false,
	} {
		err := group.CheckTitle(title)
		if (err == nil) != want || err != nil && !fault.Is(err, "invalid_title") {
			t.Errorf("%q: %v", title, err)
		}
	}
}

// FuzzReadChanged: what is told is read as it was told, and what is no change is
// refused, whatever it is.
func FuzzReadChanged(f *testing.F) {
	for _, text := range []string{`{"conversation":"g_1","version":2,"from_seq":3,"last_seq":4,"gone":true,"by":"u"}`, "", "{}", "null", "[]", `{"conversation":"x","version":-1}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := group.ReadChanged(data)
		if err != nil {
			return
		}
		if c.Conversation == "" || c.Version < 1 || c.FromSeq < 0 || c.LastSeq < 0 {
			t.Errorf("%q is read as %+v", data, c)
		}
		note := c.Note("u")
		again, err := group.ReadChanged(note.Data)
		if err != nil || again != c || note.Subject != "group.changed.u" || !json.Valid(note.Data) {
			t.Errorf("%q becomes %s %q, which is %+v, %v", data, note.Subject, note.Data, again, err)
		}
	})
}
