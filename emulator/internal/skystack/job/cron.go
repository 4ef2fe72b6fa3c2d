package job

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/netresearch/go-cron"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// A library reads cron lines. Only its parser and its "next after t" are used, so it
// starts nothing and reads no clock. The lines have five fields, in UTC, of
// which the day of the month and the day of the week are alternatives when both
// are restricted: "0 0 13 * 5" is every Friday and every 13th. A field is
// restricted unless it is a plain *.

// cronYears bounds the years between two instants of a cron line. The longest gap is 8
// years: 2100 has no 29 February.
const cronYears = 16

// errNeverComes refuses a cron line that is well formed and names a day that does not
// exist.
var errNeverComes = errors.New("it names a day that no year has, such as 30 February, so it would never run")

// parseCron reads a cron line and refuses one that has no instants.
func parseCron(line string) (cron.Schedule, error) {
	fields := strings.Fields(strings.ToLower(line)) // the library gives the H of THU another meaning
	if err := checkCron(fields); err != nil {
		return nil, err
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

// cronField describes the values of a field of a cron line.
type cronField struct {
	name        string
	least, most int
	names       []string // of the values from least on
}

//nolint:gochecknoglobals // a table, never written
var cronFields = [...]cronField{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of the month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of the week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// checkCron refuses fields that mean nothing and explains why. The library accepts some
// of them, such as an empty list, *-5 and 60/2.
func checkCron(fields []string) error {
	if len(fields) != len(cronFields) {
		return fmt.Errorf("a line has five fields, minute, hour, day of the month, month and day of the week; this one has %d", len(fields))
	}
	for n, field := range fields {
		for item := range strings.SplitSeq(field, ",") {
			if why := cronFields[n].invalid(item); why != "" {
				return fmt.Errorf("field %d, %q, is the %s: %s", n+1, fail.Clip(field), cronFields[n].name, why)
			}
		}
	}
	return nil
}

// invalid returns what is wrong with an item of a list: *, a value or a range, each
// with or without a step; "" if nothing is.
func (f *cronField) invalid(item string) string {
	span, step, stepped := strings.Cut(item, "/")
	if most := f.most - f.least; stepped && !within(step, 1, most) {
		return fmt.Sprintf("a step is a number from 1 to %d", most)
	}
	if span == "*" {
		return ""
	}
	for value := range strings.SplitSeq(span, "-") {
		if strings.Count(span, "-") > 1 || !slices.Contains(f.names, value) && !within(value, f.least, f.most) {
			return f.wants()
		}
	}
	return ""
}

func (f *cronField) wants() string {
	values := fmt.Sprintf("%d to %d", f.least, f.most)
	if len(f.names) > 0 {
		values += fmt.Sprintf(", or %s to %s", f.names[0], f.names[len(f.names)-1])
	}
	return fmt.Sprintf("its values are %s; write *, one of them, a range such as %d-%d, each with a step such as */2 if you like, or a list of these with commas",
		values, f.least+1, f.least+5)
}

// within reports whether text is a number within bounds, of one digit or two.
func within(text string, least, most int) bool {
	n, err := strconv.ParseUint(text, 10, 8)
	return err == nil && len(text) <= 2 && int(n) >= least && int(n) <= most
}
