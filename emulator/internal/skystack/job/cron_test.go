package job

import (
	"testing"
)

// The error for a cron line that means nothing says which field is wrong, why, and what
// would be right.
func TestCronLinesThatMeanNothing(t *testing.T) {
	const (
		minutes = "its values are 0 to 59; write *, one of them, a range such as 1-5, each with a step such as */2 if you like, or a list of these with commas"
		hours   = "its values are 0 to 23; write *, one of them, a range such as 1-5, each with a step such as */2 if you like, or a list of these with commas"
		days    = "its values are 1 to 31; write *, one of them, a range such as 2-6, each with a step such as */2 if you like, or a list of these with commas"
		months  = "its values are 1 to 12, or jan to dec; write *, one of them, a range such as 2-6, each with a step such as */2 if you like, or a list of these with commas"
		week    = "its values are 0 to 7, or sun to sat; write *, one of them, a range such as 1-5, each with a step such as */2 if you like, or a list of these with commas"
		five    = "a line has five fields, minute, hour, day of the month, month and day of the week; this one has "
	)
	for _, c := range []struct{ line, want string }{
		{"*-5 * * * *", `field 1, "*-5", is the minute: ` + minutes},
		{"60 * * * *", `field 1, "60", is the minute: ` + minutes},
		{"60/2 * * * *", `field 1, "60/2", is the minute: ` + minutes},
		{"1-60 * * * *", `field 1, "1-60", is the minute: ` + minutes},
		{"1-2-3 * * * *", `field 1, "1-2-3", is the minute: ` + minutes},
		{"1,,2 * * * *", `field 1, "1,,2", is the minute: ` + minutes},
		{"005 * * * *", `field 1, "005", is the minute: ` + minutes},
		{"JAN * * * *", `field 1, "jan", is the minute: ` + minutes},
		{"* 24/2 * * *", `field 2, "24/2", is the hour: ` + hours},
		{"* * 0/5 * *", `field 3, "0/5", is the day of the month: ` + days},
		{"* * L * *", `field 3, "l", is the day of the month: ` + days},
		{"* * * foo *", `field 4, "foo", is the month: ` + months},
		{"* * * * 8/1", `field 5, "8/1", is the day of the week: ` + week},
		{"* * * * ?", `field 5, "?", is the day of the week: ` + week},
		{"*/0 * * * *", `field 1, "*/0", is the minute: a step is a number from 1 to 59`},
		{"*/60 * * * *", `field 1, "*/60", is the minute: a step is a number from 1 to 59`},
		{"*/2/3 * * * *", `field 1, "*/2/3", is the minute: a step is a number from 1 to 59`},
		{"* * * */ *", `field 4, "*/", is the month: a step is a number from 1 to 11`},
		{"@daily", five + "1"},
		{"* * * * * *", five + "6"},
	} {
		if _, err := parseCron(c.line); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.line, err, c.want)
		}
	}
	for line, next := range map[string]string{
		"5/15 * * * *":            "2026-03-19T10:35:00Z",
		"59-0 * * * *":            "2026-03-19T10:59:00Z",
		" 00 00 1 1 0-7 ":         "2027-01-01T00:00:00Z",
		"0 0 * * 7":               "2026-03-22T00:00:00Z",
		"0 22-2/2 1,15 FEB-oct *": "2026-04-01T00:00:00Z",
		"30 6 * * sat-SUN":        "2026-03-21T06:30:00Z",
	} {
		schedule, err := parseCron(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		} else if got := schedule.Next(at("2026-03-19T10:30:00Z")); !got.Equal(at(next)) {
			t.Errorf("%s: %s, want %s", line, got, next)
		}
	}
}
