package computestacks

import (
	"cmp"
	"fmt"
	"strconv"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox"
)

// active returns the event with an id, which has not ended.
func (d Admin) active(tx *engine.Tx, id int) (EventLog, error) {
	e, ok := get(tx, d.a.events, id)
	switch {
	case !ok:
		return e, absent("event", id)
	case !e.active():
		return e, fmt.Errorf("event %d is %s: %w", id, e.Status, sandbox.ErrConflict)
	}
	return e, nil
}

// Finish completes the work of an event now.
func (d Admin) Finish(event int) error {
	return d.do(func(tx *engine.Tx) error {
		e, err := d.active(tx, event)
		if err != nil {
			return err
		}
		id := strconv.Itoa(event)
		if e.Status == pending {
			tx.Cancel(e.Timer)
			d.a.startWork(tx, id)
		}
		if e = row(tx, d.a.events, event); e.Status == running { // the start may have ended it
			tx.Cancel(e.Timer)
			d.a.finishWork(tx, id)
		}
		return nil
	})
}

// Fail makes the work of an event fail now. "" takes the usual reason.
func (d Admin) Fail(event int, reason string) error {
	return d.do(func(tx *engine.Tx) error {
		e, err := d.active(tx, event)
		if err != nil {
			return err
		}
		d.a.end(tx, e, failed, cmp.Or(reason, usualReason))
		for r := range d.a.orders.After(tx, 0) {
			if o := r.Value; o.EventID == event && orderRuns(o.Status) {
				o.Status, o.UpdatedAt = failed, tx.Now()
				d.a.orders.Put(tx, o.ID, o)
			}
		}
		return nil
	})
}

// usualReason is the reason of work that fails without another one.
const usualReason = "The node did not complete the work."
