package resource

import (
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// Tombstones remembers deleted objects for a day, so that a repeated DELETE succeeds.
type Tombstones struct {
	table *engine.Table[tombstone]
	owner string // prefix of the ids of owners
	step  string // that removes a tombstone
}

type tombstone struct {
	DeletedAt time.Time    `json:"deleted_at"`
	Owner     string       `json:"project_id,omitzero"`
	Due       engine.Timer `json:"due"` // when it is removed
}

const tombstoneLife = 24 * time.Hour

// NewTombstones adds the tombstones of an API to a schema. The prefix distinguishes its
// Table and step from those of other APIs; "" is that of one API. The ids of owners
// begin with the prefix owner.
func NewTombstones(schema *engine.Schema, prefix, owner string) *Tombstones {
	t := &Tombstones{owner: owner, step: prefix + "tombstone.remove"}
	t.table = engine.AddTable(schema, engine.Kind[tombstone]{Name: prefix + "tombstones", Check: t.check, Rescheduled: tombstone.rescheduled})
	schema.AddStep(t.step, func(tx *engine.Tx, id string) { t.table.Delete(tx, id) })
	return t
}

// Add remembers that an object was deleted. The owner is the project that it belonged
// to; "" for an object that all projects share.
func (t *Tombstones) Add(tx *engine.Tx, id, owner string) {
	if old, ok := t.table.Get(tx, id); ok { // a slug can be created again, and deleted again
		tx.Cancel(old.Due)
	}
	t.table.Put(tx, id, tombstone{DeletedAt: tx.Now(), Owner: owner, Due: tx.After(tombstoneLife, t.step, id)})
}

// Has reports whether an object was deleted during the last day.
func (t *Tombstones) Has(tx *engine.Tx, id string) bool { return t.table.Has(tx, id) }

// Owner returns the project that an object belonged to; false if it was not deleted
// during the last day.
func (t *Tombstones) Owner(tx *engine.Tx, id string) (string, bool) {
	row, ok := t.table.Get(tx, id)
	return row.Owner, ok
}

func (t tombstone) rescheduled(old, moved engine.Timer) tombstone {
	if t.Due == old {
		t.DeletedAt, t.Due = t.DeletedAt.Add(moved.At.Sub(old.At)), moved
	}
	return t
}

func (t *Tombstones) check(row tombstone, _ string) error {
	var v Violations
	v.Time("deleted_at", row.DeletedAt)
	v.ID("project_id", t.owner, row.Owner)
	return v.First()
}
