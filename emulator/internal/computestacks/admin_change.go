package computestacks

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	typed "skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// setTo sets a member to a new value, if there is one.
func setTo[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// UpdateUser changes a user.
func (d Admin) UpdateUser(id int, c typed.UserChange) (out typed.User, err error) {
	err = d.do(func(tx *engine.Tx) error {
		u, ok := get(tx, d.a.users, id)
		if !ok {
			return absent("user", id)
		}
		setTo(&u.FirstName, c.FirstName)
		setTo(&u.LastName, c.LastName)
		setTo(&u.Email, c.Email)
		setTo(&u.Locale, c.Locale)
		setTo(&u.Currency, c.Currency)
		setTo(&u.ContainerQuota, c.ContainerQuota)
		if err := d.a.checkUser(tx, u); err != nil {
			return err
		}
		u.UpdatedAt = tx.Now()
		put(tx, d.a.users, id, u)
		out = u.public()
		return nil
	})
	return out, err
}

// UpdateProject changes a project.
func (d Admin) UpdateProject(id int, c typed.ProjectChange) (out typed.Project, err error) {
	err = d.do(func(tx *engine.Tx) error {
		p, ok := get(tx, d.a.projects, id)
		if !ok {
			return absent("project", id)
		}
		if setTo(&p.Name, c.Name); strings.TrimSpace(p.Name) == "" {
			return unprocessable("Name can't be blank")
		}
		p.UpdatedAt = tx.Now()
		put(tx, d.a.projects, id, p)
		out = p.public()
		return nil
	})
	return out, err
}

// UpdateService changes a service.
func (d Admin) UpdateService(id int, c typed.ServiceChange) (out typed.Service, err error) {
	err = d.do(func(tx *engine.Tx) error {
		s, ok := get(tx, d.a.services, id)
		if !ok {
			return absent("service", id)
		}
		if setTo(&s.Label, c.Label); strings.TrimSpace(s.Label) == "" {
			return unprocessable("Label can't be blank")
		}
		s.UpdatedAt = tx.Now()
		put(tx, d.a.services, id, s)
		out = s.public()
		return nil
	})
	return out, err
}

// UpdateContainer changes a container.
func (d Admin) UpdateContainer(id int, c typed.ContainerChange) (out typed.Container, err error) {
	err = d.do(func(tx *engine.Tx) error {
		k, ok := get(tx, d.a.containers, id)
		if !ok {
			return absent("container", id)
		}
		status, wanted := k.Status, ""
		setTo(&status, c.Status)
		setTo(&wanted, c.Wanted)
		if err := checkContainer(status, wanted); err != nil {
			return err
		}
		if c.Status != nil {
			k = d.a.setStatus(tx, k, status)
		}
		setTo(&k.ReqState, c.Wanted)
		k.UpdatedAt = tx.Now()
		put(tx, d.a.containers, id, k)
		out = k.public()
		return nil
	})
	return out, err
}

// setStatus gives a container a status, with what belongs to it, and stores it.
func (a *API) setStatus(tx *engine.Tx, k Container, status string) Container {
	k.Status, k.StartedAt = status, time.Time{}
	k.Built = k.Built || !slices.Contains([]string{pending, "building"}, status)
	switch status {
	case running, "degraded":
		k.ReqState, k.StartedAt = running, tx.Now()
	case "stopped":
		k.ReqState = status
	}
	put(tx, a.containers, k.ID, k)
	return k
}

// UpdateOrder sets the status of an order. A final status ends the work of the order.
func (d Admin) UpdateOrder(id string, c typed.OrderChange) (out typed.Order, err error) {
	err = d.do(func(tx *engine.Tx) error {
		o, ok := d.a.orders.Get(tx, id)
		if !ok {
			return absent("order", strconv.Quote(id))
		}
		if setTo(&o.Status, c.Status); !slices.Contains(orderStatuses(), o.Status) {
			return unprocessable("Status is not included in the list")
		}
		if e, ok := get(tx, d.a.events, o.EventID); ok && c.Status != nil && !orderRuns(o.Status) {
			d.a.end(tx, e, endingOf(o.Status), "")
		}
		o.UpdatedAt = tx.Now()
		d.a.orders.Put(tx, id, o)
		out = o.public()
		return nil
	})
	return out, err
}

// orderStatuses are the statuses of orders.
func orderStatuses() []string {
	return []string{"open", pending, "processing", completed, failed, cancelled, "awaiting_payment"}
}

// orderRuns reports whether the work of an order with a status may go on.
func orderRuns(status string) bool {
	return slices.Contains([]string{"open", pending, "processing"}, status)
}

// endingOf returns the status of the event of an order that has a status.
func endingOf(order string) string {
	if order == completed || order == failed {
		return order
	}
	return cancelled
}
