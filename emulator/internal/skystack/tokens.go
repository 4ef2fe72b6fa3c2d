package skystack

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/secret"
)

// tokenBody is a key on the wire: enough to recognize it, never its secret (S22).
type tokenBody struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Prefix      *string  `json:"prefix"`
	Last4       *string  `json:"last4"`
	Status      string   `json:"status"`
	Scopes      []string `json:"scopes"`
	Environment string   `json:"environment"`
	Owner       string   `json:"owner"`
	ProjectID   *string  `json:"project_id"`
	APIVersion  *string  `json:"api_version"`
	CreatedAt   string   `json:"created_at"`
	CreatedBy   *string  `json:"created_by"`
	ExpiresAt   *string  `json:"expires_at"`
	LastUsedAt  *string  `json:"last_used_at"`
	LastUsedIP  *string  `json:"last_used_ip"`
	RevokedAt   *string  `json:"revoked_at"`
	RotatedFrom *string  `json:"rotated_from"`
	ReplacedBy  *string  `json:"replaced_by"`
}

// newTokenBody is a key that was just made: the one response that shows its secret.
type newTokenBody struct {
	tokenBody
	Secret string `json:"secret"`
}

// Location implements httpapi.Located: the path of a rotation is another one.
func (b newTokenBody) Location() string { return "/v1/tokens/" + b.ID }

func (a *API) tokenBody(tx *engine.Tx) func(credential.Key) tokenBody {
	now := tx.Now()
	return func(t credential.Key) tokenBody {
		usedAt, usedIP := a.Credentials.LastUsed(tx, t.ID)
		b := tokenBody{
			ID: t.ID, Name: t.Name, Last4: nullIfEmpty(t.Last4), Status: string(t.Status(now)), Scopes: t.Scopes, Environment: t.Environment, Owner: t.Owner,
			ProjectID: nullIfEmpty(t.ProjectID), APIVersion: nullIfEmpty(t.APIVersion), CreatedAt: resource.Stamp(t.CreatedAt), CreatedBy: nullIfEmpty(t.CreatedBy),
			ExpiresAt: stampOrNull(t.ExpiresAt), LastUsedAt: stampOrNull(usedAt), LastUsedIP: nullIfEmpty(usedIP),
			RevokedAt: stampOrNull(t.RevokedAt), RotatedFrom: nullIfEmpty(t.RotatedFrom), ReplacedBy: nullIfEmpty(t.ReplacedBy),
		}
		if t.Last4 != "" {
			b.Prefix = nullIfEmpty(secret.Key)
		}
		if b.Scopes == nil {
			b.Scopes = []string{}
		}
		return b
	}
}

// nullIfEmpty returns nil for an empty text.
func nullIfEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func stampOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := resource.Stamp(t)
	return &s
}

// tokenOf returns a key of the workspace.
func (a *API) tokenOf(tx *engine.Tx, id string) (credential.Key, error) {
	if t, ok := a.Credentials.Find(tx, id); ok {
		return t, nil
	}
	return credential.Key{}, fail.Newf(fail.NotFound, "token_not_found", "There is no token %q in this workspace.", fail.Clip(id))
}

type listTokensInput struct {
	paging
	Environment string `json:"-" query:"environment"`
	Status      string `json:"-" query:"status"`
}

// listTokens lists the workspace's keys (S25, S36).
//
//	GET /v1/tokens
func (a *API) listTokens(c *httpapi.Call, in listTokensInput) (listBody[tokenBody], error) {
	now, filter := c.Now(), url.Values{"environment": {in.Environment}, "status": {in.Status}}
	own := func(t credential.Key) string { // a bound key sees itself alone
		if t.ID == c.Token {
			return c.Project
		}
		return ""
	}
	p, err := list(c, resource.List[credential.Key]{Table: a.Credentials.Keys, Locked: true, Project: own, Name: "tokens?" + filter.Encode(), Keep: func(t credential.Key) bool {
		return (in.Environment == "" || t.Environment == in.Environment) && (in.Status == "" || string(t.Status(now)) == in.Status) && a.Credentials.LeadsHere(c.Tx, t)
	}}, in.paging)
	return shown(p, a.tokenBody(c.Tx)), err
}

type tokenInput struct {
	ID string `json:"-" path:"id"`
}

// getToken shows one key.
//
//	GET /v1/tokens/{id}
func (a *API) getToken(c *httpapi.Call, in tokenInput) (tokenBody, error) {
	t, err := a.tokenOf(c.Tx, in.ID)
	if err != nil {
		return tokenBody{}, err
	}
	return a.tokenBody(c.Tx)(t), nil
}

type createTokenInput struct {
	Name        string   `json:"name"`
	Scopes      []string `json:"scopes"`
	Environment string   `json:"environment"`
	Owner       string   `json:"owner"`
	ExpiresAt   string   `json:"expires_at"`
	APIVersion  string   `json:"api_version"`
	ProjectID   string   `json:"project_id"`
}

