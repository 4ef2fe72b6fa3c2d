package skystack

import (
	"errors"
	"net/http"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/finding"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/secret"
	"skystack.dev/sandbox/emulator/sandbox"
)

// reportRefused counts a request with a refused credential among the findings, and
// returns the refusal. The time is that of the workspace it concerns.
func (a *API) reportRefused(d engine.Digest, token string, refusal error) error {
	w, owner := a.Registry.World(a.Home), ""
	if own, _ := a.Registry.Lookup(d); own != nil {
		w, owner = own, own.ID()
	}
	if message := a.Findings.Refused(finding.Credential(d), owner, w.PeekTime(), codeOf(refusal)); message != "" {
		a.Log.Warn(message, "token", masked(token))
	}
	return refusal
}

// masked returns the part of a token that may be shown: a sandbox key's prefix and last four
// characters, and nothing of any other, which may be short or real (S41, S74).
func masked(token string) string {
	if secret.WellFormed(secret.Key, token) {
		return secret.Key + "…" + token[len(token)-4:]
	}
	return "…"
}

// reportPlaintext adds a finding for a workspace whose key was accepted over plain
// HTTP.
func (a *API) reportPlaintext(x *httpapi.RequestContext) {
	if x.Request.TLS != nil || x.Request.Context().Value(http.ServerContextKey) == nil {
		return // a request inside of the process goes over no wire
	}
	a.Findings.Report(finding.Subject{Workspace: x.World.ID(), Code: "plaintext"}, x.Now, sandbox.LevelInfo, "a key was sent over plain HTTP, "+
		"where anybody on the way can read it: the real API is HTTPS alone; --https serves it here as well")
}

// reportFrozen adds a finding for a client that was told to wait on a clock that is
// frozen.
func (a *API) reportFrozen(w *engine.World) {
	const message = "a client was refused by the limits and told to wait, but the workspace's clock stands: it waits in vain until the clock is moved"
	if a.Findings.Report(finding.Subject{Workspace: w.ID(), Code: clockStands}, w.Now(), sandbox.LevelWarning, message) {
		a.Log.Warn(message, "workspace", w.ID())
	}
}

func codeOf(err error) string {
	var e *fail.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return err.Error()
}
