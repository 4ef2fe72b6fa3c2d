package skystack

import (
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// unlessDeleted returns nothing for a DELETE of an object of a kind that was deleted
// during the last day, and err for any other (S57). Ids of the kind begin with kind.
func (a *API) unlessDeleted(tx *engine.Tx, kind, id string, err error) error {
	if strings.HasPrefix(id, kind) && a.tombstones.Has(tx, id) && !a.settingsOf(tx).RepeatedDelete404 {
		return nil
	}
	return err
}