// checkToken checks what depends on the world: times, versions and projects.
func (a *API) checkToken(c *httpapi.Call, in createTokenInput) []fail.Detail {
	details := a.checkExpiry(c, in.ExpiresAt)
	violation := func(field, code, message string) {
		details = append(details, fail.Detail{Field: field, Location: fail.Body, Code: code, Message: message})
	}
	if err := CheckVersion(in.APIVersion); err != nil {
		violation("api_version", "unknown_value", "api_version must be one of "+strings.Join(versionNames(supported()), ", ")+".")
	}
	if in.ProjectID != "" && !a.projects.Has(c.Tx, in.ProjectID) {
		violation("project_id", "unknown_value", "There is no project "+fail.Clip(in.ProjectID)+" in this workspace.")
	}
	return details
}

// createToken makes a key. It may do no more than the key of the request, and expires no
// later.
//
//	POST /v1/tokens
func (a *API) createToken(c *httpapi.Call, in createTokenInput) (newTokenBody, error) {
	t := credential.Key{
		Name: in.Name, Scopes: unique(in.Scopes), Environment: in.Environment, Owner: in.Owner, APIVersion: in.APIVersion,
		ProjectID: cmp.Or(in.ProjectID, c.Project), ExpiresAt: secondOf(in.ExpiresAt),
	}
	if t.Scopes == nil {
		t.Scopes = slices.Clone(c.Scopes)
	}
	if err := a.checkNewKey(c, t); err != nil {
		return newTokenBody{}, err
	}
	t, key := a.Credentials.Mint(c.Tx, c.Token, t)
	b := a.tokenBody(c.Tx)(t)
	a.events.Emit(c.Tx, event.Draft{Type: "token.created", Project: t.ProjectID, Object: b, Cause: event.CauseOf(c)})
	return newTokenBody{b, key}, nil
}

// secondOf returns a time that was checked before, to the second; the zero time for "".
func secondOf(s string) time.Time {
	t, _ := time.Parse(time.RFC3339, s)
	return t.UTC().Truncate(time.Second)
}

// unique returns a list without repetitions; nil for nil.
func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

type rotateTokenInput struct {
	tokenInput
	OverlapSeconds *int   `json:"overlap_seconds"`
	ExpiresAt      string `json:"expires_at"`
}

func (a *API) checkRotation(c *httpapi.Call, in rotateTokenInput) []fail.Detail {
	return a.checkExpiry(c, in.ExpiresAt)
}

// rotateToken makes the key that takes another's place. The other one can be used until
// it is revoked, or until the overlap is over (S33, S34).
//
//	POST /v1/tokens/{id}/rotate
func (a *API) rotateToken(c *httpapi.Call, in rotateTokenInput) (newTokenBody, error) {
	old, err := a.tokenOf(c.Tx, in.ID)
	if err != nil {
		return newTokenBody{}, err
	}
	if err := a.checkNewKey(c, old); err != nil {
		return newTokenBody{}, err
	}
	if status := old.Status(c.Now()); status != credential.Active {
		return newTokenBody{}, fail.Newf(fail.Conflict, "invalid_state", "The token is %s and cannot be rotated; make a new one.", status)
	}
	next, key := a.Credentials.Rotate(c.Tx, c.Token, old, secondOf(in.ExpiresAt))
	b := a.tokenBody(c.Tx)(next)
	a.events.Emit(c.Tx, event.Draft{Type: "token.rotated", Project: next.ProjectID, Object: b, Cause: event.CauseOf(c)})
	if in.OverlapSeconds != nil {
		old.ReplacedBy = next.ID
		a.revokeIn(c, old, time.Duration(*in.OverlapSeconds)*time.Second)
	}
	return newTokenBody{b, key}, nil
}

// revokeIn revokes a key after an overlap, at once if there is none.
func (a *API) revokeIn(c *httpapi.Call, t credential.Key, overlap time.Duration) {
	if overlap == 0 {
		a.revokeNow(c.Tx, t, event.CauseOf(c))
		return
	}
	a.Credentials.RevokeAfter(c.Tx, t, overlap)
}

// revokeToken revokes a key at once (S34). Revoking it again changes nothing.
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
	if t.Status(c.Now()) != credential.Revoked {
		a.revokeNow(c.Tx, t, event.CauseOf(c))
	}
	return httpapi.Nothing{}, nil
}

// revokeNow revokes a key at once. The cause is nil unless a request of a client asks
// for it.
func (a *API) revokeNow(tx *engine.Tx, t credential.Key, by *event.Cause) {
	before := t.Status(tx.Now())
	a.emitRevoked(tx, a.Credentials.Revoke(tx, t), before, by)
}

// emitRevoked emits that a key was revoked.
func (a *API) emitRevoked(tx *engine.Tx, t credential.Key, before credential.Status, by *event.Cause) {
	a.events.Emit(tx, event.Draft{
		Type: "token.revoked", Project: t.ProjectID, Object: a.tokenBody(tx)(t), Previous: map[string]any{"status": string(before)}, Cause: by,
	})
}
