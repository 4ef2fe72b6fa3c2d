package skystack

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// Condition is the policy of a job: which of its targets it acts on. All that is
// set must hold; nil holds always.
type Condition struct {
	StatusIn  []Status          `json:"status_in,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	OlderThan string            `json:"older_than,omitzero"`
	Metric    *MetricCondition  `json:"metric,omitzero"`
}

// MetricCondition compares a metric with a number; with For it must have held for
// that long, and the instance have run all the time.
type MetricCondition struct {
	Name  string  `json:"name"`
	Op    string  `json:"op"`
	Value float64 `json:"value"`
	For   string  `json:"for,omitzero"`
}

// The bounds of older_than and for.
const (
	longestAge  = 10 * 366 * 24 * time.Hour
	longestHeld = 24 * time.Hour
	sampleStep  = time.Minute
)

// holds reports whether a value stands in a relation to the condition's.
func (m *MetricCondition) holds(value float64) bool {
	switch m.Op {
	case "<":
		return value < m.Value
	case "<=":
		return value <= m.Value
	case ">":
		return value > m.Value
	case ">=":
		return value >= m.Value
	}
	return false
}

// never reports whether nothing that is measured stands in the relation: no metric
// is negative, and a percentage is at most 100.
func (m *MetricCondition) never() bool {
	percent := slices.ContainsFunc(metrics[:], func(known metric) bool { return known.name == m.Name && known.unit == "percent" })
	switch m.Op {
	case "<":
		return m.Value <= 0
	case "<=":
		return m.Value < 0
	case ">":
		return percent && m.Value >= 100
	case ">=":
		return percent && m.Value > 100
	}
	return false
}

// meets reports whether an instance meets a condition now.
func (a *API) meets(tx *engine.Tx, i *Instance, c *Condition) bool {
	if c == nil {
		return true
	}
	if len(c.StatusIn) > 0 && !slices.Contains(c.StatusIn, i.Status) || !i.labelled(pairs(c.Labels)) {
		return false
	}
	if c.OlderThan != "" {
		if age, err := time.ParseDuration(c.OlderThan); err != nil || tx.Now().Sub(i.CreatedAt) <= age {
			return false
		}
	}
	return c.Metric == nil || a.held(tx, i, c.Metric)
}

// held looks at a metric now and at every minute back to the beginning of the
// window. A stopped instance has no load, so one that has not run all the time
// does not count.
func (a *API) held(tx *engine.Tx, i *Instance, m *MetricCondition) bool {
	n := slices.IndexFunc(metrics[:], func(known metric) bool { return known.name == m.Name })
	window, err := time.ParseDuration(cmp.Or(m.For, "0s"))
	begin := tx.Now().Add(-window)
	if n < 0 || err != nil || i.Status != Running || i.since().After(begin) {
		return false
	}
	s := series{&metrics[n], tx.World().Noise(metrics[n].stream(i.ID))}
	set, _ := a.loads.Get(tx, i.ID)
	holds := func(at time.Time) bool {
		return m.holds(float64(s.value(s.noise, set.at(at), at.Unix())) / float64(s.scale))
	}
	if !holds(tx.Now()) || !holds(begin) {
		return false
	}
	for at := tx.Now().Truncate(sampleStep); at.After(begin); at = at.Add(-sampleStep) {
		if !holds(at) {
			return false
		}
	}
	return true
}

// pairs are labels in the form of a filter.
func pairs(labels map[string]string) []string {
	out := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, key+":"+labels[key])
	}
	return out
}

// checkCondition finds what is wrong with a condition, and what can never hold.
func checkCondition(c map[string]any, action map[string]any) (details []fail.Detail) {
	if statuses, ok := c["status_in"].([]any); ok {
		details = append(details, checkStatusIn(statuses, c, action)...)
	} else if act, _ := action["type"].(string); c["metric"] != nil && !possible(ActionType(act), false, Running) {
		details = append(details, violationIn("condition.metric", "conflicting_parameters",
			fmt.Sprintf("Only a running instance has metrics, and a running one does not allow %s, so the job could never do anything.", act))...)
	}
	if labels, ok := c["labels"].(map[string]any); ok {
		for _, d := range checkLabels(labels) {
			d.Field = "condition." + d.Field
			details = append(details, d)
		}
		target, _ := action["target"].(map[string]any)
		wanted, _ := target["labels"].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			if other, both := wanted[key]; both && other != labels[key] {
				details = append(details, violationIn("condition.labels."+fail.Clip(key), "conflicting_parameters",
					fmt.Sprintf("The target's label %s has another value, so the condition can never hold.", fail.Clip(key)))...)
			}
		}
	}
	if age, ok := c["older_than"].(string); ok && age != "" {
		if d := checkDuration("condition.older_than", age, 0, longestAge); d.Code != "" {
			details = append(details, d)
		}
	}
	if metric, ok := c["metric"].(map[string]any); ok {
		details = append(details, checkMetric(metric)...)
	}
	return details
}

// checkStatusIn finds statuses in which the rest of the job can do nothing.
func checkStatusIn(statuses []any, c, action map[string]any) (details []fail.Detail) {
	if len(statuses) == 0 {
		return violationIn("condition.status_in", "conflicting_parameters", "condition.status_in is empty, so the condition can never hold; name a status, or leave it out.")
	}
	act, _ := action["type"].(string)
	force, _ := action["force"].(bool)
	var named []Status
	for _, s := range statuses {
		name, _ := s.(string)
		if !slices.Contains(Statuses(), Status(name)) {
			return nil // the contract reports it
		}
		named = append(named, Status(name))
	}
	measured := c["metric"] != nil
	if measured && slices.Contains(named, Running) {
		named = []Status{Running} // no other can meet the condition
	} else if measured {
		details = violationIn("condition.status_in", "conflicting_parameters",
			"Only a running instance has metrics; with condition.metric, condition.status_in must include running.")
	}
	if !slices.ContainsFunc(named, func(s Status) bool { return possible(ActionType(act), force, s) }) {
		details = append(violationIn("condition.status_in", "conflicting_parameters",
			fmt.Sprintf("No status in condition.status_in allows %s, so the job could never do anything.", act)), details...)
	}
	return details
}

// possible reports whether an action can do something to an instance of a status,
// or has been done to it; of an action that the contract reports, it can.
func possible(act ActionType, force bool, s Status) bool {
	if _, known := transitions[act]; !known || act == Create {
		return true
	}
	if act == Delete {
		return s != Deleting
	}
	v := Instance{Status: s}.allows(act, force)
	return v == begin || v == nothing
}

// checkMetric finds what is wrong with the condition on a metric.
func checkMetric(m map[string]any) (details []fail.Detail) {
	name, _ := m["name"].(string)
	op, _ := m["op"].(string)
	value, isNumber := number(m["value"])
	if c := (MetricCondition{Name: name, Op: op, Value: value}); isNumber && c.never() {
		details = append(details, violationIn("condition.metric.value", "conflicting_parameters",
			fmt.Sprintf("The metric %s is never %s %v, so the condition can never hold.", fail.Clip(name), fail.Clip(op), value))...)
	}
	if window, ok := m["for"].(string); ok && window != "" {
		if d := checkDuration("condition.metric.for", window, sampleStep, longestHeld); d.Code != "" {
			details = append(details, d)
		}
	}
	return details
}

// number is a number of a body.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
