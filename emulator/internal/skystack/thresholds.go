package skystack

import (
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Metrics are subscribed to like everything that happens: by events (S15). One tells
// that a percentage has crossed a threshold, one that an instance has become unhealthy
// or no longer is. The synthetic values stay between the thresholds, so only a load that
// is set crosses one; nothing is booked to watch for it, and a value that moves about
// one threshold makes no events, since it must cross the other one first.

const (
	thresholdEvent = "metric.threshold_crossed"
	healthEvent    = "health.changed"
)

// The thresholds, in percent: a metric is high from the one until it is below the other.
const (
	highThreshold = 90.0
	lowThreshold  = 80.0
)

// What a threshold event can say.
const (
	stateHigh   = "high"
	stateNormal = "normal"
)

// thresholdCrossing is the object of a threshold event.
type thresholdCrossing struct {
	InstanceID string  `json:"instance_id"`
	Metric     string  `json:"metric"`
	Unit       string  `json:"unit"`
	State      string  `json:"state"`
	Threshold  float64 `json:"threshold"`
	Value      float64 `json:"value"`
	At         string  `json:"at"`
}

// crossing is the event's object of a metric of an instance.
func (a *API) crossing(tx *engine.Tx, id string, m *metric, value float64, high bool) thresholdCrossing {
	c := thresholdCrossing{id, m.name, m.unit, stateNormal, lowThreshold, value, resource.Stamp(tx.Now())}
	if high {
		c.State, c.Threshold = stateHigh, highThreshold
	}
	return c
}

// watchMetrics tells which percentages of an instance have crossed a threshold. What
// does not run has no value, and stays what it was when it ran.
func (a *API) watchMetrics(tx *engine.Tx, i Instance, by *event.Cause) {
	l, ok := a.loads.Get(tx, i.ID)
	if !ok || i.Status != Running {
		return
	}
	now, high := l.at(tx.Now()), []string(nil)
	for n := range metrics {
		m := &metrics[n]
		if m.set == nil {
			continue
		}
		noise := tx.World().Noise(m.stream(i.ID))
		value := float64(m.value(noise, now, tx.Now().Unix())) / float64(m.scale)
		was := slices.Contains(l.High, m.name)
		is := value >= highThreshold || was && value >= lowThreshold
		if is {
			high = append(high, m.name)
		}
		if is != was {
			a.events.Emit(tx, event.Draft{Type: thresholdEvent, Project: i.ProjectID, Object: a.crossing(tx, i.ID, m, value, is), Cause: by})
		}
	}
	if !slices.Equal(high, l.High) {
		l, _ = a.loads.Get(tx, i.ID) // a job may have reacted to an event
		l.High = high
		a.loads.Put(tx, i.ID, l)
	}
}

// watchHealth tells that an instance has become unhealthy, or no longer is. before is
// the status it had.
func (a *API) watchHealth(tx *engine.Tx, i *Instance, before Status, by *event.Cause) {
	if (before == Error) == (i.Status == Error) || before == "" {
		return
	}
	was := *i
	was.Status = before
	a.events.Emit(tx, event.Draft{Type: healthEvent, Project: i.ProjectID, Object: i.health(), Previous: map[string]any{"status": was.health().Status}, Cause: by})
}
