package alipay

import (
	"fmt"
	"time"
)

const clockLayout = "2006-01-02 15:04:05"

// shanghai is the zone of every time of the protocol. China has had one offset
// since 1991, and a fixed zone needs no tzdata in the image.
func shanghai() *time.Location { return time.FixedZone("Asia/Shanghai", 8*60*60) }

// FormatTime writes t as the protocol does: seconds, Shanghai time, no zone.
// Parts of a second are cut off, so an expiry never moves to later.
func FormatTime(t time.Time) string { return t.In(shanghai()).Format(clockLayout) }

// ParseTime reads a time of the protocol.
func ParseTime(s string) (time.Time, error) {
	t, err := time.ParseInLocation(clockLayout, s, shanghai())
	if err != nil || t.Format(clockLayout) != s { // package time takes an hour with a blank, too
		return time.Time{}, fmt.Errorf("%.40q is no time of the form %s", s, clockLayout)
	}
	return t.UTC(), nil
}
