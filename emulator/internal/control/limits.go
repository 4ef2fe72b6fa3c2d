package control

import (
	"cmp"

	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
)

// limitsHandlers lists the operations of this file.
func (a *API) limitsHandlers() []httpapi.Handler {
	return []httpapi.Handler{
		handle("listRateLimits", a.listRateLimits),
		handle("setRateLimit", a.setRateLimit),
		handle("exhaustRateLimits", a.exhaustRateLimits),
		handle("resetRateLimits", a.resetRateLimits),
		handle("listKeys", a.listKeys),
	}
}

// listRateLimits shows the limits and their remaining units.
//
//	GET /_sandbox/rate-limits
func (a *API) listRateLimits(c *call, _ noInput) (list[sandbox.Limit], error) {
	return listOf(c.workspace.Limits()), nil
}

// setRateLimit changes the limits.
//
//	PUT /_sandbox/rate-limit and PUT /_sandbox/workspaces/{id}/rate-limit
func (a *API) setRateLimit(c *call, in selfParsed[sandbox.RateLimit]) (httpapi.Nothing, error) {
	if in.err != nil {
		return httpapi.Nothing{}, in.err
	}
	return httpapi.Nothing{}, c.workspace.SetRateLimit(in.value)
}

type exhaust struct {
	Key    string         `json:"key"`
	Window sandbox.Window `json:"window"`
}

// exhaustRateLimits uses up a window of a key's limit. The defaults are the key of the
// request and the minute.
//
//	POST /_sandbox/rate-limits/exhaust
func (a *API) exhaustRateLimits(c *call, in exhaust) (httpapi.Nothing, error) {
	if in.Key == "" {
		in.Key = c.key // "" with the admin token means the limit of the workspace
	}
	return httpapi.Nothing{}, c.workspace.Exhaust(in.Key, cmp.Or(in.Window, sandbox.MinuteWindow))
}

// resetRateLimits refills all limits.
//
//	POST /_sandbox/rate-limits/reset
func (a *API) resetRateLimits(c *call, _ noInput) (httpapi.Nothing, error) {
	return httpapi.Nothing{}, c.workspace.Refill()
}

// listKeys lists the keys of the workspace, oldest first.
//
//	GET /_sandbox/keys
func (a *API) listKeys(c *call, _ noInput) (list[sandbox.Key], error) {
	return listOf(c.workspace.Keys()), nil
}
