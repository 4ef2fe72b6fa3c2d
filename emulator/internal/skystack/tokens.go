package skystack

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/secret"
)

// maxTokens bounds the keys made by API that can be used, of one workspace.
const maxTokens = 1000

// What a key can be at a time.
const (
	tokenActive  = "active"
	tokenExpired = "expired"
	tokenRevoked = "revoked"
)

// status is what the key is at a time: revoked outweighs expired.
func (t Token) status(now time.Time) string {
	switch {
	case !t.RevokedAt.IsZero() && !now.Before(t.RevokedAt):
		return tokenRevoked
	case !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt):
		return tokenExpired
	}
	return tokenActive
}

// tokenBody is a key on the wire: enough to recognise it, never its secret (S22).
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

// Location implements httpapi.Located: a rotation is asked for elsewhere.
func (b newTokenBody) Location() string { return "/v1/tokens/" + b.ID }

func (a *API) tokenBody(tx *engine.Tx) func(Token) tokenBody {
	now := tx.Now()
	return func(t Token) tokenBody {
		l, _ := a.ledgers.Get(tx, t.ID)
		b := tokenBody{
			ID: t.ID, Name: t.Name, Last4: orNull(t.Last4), Status: t.status(now), Scopes: t.Scopes, Environment: t.Environment, Owner: t.Owner,
			ProjectID: orNull(t.ProjectID), APIVersion: orNull(t.APIVersion), CreatedAt: resource.Stamp(t.CreatedAt), CreatedBy: orNull(t.CreatedBy),
			ExpiresAt: stampOrNull(t.ExpiresAt), LastUsedAt: stampOrNull(l.LastUsedAt), LastUsedIP: orNull(l.LastUsedIP),
			RevokedAt: stampOrNull(t.RevokedAt), RotatedFrom: orNull(t.RotatedFrom), ReplacedBy: orNull(t.ReplacedBy),
		}
		if t.Last4 != "" {
			b.Prefix = orNull(secret.Key)
		}
		if b.Scopes == nil {
			b.Scopes = []string{}
		}
		return b
	}
}

// orNull is nil for an empty text.
func orNull(s string) *string {
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

// here reports whether a key leads to the transaction's world: a copy knows those
// of its original too.
func (a *API) here(tx *engine.Tx, t Token) bool {
	home, _ := a.Registry.Home(t.Digest)
	return home == tx.World()
}

// tokenOf is a key of the workspace.
func (a *API) tokenOf(tx *engine.Tx, id string) (Token, error) {
	if t, ok := a.tokens.Get(tx, id); ok && a.here(tx, t) {
		return t, nil
	}
	return Token{}, fail.Newf(fail.NotFound, "token_not_found", "There is no token %q in this workspace.", fail.Clip(id))
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
	own := func(t Token) string { // of a bound key: its own is all it sees
		if t.ID == c.Token {
			return c.Project
		}
		return ""
	}
	p, err := list(c, resource.List[Token]{Table: a.tokens, Locked: true, Project: own, Name: "tokens?" + filter.Encode(), Keep: func(t Token) bool {
		return (in.Environment == "" || t.Environment == in.Environment) && (in.Status == "" || t.status(now) == in.Status) && a.here(c.Tx, t)
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

// checkToken checks what only the world can judge: times, versions and
// projects.
func (a *API) checkToken(c *httpapi.Call, b httpapi.Fields) []fail.Detail {
	details := a.checkExpiry(c, b)
	violation := func(field, code, message string) {
		details = append(details, fail.Detail{Field: field, Location: fail.Body, Code: code, Message: message})
	}
	if err := CheckVersion(b.Text("api_version")); err != nil {
		violation("api_version", "unknown_value", "api_version must be one of "+strings.Join(versionNames(supported()), ", ")+".")
	}
	if project := b.Text("project_id"); project != "" && !a.projects.Has(c.Tx, project) {
		violation("project_id", "unknown_value", "There is no project "+fail.Clip(project)+" in this workspace.")
	}
	return details
}

// createToken makes a key. It can do no more than the one that asks for it, and no
// longer.
//
//	POST /v1/tokens
func (a *API) createToken(c *httpapi.Call, in createTokenInput) (newTokenBody, error) {
	t := Token{
		Name: in.Name, Scopes: unique(in.Scopes), Environment: in.Environment, Owner: in.Owner, APIVersion: in.APIVersion,
		ProjectID: cmp.Or(in.ProjectID, c.Project), ExpiresAt: secondOf(in.ExpiresAt),
	}
	if t.Scopes == nil {
		t.Scopes = slices.Clone(c.Scopes)
	}
	t.ExpiresAt = sooner(t.ExpiresAt, a.endOfCaller(c))
	if err := a.mayMake(c, t); err != nil {
		return newTokenBody{}, err
	}
	t, key := a.mint(c, t)
	b := a.tokenBody(c.Tx)(t)
	a.emit(c.Tx, newEvent{Type: "token.created", Project: t.ProjectID, Object: b, Cause: causeOf(c)})
	return newTokenBody{b, key}, nil
}

// secondOf reads a time that was checked before; the zero time for none.
func secondOf(s string) time.Time {
	t, _ := time.Parse(time.RFC3339, s)
	return t.UTC().Truncate(time.Second)
}

// unique is a list without repetitions; nil for nil.
func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// mint completes a key and makes it known. The secret follows from the seed and the
// salt: with the same of both the same requests give the same bytes, in this
// workspace and in no other. The registry has the last word on whose it is.
func (a *API) mint(c *httpapi.Call, t Token) (Token, string) {
	t.ID, t.CreatedAt, t.CreatedBy = a.tokens.NewID(c.Tx, "tok"), c.Now(), c.Token
	for {
		random, digits := c.SecretRand("token"), [secret.Chars]byte{}
		for i := range digits {
			digits[i] = byte(random.IntN(62))
		}
		key := secret.Mint(secret.Key, digits)
		t.Digest, t.Last4 = engine.DigestOf(key), lastOf(key)
		if !a.bind(c, t) {
			continue // it is that of another workspace, with the same seed and id once
		}
		a.tokens.Put(c.Tx, t.ID, t)
		a.minted.Put(c.Tx, t.ID, minted{})
		if t.ExpiresAt.Year() < lastYear && !t.ExpiresAt.IsZero() {
			c.After(t.ExpiresAt.Sub(c.Now()), expireStep, t.ID)
		}
		return t, key
	}
}

// bind makes a key lead to its workspace, unless it leads to another one. A trial
// only asks.
func (a *API) bind(c *httpapi.Call, t Token) bool {
	if c.Trial() {
		w, _ := a.Registry.Home(t.Digest)
		return w == nil || w == c.World()
	}
	return a.Registry.Bind(t.Digest, c.World(), t.ID) == nil
}
