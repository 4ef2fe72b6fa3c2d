package job

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// Condition selects the targets that a job acts on. All members that are set must hold;
// nil holds always.
type Condition struct {
	StatusIn  []string          `json:"status_in,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	OlderThan string            `json:"older_than,omitzero"`
	Metric    *MetricCondition  `json:"metric,omitzero"`
}

// MetricCondition compares a metric with a number. With For the comparison must have
// held for that long, and the instance must have run all the time.
type MetricCondition struct {
	Name  string  `json:"name"`
	Op    string  `json:"op"`
	Value float64 `json:"value"`
	For   string  `json:"for,omitzero"`
}

// running is the status in which an instance has metrics.
const running = "running"

// The bounds of older_than and for.
const (
	longestAge  = 10 * 366 * 24 * time.Hour
	longestHeld = 24 * time.Hour
	sampleStep  = time.Minute
)

// holds reports whether a value satisfies the condition.
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

// never reports whether no value of a metric can satisfy the condition: no metric is
// negative, and a percentage is at most 100.
func (m *MetricCondition) never(percent bool) bool {
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

// metric returns a metric by its name; false if there is none.
func (s *Store) metric(name string) (Metric, bool) {
	n := slices.IndexFunc(s.config.Metrics, func(m Metric) bool { return m.Name == name })
	if n < 0 {
		return Metric{}, false
	}
	return s.config.Metrics[n], true
}

// meets reports whether an instance meets a condition now.
func (s *Store) meets(tx *engine.Tx, i *Instance, c *Condition) bool {
	if c == nil {
		return true
	}
	if len(c.StatusIn) > 0 && !slices.Contains(c.StatusIn, i.Status) || !s.config.Instances.WithLabels(c.Labels)(i) {
		return false
	}
	if c.OlderThan != "" {
		if age, err := time.ParseDuration(c.OlderThan); err != nil || tx.Now().Sub(i.CreatedAt) <= age {
			return false
		}
	}
	return c.Metric == nil || s.held(tx, i, c.Metric)
}

// held reports whether a condition holds now and at every minute back to the beginning
// of its window. It does not for an instance that has not run all the time: a stopped
// one has no load.
func (s *Store) held(tx *engine.Tx, i *Instance, m *MetricCondition) bool {
	_, known := s.metric(m.Name)
	window, err := time.ParseDuration(cmp.Or(m.For, "0s"))
	begin := tx.Now().Add(-window)
	if !known || err != nil || i.Status != running || i.Since.After(begin) {
		return false
	}
	value := s.config.Instances.Metric(tx, i.ID, m.Name)
	holds := func(at time.Time) bool { return m.holds(value(at)) }
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

// checkCondition finds violations of a condition, and parts that can never hold.
func (s *Store) checkCondition(c map[string]any, action map[string]any) (details []fail.Detail) {
	if statuses, ok := c["status_in"].([]any); ok {
		details = append(details, s.checkStatusIn(statuses, c, action)...)
	} else if act, _ := action["type"].(string); c["metric"] != nil && !s.config.Possible(ActionType(act), false, running) {
		details = append(details, violationIn("condition.metric", "conflicting_parameters",
			fmt.Sprintf("Only a running instance has metrics, and a running one does not allow %s, so the job could never do anything.", act))...)
	}
	if labels, ok := c["labels"].(map[string]any); ok {
		for _, d := range s.config.CheckLabels(labels) {
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
		details = append(details, s.checkMetric(metric)...)
	}
	return details
}

// checkStatusIn finds statuses in which the rest of the job can do nothing.
func (s *Store) checkStatusIn(statuses []any, c, action map[string]any) (details []fail.Detail) {
	if len(statuses) == 0 {
		return violationIn("condition.status_in", "conflicting_parameters", "condition.status_in is empty, so the condition can never hold; name a status, or leave it out.")
	}
	act, _ := action["type"].(string)
	force, _ := action["force"].(bool)
	var named []string
	for _, v := range statuses {
		name, _ := v.(string)
		if !slices.Contains(s.config.Statuses, name) {
			return nil // the contract reports it
		}
		named = append(named, name)
	}
	measured := c["metric"] != nil
	if measured && slices.Contains(named, running) {
		named = []string{running} // no other can meet the condition
	} else if measured {
		details = violationIn("condition.status_in", "conflicting_parameters",
			"Only a running instance has metrics; with condition.metric, condition.status_in must include running.")
	}
	if !slices.ContainsFunc(named, func(status string) bool { return s.config.Possible(ActionType(act), force, status) }) {
		details = append(violationIn("condition.status_in", "conflicting_parameters",
			fmt.Sprintf("No status in condition.status_in allows %s, so the job could never do anything.", act)), details...)
	}
	return details
}

// checkMetric finds violations of the condition on a metric.
func (s *Store) checkMetric(m map[string]any) (details []fail.Detail) {
	name, _ := m["name"].(string)
	op, _ := m["op"].(string)
	value, isNumber := number(m["value"])
	known, _ := s.metric(name)
	if c := (MetricCondition{Name: name, Op: op, Value: value}); isNumber && c.never(known.Percent) {
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

// number returns a number of a body; false for another value.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
