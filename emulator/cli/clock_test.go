package cli

import (
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

var noon = time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)

// frozen is a sandbox whose time stands still at noon.
func frozen(t *testing.T, opts ...emulator.Option) *emulator.Emulator {
	t.Helper()
	return emulator.Start(t, append(opts, emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: noon}))...)
}

const newInstance = `{"name":"web-1","region":"eu-central","size":"standard-2"}`

func TestClockCommand(t *testing.T) {
	e := frozen(t)
	wire.In(t, e).Post("/v1/instances", newInstance).Wants(201)
	action := e.Agenda()[0].Subject
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"clock", 0, "now    2026-03-19T12:00:00Z\nclock  frozen\nnext   2026-03-19T12:00:03Z  action.finish  " + action + "\n"},
		{"clock agenda", 0, "2026-03-19T12:00:03Z  action.finish  " + action + "\n"},
		{"clock advance 1s500ms", 0, "2026-03-19T12:00:01.5Z\n"},
		{"clock advance --to=2026-03-19T13:00:02+01:00", 0, "2026-03-19T12:00:02Z\n"},
		{"clock advance 0s", 0, "2026-03-19T12:00:02Z\n"},
		{"clock advance --next", 0, "2026-03-19T12:00:03Z\n"},
		{"clock advance --next", 1, program + ": no event is scheduled: the time is unchanged\n"},
		{"clock advance --until-idle", 0, "2026-03-19T12:00:03Z\n"},
		{"clock agenda", 0, ""},
		{"clock set --now=2026-03-20T00:00:00Z", 0, "now    2026-03-20T00:00:00Z\nclock  frozen\nnext   no event is scheduled\n"},
		{"clock set --mode=auto", 0, "now    2026-03-20T00:00:00Z\nclock  auto\nnext   no event is scheduled\n"},
	} {
		code, out, message := runAgainst(t, e, strings.Fields(tc.args)...)
		if code != tc.code || out+message != tc.want {
			t.Errorf("%s: exit code %d, got %s%swant %s", tc.args, code, out, message, tc.want)
		}
	}
	// Time does not go back, and what is refused changes nothing.
	if code, _, message := runAgainst(t, e, "clock", "set", "--mode=frozen", "--now=2026-03-01T00:00:00Z"); code != exitFailure || message == "" || e.Clock().Mode != emulator.AutoClock {
		t.Errorf("exit code %d, %s", code, message)
	}
	if code, out, message := runAgainst(t, e, "clock", "set", "--scale=60"); code != 0 || !strings.Contains(out, "\nclock  scaled, 60 times as fast as the wall clock\n") {
		t.Errorf("exit code %d, %s%s", code, out, message)
	}
}

// A scaled clock keeps its scale when only the time is moved.
func TestClockSetKeepsWhatItDoesNotSay(t *testing.T) {
	e := emulator.Start(t, emulator.WithClock(emulator.Clock{Mode: emulator.ScaledClock, Scale: 60}))
	if code, _, message := runAgainst(t, e, "clock", "set", "--now=2200-01-01T00:00:00Z"); code != 0 {
		t.Fatal(message)
	}
	if c := e.Clock(); c.Mode != emulator.ScaledClock || c.Scale != 60 || e.Now().Year() != 2200 {
		t.Errorf("%+v at %v", c, e.Now())
	}
}

func TestResetCommand(t *testing.T) {
	e := frozen(t)
	before := e.Dump()
	wire.In(t, e).Post("/v1/instances", newInstance).Wants(201)
	if code, out, message := runAgainst(t, e, "reset"); code != 0 || out+message != "" {
		t.Errorf("exit code %d, %s%s", code, out, message)
	}
	if e.Dump() != before || len(e.Requests(emulator.Match{})) != 0 {
		t.Error("the workspace is not as it was at the start")
	}
	if code, out, message := runAgainst(t, e, "reset", "--fixture=empty"); code != 0 || out+message != "" {
		t.Errorf("exit code %d, %s%s", code, out, message)
	}
	if n := len(e.Instances()); n != 0 {
		t.Errorf("%d instances", n)
	}
}

// Whatever is asked for is one way ahead, or refused.
func FuzzAdvance(f *testing.F) {
	f.Add("3s", "", false, false)
	f.Add("", "2026-03-19T10:22:44Z", false, false)
	f.Add("-1h", "noon", true, true)
	f.Add("9223372036854775807ns", "", false, false)
	f.Fuzz(func(t *testing.T, by, to string, next, idle bool) {
		do, err := clockAdvanceCommand{By: by, To: to, Next: next, UntilIdle: idle}.advance(nil)
		if (do == nil) == (err == nil) {
			t.Fatalf("%v", err)
		}
		if d, wrong := time.ParseDuration(by); err == nil && by != "" && (wrong != nil || d < 0) {
			t.Fatalf("%q was taken", by)
		}
	})
}
