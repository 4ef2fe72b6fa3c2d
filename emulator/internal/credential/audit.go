package credential

import (
	"cmp"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/journal"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// The audit log is a second view of the record of requests and no record of its own
// (S37): it costs nothing unless a client reads it. It reaches back as far as that record
// does, begins anew when that is forgotten, and is in no saved world.

// AuditSource reads the calls that match from the record of requests of a world, oldest
// first: those after the one with the number after, without the first skip of them, and
// at most limit. It returns how many calls precede them, and how many match at all.
type AuditSource func(w *engine.World, q journal.CallMatch, after uint64, skip, limit int) (calls []journal.Call, before, total int)

// AuditEntry is a call with the name of the caller.
type AuditEntry struct {
	journal.Call
	Actor string // the owner of the key, else its name; "" if no key is known
}

// Audit reads a page of the audit log of a world. The query is made at the time of the
// world. The record is read without the world's lock, so that other requests go on
// meanwhile.
func (s *Store) Audit(w *engine.World, at resource.Position, name string, query func(now time.Time) (journal.CallMatch, error)) (p resource.Page[AuditEntry], err error) {
	var last uint64
	var q journal.CallMatch
	var g engine.Generation
	err = w.Do(func(tx *engine.Tx) (err error) {
		g = tx.Generation()
		if p, last, err = resource.OpenPage[AuditEntry](tx, at, name); err == nil {
			q, err = query(tx.Now())
		}
		return err
	})
	if err != nil {
		return p, err
	}
	skip := 0
	if last == 0 {
		skip = min(p.Number-1, 1<<40/p.Limit) * p.Limit // the record is smaller
	}
	var calls []journal.Call
	var before int
	if s.config.Audit != nil {
		calls, before, p.Total = s.config.Audit(w, q, last, skip, p.Limit)
	}
	p.Rows = make([]engine.Row[AuditEntry], len(calls))
	_ = w.Do(func(tx *engine.Tx) error {
		for i, call := range calls {
			k, _ := s.Keys.Get(tx, call.Token)
			p.Rows[i] = engine.Row[AuditEntry]{Seq: call.Seq, ID: call.ID, Value: AuditEntry{call, cmp.Or(k.Owner, k.Name)}}
		}
		p.Complete(tx, g, name, before)
		return nil
	})
	return p, nil
}
