package skystack

import (
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// uses counts what an entry of the catalogue is needed for: a profile by the
// instances that have it and the resizes that lead to it, an image by the
// creations and rebuilds that read it. Nothing that is needed can be deleted.
type uses struct {
	Count int `json:"count"`
}

// Clone returns u.
func (u uses) Clone() uses { return u }

func (u uses) checkSaved(string) error {
	var f resource.Violations
	f.Within("count", u.Count, 0, maxNumber)
	return f.First()
}

// Slugs are unique within one kind of entry only. What is kept of entries
// together, their uses and their tombstones, is kept under the kind and the slug.
const (
	profileUse = "profile/"
	imageUse   = "image/"
)

// use counts one use more, or one less.
func (a *API) use(tx *engine.Tx, id string, n int) {
	u := engine.Own(a.uses, tx, id)
	if u.Count += n; u.Count <= 0 {
		a.uses.Delete(tx, id)
	}
}

func (a *API) used(tx *engine.Tx, id string) bool {
	u, _ := a.uses.Get(tx, id)
	return u.Count > 0
}

// countUse counts what a running action needs of the catalogue until it ends.
func (a *API) countUse(tx *engine.Tx, t Action, n int) {
	switch t.Type {
	case Resize:
		a.use(tx, profileUse+t.Size, n)
	case Create, Rebuild:
		a.use(tx, imageUse+t.Image, n)
	}
}
