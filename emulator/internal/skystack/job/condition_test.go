package job

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator/internal/fail"
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
		CheckLabels: func(map[string]any) []fail.Detail { return nil },
	}}
	metric := func(more ...any) map[string]any {
		m := map[string]any{"name": "cpu", "op": ">", "value": 50.0}
		for n := 0; n < len(more); n += 2 {
			m[more[n].(string)] = more[n+1]
		}
		return m
	}
	stop := map[string]any{"type": "stop"}
	start := map[string]any{"type": "start"}
	remove := map[string]any{"type": "delete", "target": map[string]any{"labels": map[string]any{"a": "b"}}}
	for _, tc := range []struct {
		condition, action map[string]any
		want              string // fields and codes
	}{
		{map[string]any{}, stop, ""},
		{map[string]any{"status_in": []any{}}, stop, "condition.status_in conflicting_parameters;"},
		{map[string]any{"status_in": []any{"stopped"}}, stop, "condition.status_in conflicting_parameters;"},
		{map[string]any{"status_in": []any{"stopped", "running"}}, stop, ""},
		{map[string]any{"status_in": []any{"asleep"}}, stop, ""}, // the contract reports it
		{map[string]any{"status_in": []any{"stopped"}, "metric": metric()}, remove, "condition.status_in conflicting_parameters;"},
		{map[string]any{"status_in": []any{"stopped", "running"}, "metric": metric()}, remove, ""},
		{map[string]any{"metric": metric()}, start, "condition.metric conflicting_parameters;"},
		{map[string]any{"metric": metric("value", int64(100))}, stop, "condition.metric.value conflicting_parameters;"},
		{map[string]any{"metric": metric("value", 99.9)}, stop, ""},
		{map[string]any{"metric": metric("op", "<", "value", 0.0)}, stop, "condition.metric.value conflicting_parameters;"},
		{map[string]any{"metric": metric("name", "net_in", "value", 1e9)}, stop, ""},
		{map[string]any{"metric": metric("for", "59s")}, stop, "condition.metric.for out_of_range;"},
		{map[string]any{"metric": metric("for", "24h")}, stop, ""},
		{map[string]any{"metric": metric("for", "24h1s")}, stop, "condition.metric.for out_of_range;"},
		{map[string]any{"older_than": "0s"}, stop, ""},
		{map[string]any{"older_than": "-1s"}, stop, "condition.older_than out_of_range;"},
		{map[string]any{"older_than": "old"}, stop, "condition.older_than invalid_format;"},
		{map[string]any{"labels": map[string]any{"a": "c"}}, remove, "condition.labels.a conflicting_parameters;"},
		{map[string]any{"labels": map[string]any{"a": "b", "c": "d"}}, remove, ""},
	} {
		got := ""
		for _, d := range s.checkCondition(tc.condition, tc.action) {
			got += d.Field + " " + d.Code + ";"
		}
		if got != tc.want {
			t.Errorf("%v of %v: %q, want %q", tc.condition, tc.action["type"], got, tc.want)
		}
	}
	empty := s.checkCondition(map[string]any{"status_in": []any{}}, stop)
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
