// Package limit counts requests against two limits at once: so many a minute
// and so many a UTC calendar day (rules S61 to S63).
//
// The minute is a sliding log: a request is admitted when fewer than the limit
// were admitted in the 60.000 seconds before it. Fixed windows and token
// buckets let almost twice the limit through in some rolling minute; the log
// never does. The day is a counter that restarts at 00:00 UTC.
//
// The caller passes the instant, and must count requests in the order of their
// instants. A clock that was set back locks no key out: see [Usage].
package limit

import "time"

const (
	minute = time.Minute
	day    = 24 * time.Hour
)

// Policy is what one key (or one workspace) may use. The zero Policy limits
// nothing. A limit of zero, or below, admits nothing.
type Policy struct {
	// PerMinute is the number of requests admitted in a minute; nil is unlimited.
	PerMinute *int `json:"per_minute"`
	// PerDay is the number of requests admitted in a UTC day; nil is unlimited.
	PerDay *int `json:"per_day"`
	// Fixed counts the minute from the start of the UTC minute instead of over
	// the 60 seconds before the request.
	Fixed bool `json:"fixed,omitempty"`
}

// Quota is the state of one limit.
type Quota struct {
	// Name is "minute" or "day".
	Name string
	// Limit is the number of requests in a window, Remaining how many of them
	// are left: never negative, even when the limit was lowered below the usage.
	Limit, Remaining int
	// Window is the length of the window in seconds.
	Window int
	// Reset is the instant (UTC) at which the next unit frees; the present
	// instant when none is used. Above a lowered limit it is the instant at which
	// the next request is admitted. A limit of zero never frees one: then it is
	// the end of the window.
	Reset time.Time
	// Wait is the time until Reset in whole seconds, rounded up; 0 when none is used.
	Wait int
	// Exceeded says that this limit refuses the request.
	Exceeded bool
	// RetryAfter is Wait when Exceeded (at least 1), else 0.
	RetryAfter int
}

// ResetUnix is Reset in whole seconds since 1970, rounded up so that a client
// that waits for it is never early.
func (q Quota) ResetUnix() int64 {
	s := q.Reset.Unix()
	if q.Wait > 0 && q.Reset.Nanosecond() > 0 {
		s++
	}
	return s
}

// Decision is the result for one request.
type Decision struct {
	// Allowed says that every limit of the policy admits the request.
	Allowed bool
	// Minute and Day are the state of the limits; each means something only when
	// the policy has it, which HasMinute and HasDay say.
	Minute, Day       Quota
	HasMinute, HasDay bool
	// RetryAfter is the number of whole seconds after which the request is
	// admitted if nothing else is: the longest any limit needs, at least 1 when
	// refused, 0 when allowed.
	RetryAfter int
}

// Take decides about a request at the instant now and counts it when it is allowed.
// The quotas of the decision are those after the request. A limit that the policy does
// not have counts nothing.
func (u *Usage) Take(now time.Time, p Policy) Decision {
	now = now.UTC().Round(0)
	u.forget(now, p.Fixed)
	d := u.read(now, p)
	if d.refuse() {
		return d
	}
	if d.HasMinute {
		u.addMinute(now, 1, d.Minute.Limit)
	}
	if d.HasDay {
		u.addDay(now, 1)
	}
	d = u.read(now, p)
	d.Allowed = true
	return d
}

// Peek is Take without counting: Allowed, Exceeded and RetryAfter are those of a
// request made now, and Remaining is the number left before it.
func (u *Usage) Peek(now time.Time, p Policy) Decision {
	now = now.UTC().Round(0)
	v := *u // forgetting moves the ends of the copy's ring, never what is in it
	v.forget(now, p.Fixed)
	d := v.read(now, p)
	d.Allowed = !d.refuse()
	return d
}

// The names of the windows.
const (
	Minute = "minute"
	Day    = "day"
)

// Exhaust uses up the limit of one window, as if all its requests had been made
// at the instant now and had counted in no other window. It reports whether the
// policy limits that window.
func (u *Usage) Exhaust(now time.Time, p Policy, window string) bool {
	now = now.UTC().Round(0)
	u.forget(now, p.Fixed)
	switch {
	case window == Minute && p.PerMinute != nil:
		u.addMinute(now, *p.PerMinute-u.total, *p.PerMinute)
	case window == Day && p.PerDay != nil:
		u.addDay(now, *p.PerDay-u.today)
	default:
		return false
	}
	return true
}

// read is the state of the policy's limits at now; forget has run.
func (u *Usage) read(now time.Time, p Policy) Decision {
	var d Decision
	if p.PerMinute != nil {
		limit := max(*p.PerMinute, 0)
		d.HasMinute = true
		d.Minute = quota(Minute, limit, u.total, minute, now, u.minuteReset(now, limit, p.Fixed))
	}
	if p.PerDay != nil {
		d.HasDay = true
		d.Day = quota(Day, max(*p.PerDay, 0), u.today, day, now, now.Truncate(day).Add(day))
	}
	return d
}

// quota describes a limit of which used requests are used and which frees its
// next unit at reset.
func quota(name string, limit, used int, window time.Duration, now, reset time.Time) Quota {
	q := Quota{
		Name: name, Limit: limit, Remaining: max(limit-used, 0),
		Window: int(window / time.Second), Reset: now,
	}
	if q.Remaining < limit || limit == 0 {
		q.Reset = reset
		q.Wait = int((reset.Sub(now) + time.Second - 1) / time.Second)
	}
	return q
}

// refuse marks the limits that have nothing left, and reports whether any has.
func (d *Decision) refuse() bool {
	if d.HasMinute && d.Minute.Remaining == 0 {
		d.Minute.refuse()
	}
	if d.HasDay && d.Day.Remaining == 0 {
		d.Day.refuse()
	}
	d.RetryAfter = max(d.Minute.RetryAfter, d.Day.RetryAfter)
	return d.Minute.Exceeded || d.Day.Exceeded
}

func (q *Quota) refuse() {
	q.Exceeded, q.RetryAfter = true, q.Wait
}
