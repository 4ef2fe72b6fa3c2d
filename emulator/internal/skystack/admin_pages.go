package skystack

import (
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/webhook"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Parts of lists for the operator; see resource.Inspect.

// InstancesPage is a part of Instances.
func (a *API) InstancesPage(w *engine.World, after string, most int) ([]sandbox.Instance, string, error) {
	return resource.Inspect(w, a.instances, after, most, nil, func(tx *engine.Tx, i *Instance) sandbox.Instance {
		seen := a.observe(tx, *i)
		return seen.public()
	})
}

// ProjectsPage is a part of Projects.
func (a *API) ProjectsPage(w *engine.World, after string, most int) ([]sandbox.Project, string, error) {
	return resource.Inspect(w, a.projects, after, most, nil, func(_ *engine.Tx, p *Project) sandbox.Project { return sandbox.Project(*p) })
}

// EventsPage is a part of Events.
func (a *API) EventsPage(w *engine.World, m sandbox.EventMatch, after string, most int) ([]sandbox.APIEvent, string, error) {
	return resource.Inspect(w, a.events.Rows, after, most, a.events.Matching(m), func(_ *engine.Tx, e *event.Event) sandbox.APIEvent { return e.Public() })
}

// DeliveriesPage is a part of Deliveries.
func (a *API) DeliveriesPage(w *engine.World, m sandbox.DeliveryMatch, after string, most int) ([]sandbox.Delivery, string, error) {
	return resource.Inspect(w, a.outbox.Deliveries, after, most, webhook.Matching(m), func(_ *engine.Tx, d *webhook.Delivery) sandbox.Delivery { return d.Public() })
}
