package skystack

import (
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// Steps of a key made by API, and of one that is replaced after an overlap.
const (
	expireStep = "token.expire"
	revokeStep = "token.revoke"
	forgetStep = "token.forget"
)

const (
	// tokenMemory is how long a key is listed that can no longer be used.
	tokenMemory = 90 * 24 * time.Hour
	// lastYear is when the time of worlds ends.
	lastYear = 2200
)

// minted marks a key made by API that can be used, to count them.
type minted struct{}

type rotateTokenInput struct {
	tokenInput
	OverlapSeconds *int   `json:"overlap_seconds"`
	ExpiresAt      string `json:"expires_at"`
}

// rotateToken makes the key that takes another's place. The other goes on until
// it is revoked, or until the overlap is over (S33, S34).
//
//	POST /v1/tokens/{id}/rotate
func (a *API) rotateToken(c *httpapi.Call, in rotateTokenInput) (newTokenBody, error) {
	old, err := a.tokenOf(c.Tx, in.ID)
	if err != nil {
		return newTokenBody{}, err
	}
	if err := a.mayMake(c, old); err != nil {
		return newTokenBody{}, err
	}
	if status := old.status(c.Now()); status != tokenActive {
		return newTokenBody{}, fail.Newf(fail.Conflict, "invalid_state", "The token is %s and cannot be rotated; make a new one.", status)
	}
	next := old
	next.RotatedFrom, next.ReplacedBy, next.RevokedAt = old.ID, "", time.Time{}
	switch life := old.ExpiresAt.Sub(old.CreatedAt); {
	case in.ExpiresAt != "":
		next.ExpiresAt = secondOf(in.ExpiresAt)
	case !old.ExpiresAt.IsZero(): // as long a life as the old one was given
		next.ExpiresAt = c.Now().Add(max(life, time.Second)).Truncate(time.Second)
	}
	next.ExpiresAt = sooner(next.ExpiresAt, a.endOfCaller(c))
	next, key := a.mint(c, next)
	old.ReplacedBy = next.ID
	a.tokens.Put(c.Tx, old.ID, old)
	b := a.tokenBody(c.Tx)(next)
	a.emit(c.Tx, newEvent{Type: "token.rotated", Project: next.ProjectID, Object: b, Cause: causeOf(c)})
	if in.OverlapSeconds != nil {
		a.revokeIn(c, old, time.Duration(*in.OverlapSeconds)*time.Second)
	}
	return newTokenBody{b, key}, nil
}

// revokeIn ends a key after an overlap, unless its end is nearer already.
func (a *API) revokeIn(c *httpapi.Call, t Token, overlap time.Duration) {
	if overlap == 0 {
		a.revokeNow(c.Tx, t, causeOf(c))
		return
	}
	if at := c.Now().Add(overlap); t.RevokedAt.IsZero() || at.Before(t.RevokedAt) {
		t.RevokedAt = at
		a.tokens.Put(c.Tx, t.ID, t)
		c.After(overlap, revokeStep, t.ID)
	}
}

// revokeToken ends a key at once (S34). Doing it again changes nothing.
//
//	DELETE /v1/tokens/{id}
func (a *API) revokeToken(c *httpapi.Call, in tokenInput) (httpapi.Nothing, error) {
	t, err := a.tokenOf(c.Tx, in.ID)
	if err != nil {
		return httpapi.Nothing{}, err
	}
	if err := mayEnd(c, t); err != nil {
		return httpapi.Nothing{}, err
	}
	if t.status(c.Now()) != tokenRevoked {
		a.revokeNow(c.Tx, t, causeOf(c))
	}
	return httpapi.Nothing{}, nil
}

// revokeNow ends a key, whoever wants it.
func (a *API) revokeNow(tx *engine.Tx, t Token, by *cause) {
	before := t.status(tx.Now())
	t.RevokedAt = tx.Now()
	a.tokens.Put(tx, t.ID, t)
	a.revoked(tx, t, before, by)
}

// revokeTokensOf ends the keys made by API that are bound to a project which is about
// to be deleted: another project of its id, as one that is imported, is none of theirs.
func (a *API) revokeTokensOf(c *httpapi.Call, project string) {
	var bound []Token
	for row := range a.tokens.After(c.Tx, 0) {
		if t := row.Value; t.ProjectID == project && t.RevokedAt.IsZero() && t.CreatedBy != configuration {
			bound = append(bound, t)
		}
	}
	for _, t := range bound {
		a.revokeNow(c.Tx, t, causeOf(c))
	}
}

// revoked tells that a key was revoked.
func (a *API) revoked(tx *engine.Tx, t Token, before string, by *cause) {
	a.ended(tx, t)
	a.emit(tx, newEvent{
		Type: "token.revoked", Project: t.ProjectID, Object: a.tokenBody(tx)(t), Previous: map[string]any{"status": before}, Cause: by,
	})
}

// ended takes a key made by API off the count, and has it forgotten some time.
func (a *API) ended(tx *engine.Tx, t Token) {
	if a.minted.Delete(tx, t.ID) {
		tx.After(tokenMemory, forgetStep, t.ID)
	}
}

// overlapEnds is the step that ends a key after an overlap. It does nothing if the
// end was moved since.
func (a *API) overlapEnds(tx *engine.Tx, id string) {
	if t, ok := a.tokens.Get(tx, id); ok && t.RevokedAt.Equal(tx.Now()) {
		before := t
		before.RevokedAt = time.Time{} // it may have expired in the overlap
		a.revoked(tx, t, before.status(tx.Now()), nil)
	}
}

// tokenExpires is the step at a key's expires_at, from which on nobody can use it.
func (a *API) tokenExpires(tx *engine.Tx, id string) {
	if t, ok := a.tokens.Get(tx, id); ok {
		a.ended(tx, t)
	}
}

// forgetToken is the step that drops a key that nobody can use.
func (a *API) forgetToken(tx *engine.Tx, id string) {
	if t, ok := a.tokens.Get(tx, id); ok && t.status(tx.Now()) != tokenActive {
		a.tokens.Delete(tx, id)
		a.ledgers.Delete(tx, id)
	}
}

// countMinted counts the keys made by API that can be used here. Those of another
// workspace, which came with a state of it, do not count.
func (a *API) countMinted(tx *engine.Tx) int {
	n := 0
	for row := range a.minted.After(tx, 0) {
		if t, ok := a.tokens.Get(tx, row.ID); ok && a.here(tx, t) {
			n++
		}
	}
	return n
}

// dropMinted takes the keys made by API out of a copy.
func (a *API) dropMinted(tx *engine.Tx) {
	var ids []string
	for row := range a.tokens.After(tx, 0) {
		if t := row.Value; t.CreatedBy != configuration && t.CreatedBy != "" {
			ids = append(ids, t.ID)
		}
	}
	for _, id := range ids {
		a.tokens.Delete(tx, id)
		a.minted.Delete(tx, id)
	}
}
