package emulator_test

import (
	"fmt"
	"testing"

	"skystack.dev/sandbox/emulator"
)

// failureRecorder is a test that notes why it was failed.
type failureRecorder struct {
	*testing.T
	told string
}

func (l *failureRecorder) Fatalf(format string, args ...any) {
	l.told += fmt.Sprintf(format, args...) + "\n"
}

// A match that names what does not exist fails the test of the workspace, which
// returns nothing; without a test Err says it.
func TestMisnamedMatches(t *testing.T) {
	misuses := []struct {
		want string
		call func(w *emulator.Workspace) int
	}{
		{`Requests: unknown operation "deleteInstnace" (did you mean deleteInstance?)`, func(w *emulator.Workspace) int {
			return len(w.Requests(emulator.Match{Operation: "deleteInstnace"}))
		}},
		{`Requests: unknown error code "rate_limit" (did you mean rate_limited?)`, func(w *emulator.Workspace) int {
			return len(w.Requests(emulator.Match{Code: "rate_limit"}))
		}},
		{`DroppedOf: unknown method "GTE" (did you mean GET?)`, func(w *emulator.Workspace) int { return int(w.DroppedOf(emulator.Match{Method: "GTE"})) }},
		{`Events: unknown event type "instances.*" (did you mean instance.*?)`, func(w *emulator.Workspace) int {
			return len(w.Events(emulator.EventMatch{Type: "instances.*"}))
		}},
		{`Deliveries: unknown delivery status "succeede" (did you mean succeeded?); unknown event type "instance.stoped" (did you mean instance.stopped?)`, func(w *emulator.Workspace) int {
			return len(w.Deliveries(emulator.DeliveryMatch{Status: "succeede", EventType: "instance.stoped"}))
		}},
		{`Deliveries: there is no webhook "whk_none"; GET /v1/webhooks lists them`, func(w *emulator.Workspace) int {
			return len(w.Deliveries(emulator.DeliveryMatch{Webhook: "whk_none"}))
		}},
	}
	for _, m := range misuses {
		l := &failureRecorder{T: t}
		inTest := emulator.Start(l)
		alone, err := emulator.New()
		if err != nil {
			t.Fatal(err)
		}
		for place, w := range map[string]*emulator.Workspace{
			"Start": inTest.Workspace, "NewWorkspace": inTest.NewWorkspace(l).(*emulator.Workspace), "Fork": inTest.Fork(l).(*emulator.Workspace), "New": alone.Workspace,
		} {
			l.told = ""
			if n := m.call(w); n != 0 {
				t.Errorf("%s: %d were chosen", place, n)
			}
			if err := w.Err(); err == nil || err.Error() != m.want {
				t.Errorf("%s: %v, want %s", place, err, m.want)
			}
			want := "emulator: " + m.want + "\n"
			if place == "New" {
				want = ""
			}
			if l.told != want {
				t.Errorf("%s: the test was told %q, want %q", place, l.told, want)
			}
		}
		if err := alone.Close(); err != nil {
			t.Error(err)
		}
	}
}
