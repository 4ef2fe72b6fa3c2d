package skystack

import (
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Nobody makes, runs, rotates or revokes more than he may do himself: neither a key
// nor what acts later, or elsewhere, on behalf of one (S26). Of its own token a key
// may always know, replace and revoke.

// mayHave refuses to let a key do something with the rights of others for want of
// scopes. What it is stands in the message, as "A token can give no more than it has".
func mayHave(c *httpapi.Call, scopes []string, what string) error {
	missing := credential.Missing(c.Scopes, scopes)
	if missing == nil {
		return nil
	}
	return lacksScopes(what+"; this one lacks "+strings.Join(missing, ", ")+".", missing)
}

// mayMake refuses a key that may do what its maker may not, or one too many.
func (a *API) mayMake(c *httpapi.Call, t credential.Key) error {
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

// mayEnd refuses to revoke a key that may do what the one that asks may not.
func mayEnd(c *httpapi.Call, t credential.Key) error {
	if t.ID == c.Token {
		return nil
	}
	return mayHave(c, t.Scopes, "A token can revoke none that may do more than it may itself")
}

// mayDo refuses to have a job do what the key that asks could not do by hand.
func mayDo(c *httpapi.Call, j *Job) error {
	return mayHave(c, []string{j.Action.Type.scope()}, "A token can have a job do no more than it may do itself")
}

// mayDeliver refuses to have events delivered to a key that may not read them.
func mayDeliver(c *httpapi.Call) error {
	return mayHave(c, []string{"events:read"}, "A webhook delivers events, which the token must be allowed to read")
}

// checkExpiry refuses an end that has come, or that is later than that of
// the key which asks. What is less than a second is not shown, so it does not count.
func (a *API) checkExpiry(c *httpapi.Call, b httpapi.Fields) []fail.Detail {
	text := b.Text("expires_at")
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return nil // what is no time is the contract's concern
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
