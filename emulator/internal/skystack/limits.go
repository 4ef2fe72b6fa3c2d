package skystack

import (
	"fmt"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/limit"
	"skystack.dev/sandbox/emulator/sandbox"
)

// limited is the stage that announces the limits and refuses a request when an
// allowance is used up. Refusals of later stages count, earlier ones do not.
func (a *API) limited(x *httpapi.RequestContext) error {
	d, _ := x.Admission.(*limit.Decision)
	if d == nil {
		return nil
	}
	announce(x, d)
	if d.Allowed {
		return nil
	}
	err := &fail.Error{
		Kind: fail.RateLimited, Code: "rate_limited", RetryAfter: time.Duration(d.RetryAfter) * time.Second,
		Message: fmt.Sprintf("Too many requests; the next one is served in %d s.", d.RetryAfter),
	}
	if x.World.Clock().Mode == engine.Frozen {
		err.Message = fmt.Sprintf("Too many requests; the next one is served when the workspace's time is %d s further, and its clock stands. %s", d.RetryAfter, advanceIt)
		err.Warning = clockStands
		a.reportFrozen(x.World)
	}
	for _, q := range []limit.Quota{d.Minute, d.Day} {
		if q.Exceeded {
			err.Details = append(err.Details, fail.Detail{Extra: []fail.Member{
				{Name: "policy", Value: q.Name}, {Name: "limit", Value: q.Limit},
				{Name: "window_seconds", Value: q.Window}, {Name: "retry_after", Value: q.RetryAfter},
			}})
		}
	}
	return err
}

// nearlyExhausted tells whether less than a tenth of a window is left.
func nearlyExhausted(has bool, q limit.Quota) bool { return has && q.Remaining*10 < q.Limit }

// announce sets the headers about the limits. The minute's go with every response;
// the day's, and both in the notation of the IETF draft, when less than a tenth of
// a window is left or the request is refused. All values are written in one piece
// and cut out of it.
func announce(x *httpapi.RequestContext, d *limit.Decision) {
	if !d.HasMinute && !d.HasDay {
		return
	}
	all := !d.Allowed || nearlyExhausted(d.HasMinute, d.Minute) || nearlyExhausted(d.HasDay, d.Day) || x.FullHeaders()
	if !all && !d.HasMinute {
		return
	}
	limits := [...]struct {
		has                     bool
		q                       limit.Quota
		limit, remaining, reset string
	}{
		{d.HasMinute, d.Minute, "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"},
		{d.HasDay, d.Day, "X-Ratelimit-Limit-Day", "X-Ratelimit-Remaining-Day", "X-Ratelimit-Reset-Day"},
	}
	var names [8]string
	var ends [8]int
	n, b := 0, make([]byte, 0, 192)
	cut := func(name string) {
		names[n], ends[n] = name, len(b)
		n++
	}
	for i := range limits {
		if l := &limits[i]; l.has && (all || i == 0) {
			b = strconv.AppendInt(b, int64(l.q.Limit), 10)
			cut(l.limit)
			b = strconv.AppendInt(b, int64(l.q.Remaining), 10)
			cut(l.remaining)
			b = strconv.AppendInt(b, l.q.ResetUnix(), 10)
			cut(l.reset)
		}
	}
	for _, h := range [...]struct{ name, first, second string }{{"Ratelimit-Policy", `";q=`, ";w="}, {"Ratelimit", `";r=`, ";t="}} {
		if !all {
			break
		}
		begun := false
		for i := range limits {
			l := &limits[i]
			if !l.has {
				continue
			}
			if begun {
				b = append(b, ", "...)
			}
			begun = true
			a, z := l.q.Limit, l.q.Window
			if h.name == "Ratelimit" {
				a, z = l.q.Remaining, l.q.Wait
			}
			b = append(append(append(b, '"'), l.q.Name...), h.first...)
			b = append(strconv.AppendInt(b, int64(a), 10), h.second...)
			b = strconv.AppendInt(b, int64(z), 10)
		}
		cut(h.name)
	}
	text, start := string(b), 0
	for i := range n {
		x.Set(names[i], text[start:ends[i]])
		start = ends[i]
	}
}

// limits returns the limits among the settings.
func (s Settings) limits() credential.Limits {
	return credential.Limits{Limited: s.Limited, Policy: s.Limits, Shared: s.SharedLimits}
}

// Limits returns how requests are limited in a world, for the other APIs of it.
func (a *API) Limits(tx *engine.Tx) credential.Limits { return a.settingsOf(tx).limits() }

// SetRateLimit changes how many requests are served from the next one on. Limits of 0
// stay as they are; where requests were not limited, they still are not. Requests that
// were counted stay counted.
func (a *API) SetRateLimit(w *engine.World, r sandbox.RateLimit) error {
	return w.Do(func(tx *engine.Tx) error {
		s := a.settingsOf(tx)
		l, err := s.limits().Changed(r)
		if err != nil {
			return err
		}
		s.Limited, s.Limits, s.SharedLimits = l.Limited, l.Policy, l.Shared
		a.settings.Put(tx, settingsID, s)
		return nil
	})
}
