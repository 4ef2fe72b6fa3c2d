package job

import (
	"iter"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// A condition on a metric never holds exactly if it holds for no value that the metric
// can have.
func TestMetricConditionsThatNeverHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := MetricCondition{Op: rapid.SampledFrom([]string{"<", "<=", ">", ">="}).Draw(t, "op"), Value: float64(rapid.IntRange(-10, 1100).Draw(t, "tenths")) / 10}
		percent := rapid.Bool().Draw(t, "percent")
		values := []float64{0, m.Value - 0.01, m.Value, m.Value + 0.01, 100}
		holds := slices.ContainsFunc(values, func(v float64) bool { return v >= 0 && (v <= 100 || !percent) && m.holds(v) })
		if m.never(percent) == holds {
			t.Errorf("%+v of a percentage %t: never is %t", m, percent, m.never(percent))
		}
	})
}

// Conditions that can never hold, or hold only where the action can do nothing, are
// refused.
func TestCheckCondition(t *testing.T) {
	s := &Store{config: Config{
		Statuses: []string{"running", "stopped", "deleting"}, Metrics: []Metric{{"cpu", true}, {"net_in", false}},
		Possible: func(a ActionType, _ bool, status string) bool {
			return a == Delete || a == Stop && status == "running" || a == Start && status == "stopped"
		},
		CheckLabels: func(iter.Seq[string]) []fail.Detail { return nil },
	}}
	const (
		stop   = `{"type":"stop"}`
		start  = `{"type":"start"}`
		remove = `{"type":"delete","target":{"labels":{"a":"b"}}}`
	)
	for _, tc := range []struct{ condition, action, want string }{ // want is fields and codes
		{`{}`, stop, ""},
		{`{"status_in":[]}`, stop, "condition.status_in conflicting_parameters;"},
		{`{"status_in":["stopped"]}`, stop, "condition.status_in conflicting_parameters;"},
		{`{"status_in":["stopped","running"]}`, stop, ""},
		{`{"status_in":["asleep"]}`, stop, ""}, // the contract reports it
		{`{"status_in":[7]}`, stop, ""},
		{`{"status_in":7}`, stop, ""},
		{`{"status_in":7,"metric":7}`, start, "condition.metric conflicting_parameters;"},
		{`{"status_in":["stopped"],"metric":{"name":"cpu","op":">","value":50}}`, remove, "condition.status_in conflicting_parameters;"},
		{`{"status_in":["stopped"],"metric":7}`, remove, "condition.status_in conflicting_parameters;"},
		{`{"status_in":["stopped","running"],"metric":{"name":"cpu","op":">","value":50}}`, remove, ""},
		{`{"metric":{"name":"cpu","op":">","value":50}}`, start, "condition.metric conflicting_parameters;"},
		{`{"metric":{"name":"cpu","op":">","value":100}}`, stop, "condition.metric.value conflicting_parameters;"},
		{`{"metric":{"name":"cpu","op":">","value":99.9}}`, stop, ""},
		{`{"metric":{"name":"cpu","op":"<","value":0}}`, stop, "condition.metric.value conflicting_parameters;"},
		{`{"metric":{"name":"cpu","op":"<"}}`, stop, ""}, // the contract reports it
		{`{"metric":{"name":"cpu","op":"<","value":"0"}}`, stop, ""},
		{`{"metric":{"name":"net_in","op":">","value":1e9}}`, stop, ""},
		{`{"metric":{"name":"cpu","op":">","value":50,"for":"59s"}}`, stop, "condition.metric.for out_of_range;"},
		{`{"metric":{"name":"cpu","op":">","value":50,"for":"24h"}}`, stop, ""},
		{`{"metric":{"name":"cpu","op":">","value":50,"for":"24h1s"}}`, stop, "condition.metric.for out_of_range;"},
		{`{"older_than":"0s"}`, stop, ""},
		{`{"older_than":"-1s"}`, stop, "condition.older_than out_of_range;"},
		{`{"older_than":"old"}`, stop, "condition.older_than invalid_format;"},
		{`{"labels":{"a":"c"}}`, remove, "condition.labels.a conflicting_parameters;"},
		{`{"labels":{"a":"b","c":"d"}}`, remove, ""},
	} {
		d, body := read(`{"condition":` + tc.condition + `,"action":` + tc.action + `}`)
		if got := found(s.checkCondition(d.Condition, &d.Action, body)); got != tc.want {
			t.Errorf("%s of %s: %q, want %q", tc.condition, tc.action, got, tc.want)
		}
	}
	empty := s.checkCondition(&Condition{StatusIn: []string{}}, &ActionInput{}, httpapi.Body{})
	if want := "condition.status_in is empty, so the condition can never hold; name a status, or leave it out."; empty[0].Message != want {
		t.Error(empty[0].Message)
	}
}

// A condition with a window holds if the metric satisfies it at every minute of the
// window, and the instance has run all the time.
func TestConditionOverAWindow(t *testing.T) {
	r := newRig(t)
	now := r.now()
	i := Instance{ID: "ins_1", Status: "running", Since: now.Add(-10 * time.Minute), CreatedAt: now.Add(-time.Hour)}
	cpu := func(window string) *Condition {
		return &Condition{Metric: &MetricCondition{Name: "cpu", Op: ">=", Value: 50, For: window}}
	}
	for _, tc := range []struct {
		name  string
		c     *Condition
		value func(age time.Duration) float64
		want  bool
	}{
		{"none", nil, nil, true},
		{"now", cpu(""), func(age time.Duration) float64 { return 50 - age.Seconds() }, true},
		{"always", cpu("10m"), func(time.Duration) float64 { return 50 }, true},
		{"for longer than it runs", cpu("10m1s"), func(time.Duration) float64 { return 50 }, false},
		{"not at the beginning", cpu("10m"), func(age time.Duration) float64 { return 59.99 - age.Minutes() }, false},
		{"not in one minute", cpu("10m"), func(age time.Duration) float64 {
			if age == 3*time.Minute {
				return 49
			}
			return 50
		}, false},
		{"unknown metric", &Condition{Metric: &MetricCondition{Name: "luck", Op: ">"}}, func(time.Duration) float64 { return 1 }, false},
		{"old enough", &Condition{OlderThan: "59m"}, nil, true},
		{"not old enough", &Condition{OlderThan: "1h"}, nil, false},
		{"in the status", &Condition{StatusIn: []string{"stopped", "running"}}, nil, true},
		{"in another status", &Condition{StatusIn: []string{"stopped"}}, nil, false},
	} {
		r.metric = func(at time.Time) float64 { return tc.value(now.Sub(at)) }
		if got := r.meets(i, tc.c); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
	}
	i.Status = "stopped"
	if r.metric = func(time.Time) float64 { return 99 }; r.meets(i, cpu("")) {
		t.Error("a stopped instance has a metric")
	}
}
