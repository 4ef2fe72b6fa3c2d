package skystack

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// Cron lines are read by a library; only its parser and its "next after t" are
// used, so it starts nothing and asks no clock. They have five fields, in UTC, of
// which the day of the month and the day of the week are alternatives when both
// are restricted: "0 0 13 * 5" is every Friday and every 13th. A field is
// restricted unless it is a plain *.

// cronField is the form of a field: *, a number or a name, a range, each with a
// step, separated by commas. The library would also take what no crontab means,
// such as an empty list.
var cronField = regexp.MustCompile(`^(\*|[0-9]{1,2}|[a-z]{3})(-([0-9]{1,2}|[a-z]{3}))?(/[0-9]{1,2})?(,(\*|[0-9]{1,2}|[a-z]{3})(-([0-9]{1,2}|[a-z]{3}))?(/[0-9]{1,2})?)*$`)

// cronYears is how far apart two instants of a cron line can lie: 29 February is
// missing in 2100, and so for 8 years; twice that is ample.
const cronYears = 16

// errNeverComes says that a cron line is well formed and names no day there is.
var errNeverComes = errors.New("it names a day that no year has, such as 30 February, so it would never run")

// parseCron reads a cron line and refuses one that never comes.
func parseCron(line string) (cron.Schedule, error) {
	fields := strings.Fields(strings.ToLower(line)) // the library takes the H of THU for something else
	if len(fields) != 5 {
		return nil, fmt.Errorf("it has %d fields; write five: minute, hour, day of month, month, day of week", len(fields))
	}
	for n, field := range fields {
		if !cronField.MatchString(field) {
			return nil, fmt.Errorf("field %d, %q, is no list of numbers, names, ranges and steps such as 1-5 or */15", n+1, clip(field))
		}
	}
	parser, err := cron.TryNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom)
	if err != nil {
		return nil, err
	}
	schedule, err := parser.WithMaxSearchYears(cronYears).Parse(strings.Join(fields, " "))
	if err != nil {
		return nil, err
	}
	if schedule.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, errNeverComes
	}
	return schedule, nil
}
