package skystack

import (
	"fmt"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/edge"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/limit"
)

// workspaceLedger is the ledger that keys share when the workspace's limits are
// not per key.
const workspaceLedger = "workspace"

// limit is the stage that counts the request and refuses it when an allowance is
// used up (S61 to S63; 3.2). Refusals of later stages count, earlier ones do
// not.
func (a *API) limit(x *edge.Exchange) error {
	if x.Op.Public {
		return nil
	}
	var d limit.Decision
	_ = x.World.Do(func(tx *engine.Tx) error {
		s := a.settingsOf(tx)
		if d.Allowed = !s.Limited; d.Allowed {
			return nil
		}
		key := x.Caller.Token
		if s.SharedLimits {
			key = workspaceLedger
		}
		d = engine.Own(a.ledgers, tx, key).Usage.Take(x.Now, s.Limits)
		return nil
	})
	announce(x, d)
	if d.Allowed {
		return nil
	}
	err := &fail.Error{
		Kind: fail.RateLimited, Code: "rate_limited", RetryAfter: time.Duration(d.RetryAfter) * time.Second,
		Message: fmt.Sprintf("Too many requests; the next one is served in %d s.", d.RetryAfter),
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

// announce sets the headers about each limit there is. They are written into one
// string, because they go with every answer.
func announce(x *edge.Exchange, d limit.Decision) {
	if !d.HasMinute && !d.HasDay {
		return
	}
	var policy, state []byte
	h := x.Header()
	for _, l := range []struct {
		has                     bool
		q                       limit.Quota
		limit, remaining, reset string
	}{
		{d.HasMinute, d.Minute, "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"},
		{d.HasDay, d.Day, "X-Ratelimit-Limit-Day", "X-Ratelimit-Remaining-Day", "X-Ratelimit-Reset-Day"},
	} {
		if !l.has {
			continue
		}
		values := [3]string{strconv.Itoa(l.q.Limit), strconv.Itoa(l.q.Remaining), strconv.FormatInt(l.q.ResetUnix(), 10)}
		h[l.limit], h[l.remaining], h[l.reset] = values[0:1:1], values[1:2:2], values[2:3:3]
		if len(policy) > 0 {
			policy, state = append(policy, ", "...), append(state, ", "...)
		}
		policy = append(append(append(policy, '"'), l.q.Name...), `";q=`...)
		policy = append(append(policy, values[0]...), ";w="...)
		policy = strconv.AppendInt(policy, int64(l.q.Window), 10)
		state = append(append(append(state, '"'), l.q.Name...), `";r=`...)
		state = append(append(state, values[1]...), ";t="...)
		state = strconv.AppendInt(state, int64(l.q.Wait), 10)
	}
	h["Ratelimit-Policy"], h["Ratelimit"] = []string{string(policy)}, []string{string(state)}
}
