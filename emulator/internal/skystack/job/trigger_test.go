package job

import (
	"fmt"
	"testing"
	"time"

	"github.com/netresearch/go-cron"
	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

// The next tick of a trigger lies after the instant, on a grid from the anchor.
func TestNextTick(t *testing.T) {
	for _, tc := range []struct {
		trigger             Trigger
		anchor, after, want string // want is "" for no tick
	}{
		{Trigger{Every: "1h"}, "2026-03-19T10:30:00Z", "2026-03-19T10:30:00Z", "2026-03-19T11:30:00Z"},
		{Trigger{Every: "1h"}, "2026-03-19T10:30:00Z", "2026-03-19T11:30:00Z", "2026-03-19T12:30:00Z"},
		{Trigger{Every: "1h"}, "2026-03-19T10:30:00Z", "2026-03-19T11:29:59.999999999Z", "2026-03-19T11:30:00Z"},
		{Trigger{Every: "1h"}, "2026-03-19T10:30:00Z", "2025-01-01T00:00:00Z", "2026-03-19T11:30:00Z"}, // before the anchor
		{Trigger{Every: "90m"}, "2026-03-19T10:30:00Z", "2026-03-20T00:00:00Z", "2026-03-20T01:30:00Z"},
		{Trigger{Every: "1h"}, "0001-01-01T00:00:00Z", "2026-03-19T10:30:00Z", ""}, // too far away to count from
		{Trigger{Every: "59s"}, "2026-03-19T10:30:00Z", "2026-03-19T10:30:00Z", ""},
		{Trigger{Every: "soon"}, "2026-03-19T10:30:00Z", "2026-03-19T10:30:00Z", ""},
		{Trigger{At: "2026-03-19T11:00:00+02:00"}, "", "2026-03-19T08:59:59Z", "2026-03-19T09:00:00Z"},
		{Trigger{At: "2026-03-19T11:00:00Z"}, "", "2026-03-19T11:00:00Z", ""},
		{Trigger{At: "tomorrow"}, "", "2026-03-19T11:00:00Z", ""},
		{Trigger{Cron: "5/15 * * * *"}, "", "2026-03-19T10:30:00Z", "2026-03-19T10:35:00Z"},
		{Trigger{Cron: "0 0 29 2 *"}, "", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"}, // 2100 is no leap year
		{Trigger{Cron: "0 0 13 * 5"}, "", "2026-03-13T00:00:00Z", "2026-03-20T00:00:00Z"}, // a Friday
		{Trigger{Cron: "0 0 13 * 5"}, "", "2026-04-10T00:00:00Z", "2026-04-13T00:00:00Z"}, // a Monday
		{Trigger{Cron: "0 0 30 2 *"}, "", "2026-03-19T10:30:00Z", ""},
		{Trigger{Event: "*"}, "2026-03-19T10:30:00Z", "2026-03-19T10:30:00Z", ""},
	} {
		anchor, want := time.Time{}, time.Time{}
		if tc.anchor != "" {
			anchor = at(tc.anchor)
		}
		if tc.want != "" {
			want = at(tc.want)
		}
		if got := tc.trigger.next(anchor, at(tc.after)); !got.Equal(want) {
			t.Errorf("%+v from %s: after %s comes %s, want %s", tc.trigger, tc.anchor, tc.after, got, want)
		}
	}
}

// The ticks of every are those that counting from the anchor gives; none is left out.
func TestNextTickProperties(t *testing.T) {
	begin := at("2026-03-19T10:30:00Z")
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.Int64Range(int64(shortestEvery), int64(longestEvery)).Draw(t, "every"))
		anchor := begin.Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(1000*time.Hour)).Draw(t, "anchor")))
		n := time.Duration(rapid.Int64Range(0, 50).Draw(t, "ticks"))
		after := anchor.Add(n*every + time.Duration(rapid.Int64Range(0, int64(every)-1).Draw(t, "more")))
		if got, want := (Trigger{Every: every.String()}).next(anchor, after), anchor.Add((n+1)*every); !got.Equal(want) {
			t.Errorf("every %v from %s: after %s comes %s, want %s", every, anchor, after, got, want)
		}
	})
}

