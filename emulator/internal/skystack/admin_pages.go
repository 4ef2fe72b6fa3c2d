package skystack

import (
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/webhook"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Parts of what a world holds, for those who cannot take all of it at once. Each
// returns at most so many objects after a place, oldest first, and the place where
// the next part begins; "" is the beginning, and the end. They refuse a place of
// another state.

// InstancesPage is a part of Instances.
func (a *API) InstancesPage(w *engine.World, after string, most int) ([]sandbox.Instance, string, error) {
	return pageOf(w, a.instances, after, most, nil, func(tx *engine.Tx, i *Instance) sandbox.Instance {
		seen := a.observe(tx, *i)
		return seen.public()
	})
}

// ProjectsPage is a part of Projects.
func (a *API) ProjectsPage(w *engine.World, after string, most int) ([]sandbox.Project, string, error) {
	return pageOf(w, a.projects, after, most, nil, func(_ *engine.Tx, p *Project) sandbox.Project { return sandbox.Project(*p) })
}

// EventsPage is a part of Events.
func (a *API) EventsPage(w *engine.World, m sandbox.EventMatch, after string, most int) ([]sandbox.APIEvent, string, error) {
	return pageOf(w, a.events.Rows, after, most, a.events.Matching(m), func(_ *engine.Tx, e *event.Event) sandbox.APIEvent { return e.Public() })
}

// DeliveriesPage is a part of Deliveries.
func (a *API) DeliveriesPage(w *engine.World, m sandbox.DeliveryMatch, after string, most int) ([]sandbox.Delivery, string, error) {
	return pageOf(w, a.outbox.Deliveries, after, most, webhook.Matching(m), func(_ *engine.Tx, d *webhook.Delivery) sandbox.Delivery { return d.Public() })
}

func pageOf[T, B any](w *engine.World, t *engine.Table[T], after string, most int, keep func(*T) bool, show func(*engine.Tx, *T) B) (out []B, next string, err error) {
	w.View(func(tx *engine.Tx) {
		var rows []engine.Row[T]
		rows, next, err = engine.Page(t, tx, after, most, keep)
		for n := range rows {
			out = append(out, show(tx, &rows[n].Value))
		}
	})
	return out, next, err
}
