package trigger

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Schedule is when a function is called, in the words of the server's message
// schedules: six fields from seconds to days of the week, "@every" with at
// least a second, or a name like @hourly.
type Schedule struct {
	Pattern string
	Zone    string // IANA name; empty is UTC
}

// cronField is the outer form of one field; the server judges what is in it.
var cronField = regexp.MustCompile(`^[0-9A-Za-z*?/,-]+$`)

// ParseSchedule reads the annotation. Five fields, as cron has them, become six
// that start at second zero. What looks right here may still be refused by the
// server, e.g. minute 75; the function is then left out the same way.
func ParseSchedule(text, zone string) (Schedule, error) {
	text = strings.TrimSpace(text)
	if interval, every := strings.CutPrefix(text, "@every "); every {
		return parseEvery(interval, zone)
	}
	if zone != "" {
		if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
			return Schedule{}, fmt.Errorf("%q is no time zone", zone)
		}
	}
	switch text {
	case "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly":
		return Schedule{Pattern: text, Zone: zone}, nil
	}
	fields := strings.Fields(text)
	if len(fields) == 5 {
		fields = append([]string{"0"}, fields...)
	}
	if len(fields) != 6 {
		return Schedule{}, fmt.Errorf("%q has neither five nor six fields", text)
	}
	for _, field := range fields {
		if !cronField.MatchString(field) {
			return Schedule{}, fmt.Errorf("%q is no field of a schedule", field)
		}
	}
	return Schedule{Pattern: strings.Join(fields, " "), Zone: zone}, nil
}

func parseEvery(interval, zone string) (Schedule, error) {
	d, err := time.ParseDuration(strings.TrimSpace(interval))
	if err != nil || d < time.Second {
		return Schedule{}, fmt.Errorf("%q is no interval of at least a second", interval)
	}
	if zone != "" {
		return Schedule{}, fmt.Errorf("an interval has no time zone")
	}
	return Schedule{Pattern: "@every " + d.String()}, nil
}
