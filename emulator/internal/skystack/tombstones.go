package skystack

import (
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// tombstone remembers a deleted object, so that a repeated DELETE succeeds.
type tombstone struct {
	DeletedAt time.Time      `json:"deleted_at"`
	ProjectID string         `json:"project_id,omitzero"` // that it belonged to; "" for what all share
	Due       engine.Booking `json:"due"`                 // its own end
}

const (
	removeTombstoneStep = "tombstone.remove"
	tombstoneLife       = 24 * time.Hour
)

// addTombstone remembers for a day that an object of a project was deleted; "" for what all
// projects share.
func (a *API) addTombstone(tx *engine.Tx, id, project string) {
	if old, ok := a.tombstones.Get(tx, id); ok { // a slug can come again, and go again
		tx.Cancel(old.Due)
	}
	a.tombstones.Put(tx, id, tombstone{DeletedAt: tx.Now(), ProjectID: project, Due: tx.After(tombstoneLife, removeTombstoneStep, id)})
}

// unlessBuried is what a DELETE answers of an object that is not there: err, or
// nothing when it was deleted not long ago (S57).
func (a *API) unlessBuried(tx *engine.Tx, id string, err error) error {
	if has(a.tombstones, tx, id) && !a.settingsOf(tx).RepeatedDelete404 {
		return nil
	}
	return err
}
