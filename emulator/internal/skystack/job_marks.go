package skystack

import "skystack.dev/sandbox/emulator/internal/engine"

// mark says which run is acting at the moment, so that events know whose they
// are. It is empty between transactions.
type mark struct {
	Run string `json:"run"`
}

// Clone returns m.
func (m mark) Clone() mark { return m }

// Bookkeeping reports true: the mark is empty whenever anybody looks.
func (mark) Bookkeeping() bool { return true }

const markID = "acting"

// acting marks what happens until the returned function is called as the doing of
// a run; "" is nobody's in particular and changes nothing.
func (a *API) acting(tx *engine.Tx, run string) func() {
	if run == "" {
		return func() {}
	}
	m := engine.Own(a.marks, tx, markID)
	before := m.Run
	m.Run = run
	return func() { engine.Own(a.marks, tx, markID).Run = before }
}

func (a *API) actingRun(tx *engine.Tx) string {
	m, _ := a.marks.Get(tx, markID)
	return m.Run
}

// tokenGone says why a job can no longer act with a token; nil if it can.
func (a *API) tokenGone(tx *engine.Tx, id string) *Reason {
	t, ok := a.tokens.Get(tx, id)
	switch now := tx.Now(); {
	case !ok:
		return &Reason{"token_revoked", "The token the job acts with does not exist any more."}
	case !t.RevokedAt.IsZero() && !now.Before(t.RevokedAt):
		return &Reason{"token_revoked", "The token the job acts with was revoked at " + stamp(t.RevokedAt) + "."}
	case !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt):
		return &Reason{"token_expired", "The token the job acts with expired at " + stamp(t.ExpiresAt) + "."}
	}
	return nil
}

// disable stops a job for a reason of the sandbox.
func (a *API) disable(tx *engine.Tx, id string, why Reason) {
	j, _ := a.jobs.Get(tx, id)
	j.Enabled, j.Disabled = false, &why
	a.plan(tx, &j, tx.Now())
	j.touch(tx)
	j.UpdatedAt = tx.Now()
	a.jobs.Put(tx, id, j)
}
