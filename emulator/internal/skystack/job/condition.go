package job

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
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
func (s *Store) checkCondition(c *Condition, act *ActionInput, body httpapi.Body) (details []fail.Detail) {
	measured := body.Sent("condition.metric")
	if c.StatusIn != nil {
		details = append(details, s.checkStatusIn(c.StatusIn, act, measured)...)
	} else if measured && !s.config.Possible(act.Type, false, running) {
		details = append(details, violationIn("condition.metric", "conflicting_parameters",
			fmt.Sprintf("Only a running instance has metrics, and a running one does not allow %s, so the job could never do anything.", act.Type))...)
	}
	for _, d := range s.config.CheckLabels(maps.Keys(c.Labels)) {
		d.Field = "condition." + d.Field
		details = append(details, d)
	}
	if act.Target != nil {
		for _, key := range slices.Sorted(maps.Keys(c.Labels)) {
			if other, both := act.Target.Labels[key]; both && other != c.Labels[key] {
				details = append(details, violationIn("condition.labels."+fail.Clip(key), "conflicting_parameters",
					fmt.Sprintf("The target's label %s has another value, so the condition can never hold.", fail.Clip(key)))...)
			}
		}
	}
	if c.OlderThan != "" {
		if d := checkDuration("condition.older_than", c.OlderThan, 0, longestAge); d.Code != "" {
			details = append(details, d)
		}
	}
	if c.Metric != nil {
		details = append(details, s.checkMetric(c.Metric, body)...)
	}
	return details
}

// checkStatusIn finds statuses in which the rest of the job can do nothing. measured
// says whether the condition has a metric.
func (s *Store) checkStatusIn(statuses []string, act *ActionInput, measured bool) (details []fail.Detail) {
	if len(statuses) == 0 {
		return violationIn("condition.status_in", "conflicting_parameters", "condition.status_in is empty, so the condition can never hold; name a status, or leave it out.")
	}
	if slices.ContainsFunc(statuses, func(name string) bool { return !slices.Contains(s.config.Statuses, name) }) {
		return nil // the contract reports it
	}
	if measured && slices.Contains(statuses, running) {
		statuses = []string{running} // no other can meet the condition
	} else if measured {
		details = violationIn("condition.status_in", "conflicting_parameters",
			"Only a running instance has metrics; with condition.metric, condition.status_in must include running.")
	}
	if !slices.ContainsFunc(statuses, func(status string) bool { return s.config.Possible(act.Type, act.Force, status) }) {
		details = append(violationIn("condition.status_in", "conflicting_parameters",
			fmt.Sprintf("No status in condition.status_in allows %s, so the job could never do anything.", act.Type)), details...)
	}
	return details
}

// checkMetric finds violations of the condition on a metric.
func (s *Store) checkMetric(m *MetricCondition, body httpapi.Body) (details []fail.Detail) {
	known, _ := s.metric(m.Name)
	if body.Read("condition.metric.value") && m.never(known.Percent) {
		details = append(details, violationIn("condition.metric.value", "conflicting_parameters",
			fmt.Sprintf("The metric %s is never %s %v, so the condition can never hold.", fail.Clip(m.Name), fail.Clip(m.Op), m.Value))...)
	}
	if m.For != "" {
		if d := checkDuration("condition.metric.for", m.For, sampleStep, longestHeld); d.Code != "" {
			details = append(details, d)
		}
	}
	return details
}
