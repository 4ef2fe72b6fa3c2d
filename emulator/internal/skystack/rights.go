package skystack

import (
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/skystack/job"
)

// A client makes, runs, rotates and revokes nothing that may do more than its own key:
// neither a key nor what acts later, or elsewhere, on behalf of one (S26). Every key may
// read, rotate and revoke itself.

// mayHave refuses a request whose key lacks some scopes. The rule begins the message, as
// "A token can give no more than it has".
func mayHave(c *httpapi.Call, scopes []string, rule string) error {
	missing := credential.Missing(c.Scopes, scopes)
	if missing == nil {
		return nil
	}
	return lacksScopes(rule+"; this one lacks "+strings.Join(missing, ", ")+".", missing)
}

// checkNewKey refuses to make a key that may do more than its maker, and more keys than a
// workspace may have.
func (a *API) checkNewKey(c *httpapi.Call, t credential.Key) error {
	if err := mayHave(c, t.Scopes, "A token can give no more than it has"); err != nil {
		return err
	}
	if err := names(c, t.ProjectID); err != nil {
		return err
	}
	if c.Project != "" && t.ProjectID == "" {
		return boundTo(c.Project, "it makes tokens for that one alone")
	}
	if a.Credentials.Full(c.Tx) {
		return fail.Newf(fail.Forbidden, "quota_exceeded", "The workspace has %d tokens in use that were made by API; revoke some.", credential.MaxMinted)
	}
	return nil
}

// mayEnd refuses to revoke a key that may do more than the key of the request.
func mayEnd(c *httpapi.Call, t credential.Key) error {
	if t.ID == c.Token {
		return nil
	}
	return mayHave(c, t.Scopes, "A token can revoke none that may do more than it may itself")
}

// mayDo refuses a job that does what the key of the request may not do by hand.
func mayDo(c *httpapi.Call, j *job.Job) error {
	return mayHave(c, []string{j.Action.Type.Scope()}, "A token can have a job do no more than it may do itself")
}

// mayDeliver refuses a webhook of a key that may not read events.
func mayDeliver(c *httpapi.Call) error {
	return mayHave(c, []string{"events:read"}, "A webhook delivers events, which the token must be allowed to read")
}

// checkExpiry refuses an expiry in the past, and one later than that of the key of the
// request. Fractions of a second are not shown, so they do not count.
func (a *API) checkExpiry(c *httpapi.Call, text string) []fail.Detail {
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return nil // the contract refuses it
	}
	violation := fail.Detail{Field: "expires_at", Location: fail.Body, Code: "out_of_range"}
	at, end := secondOf(text), a.Credentials.EndOf(c.Tx, c.Token)
	switch {
	case !at.After(c.Now()):
		violation.Message = "expires_at must lie in the future; by the workspace's clock it is " + resource.Stamp(c.Now()) + "."
	case !end.IsZero() && at.After(end):
		violation.Message = "expires_at must not be later than that of the token that asks, " + resource.Stamp(end) + ": leave it out for the same, or ask with a token that lasts longer."
	default:
		return nil
	}
	return []fail.Detail{violation}
}