// A cron line that is accepted has exactly the instants that the library finds for it
// minute by minute, and one that is refused is refused with an error.
func TestCronProperties(t *testing.T) {
	field := func(least, most int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			from := rapid.IntRange(least, most).Draw(t, "from")
			to := rapid.IntRange(from, most).Draw(t, "to")
			switch rapid.IntRange(0, 3).Draw(t, "form") {
			case 0:
				return "*"
			case 1:
				return fmt.Sprint(from)
			case 2:
				return fmt.Sprintf("%d-%d", from, to)
			}
			return fmt.Sprintf("*/%d", rapid.IntRange(1, most-least).Draw(t, "step"))
		})
	}
	minutes, hours, days, months, week := field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)
	parser := cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom)
	rapid.Check(t, func(t *rapid.T) {
		line := minutes.Draw(t, "minute") + " " + hours.Draw(t, "hour") + " " + days.Draw(t, "day") + " " + months.Draw(t, "month") + " " + week.Draw(t, "week")
		schedule, err := parser.Parse(line)
		if err != nil {
			t.Fatal(line, err)
		}
		from := at("2028-02-28T00:00:00Z").Add(time.Duration(rapid.IntRange(0, 60*24*366).Draw(t, "begin")) * time.Minute)
		for range 20 {
			next := Trigger{Cron: line}.next(time.Time{}, from)
			if want := schedule.Next(from); !next.Equal(want) || !next.After(from) {
				t.Fatalf("%s: after %s comes %s, want %s", line, from, next, want)
			}
			from = next
		}
	})
}

// A trigger has exactly one member, within its bounds.
func TestCheckTrigger(t *testing.T) {
	now := at("2026-03-19T10:30:00Z")
	s := &Store{config: Config{EventTypes: []string{"instance.running", "job.run.failed"}}}
	for _, tc := range []struct {
		trigger string
		now     time.Time
		want    string // fields and codes
	}{
		{`{}`, now, "trigger required;"},
		{`{"every": null}`, now, "trigger required;"},
		{`{"every": "1h", "event": "*"}`, now, "trigger.every conflicting_parameters;trigger.event conflicting_parameters;"},
		{`{"every": "1m"}`, now, ""},
		{`{"every": "59.999s"}`, now, "trigger.every out_of_range;"},
		{`{"every": "8784h"}`, now, ""},
		{`{"every": "8784h0.001s"}`, now, "trigger.every out_of_range;"},
		{`{"every": "hourly"}`, now, "trigger.every invalid_format;"},
		{`{"every": 7}`, now, ""}, // the contract reports it
		{`{"at": "2026-03-19T10:30:00Z"}`, now, "trigger.at out_of_range;"},
		{`{"at": "2026-03-19T10:30:00.000000001Z"}`, now, ""},
		{`{"at": "2026-03-19T10:30:00Z"}`, time.Time{}, ""},
		{`{"at": "2201-01-01T00:00:00Z"}`, time.Time{}, "trigger.at out_of_range;"},
		{`{"at": "noon"}`, now, "trigger.at invalid_format;"},
		{`{"cron": "0 0 30 2 *"}`, now, "trigger.cron out_of_range;"},
		{`{"cron": "0 0 30 2"}`, now, "trigger.cron invalid_format;"},
		{`{"cron": "0 0 28 2 *"}`, now, ""},
		{`{"event": "instance.*"}`, now, ""},
		{`{"event": "job.run.failed"}`, now, ""},
		{`{"event": "webhook.*"}`, now, "trigger.event unknown_value;"},
	} {
		got := ""
		d, body := read(`{"trigger":` + tc.trigger + `}`)
		for _, d := range s.checkTrigger(&d.Trigger, body, tc.now) {
			got += d.Field + " " + d.Code + ";"
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.trigger, got, tc.want)
		}
	}
	refused := s.checkTrigger(&Trigger{Cron: "* * *"}, httpapi.Body{}, now)
	if want := `trigger.cron "* * *" cannot be used: a line has five fields, minute, hour, day of the month, month and day of the week; this one has 3.`; refused[0].Message != want {
		t.Error(refused[0].Message)
	}
}
