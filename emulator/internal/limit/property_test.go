package limit

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model is the specification at its most naive: the list of what was admitted.
type model struct {
	minute []time.Time
	day    []time.Time
}

func (m *model) forget(now time.Time, p Policy) {
	m.minute = m.inMinute(now, p)
	m.day = m.inDay(now)
}

func (m *model) inMinute(now time.Time, p Policy) []time.Time {
	return keep(m.minute, func(at time.Time) bool {
		if p.Fixed {
			return !at.After(now) && at.Truncate(time.Minute).Equal(now.Truncate(time.Minute))
		}
		return !at.After(now) && now.Sub(at) < time.Minute
	})
}

// inDay is the day's list: all of it or nothing, see Usage.
func (m *model) inDay(now time.Time) []time.Time {
	if len(m.day) == 0 {
		return nil
	}
	last := m.day[len(m.day)-1]
	if last.Format(time.DateOnly) != now.Format(time.DateOnly) || last.Sub(now) > time.Minute {
		return nil
	}
	return m.day
}

func keep(times []time.Time, ok func(time.Time) bool) []time.Time {
	return slices.DeleteFunc(slices.Clone(times), func(at time.Time) bool { return !ok(at) })
}

// left is what the model says remains; -1 stands for unlimited.
func (m *model) left(now time.Time, p Policy) (inMinute, inDay int) {
	inMinute, inDay = -1, -1
	if p.PerMinute != nil {
		inMinute = max(0, *p.PerMinute-len(m.inMinute(now, p)))
	}
	if p.PerDay != nil {
		inDay = max(0, *p.PerDay-len(m.inDay(now)))
	}
	return inMinute, inDay
}

func (m *model) add(now time.Time, p Policy) {
	if p.PerMinute != nil {
		m.minute = append(m.minute, now)
	}
	if p.PerDay != nil {
		m.day = append(m.day, now)
	}
}

func left(d Decision) (inMinute, inDay int) {
	inMinute, inDay = -1, -1
	if d.HasMinute {
		inMinute = d.Minute.Remaining
	}
	if d.HasDay {
		inDay = d.Day.Remaining
	}
	return inMinute, inDay
}

func drawPolicy(t *rapid.T) Policy {
	bound := rapid.Ptr(rapid.OneOf(rapid.IntRange(-1, 8), rapid.IntRange(9, 40)), true)
	return Policy{
		PerMinute: bound.Draw(t, "per minute"), PerDay: bound.Draw(t, "per day"),
		Fixed: rapid.Bool().Draw(t, "fixed"),
	}
}

func drawStep(t *rapid.T) time.Duration {
	return rapid.OneOf(
		rapid.SampledFrom([]time.Duration{
			0, 1, time.Second, 20 * time.Second, time.Minute - 1, time.Minute, time.Minute + 1,
			24 * time.Hour, -1, -time.Second, -time.Minute, -time.Minute - 1, -time.Hour, -24 * time.Hour,
		}),
		rapid.Map(rapid.Int64Range(0, int64(30*time.Second)), func(n int64) time.Duration { return time.Duration(n) }),
	).Draw(t, "step")
}

func TestAgainstModel(t *testing.T) {
	// A walk costs microseconds, and the rare corners want more than rapid's
	// hundred of them.
	for range 20 {
		rapid.Check(t, walkWithModel)
	}
}

func walkWithModel(t *rapid.T) {
	var u Usage
	var m model
	p := drawPolicy(t)
	now := noon
	t.Repeat(map[string]func(*rapid.T){
		"step":   func(t *rapid.T) { now = now.Add(drawStep(t)) },
		"policy": func(t *rapid.T) { p = drawPolicy(t) },
		"refill": func(*rapid.T) { u.Refill(); m = model{} },
		"clone":  func(*rapid.T) { u = u.Clone() },
		"save":   func(t *rapid.T) { u = reload(t, u) },
		"peek":   func(t *rapid.T) { checkPeek(t, &u, &m, now, p) },
		"take": func(t *rapid.T) {
			for range rapid.IntRange(1, 15).Draw(t, "times") {
				checkTake(t, &u, &m, now, p)
				now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "pause")) * time.Second)
			}
		},
		"exhaust": func(t *rapid.T) {
			window := rapid.SampledFrom([]string{Minute, Day}).Draw(t, "window")
			u.Exhaust(now, p, window)
			m.forget(now, p)
			inMinute, inDay := m.left(now, p)
			for ; window == Minute && inMinute > 0; inMinute-- {
				m.minute = append(m.minute, now)
			}
			for ; window == Day && inDay > 0; inDay-- {
				m.day = append(m.day, now)
			}
			checkPeek(t, &u, &m, now, p)
		},
	})
}

// checkTake compares a request with the model's and with what was foretold.
func checkTake(t *rapid.T, u *Usage, m *model, now time.Time, p Policy) {
	peeked := u.Peek(now, p)
	allowed := checkPeek(t, u, m, now, p)
	d := u.Take(now, p)
	m.forget(now, p)
	if d.Allowed != allowed || d.Allowed != peeked.Allowed {
		t.Fatalf("allowed %t, model says %t, peek said %t", d.Allowed, allowed, peeked.Allowed)
	}
	if allowed {
		m.add(now, p)
		checkPeek(t, u, m, now, p)
		return
	}
	if d != peeked {
		t.Fatalf("refused with %+v, peek said %+v", d, peeked)
	}
	checkHonest(t, *u, now, p, d)
}

// checkPeek compares what u and m say, and wants the question to change nothing.
func checkPeek(t *rapid.T, u *Usage, m *model, now time.Time, p Policy) (allowed bool) {
	before := encode(t, *u)
	d := u.Peek(now, p)
	if after := encode(t, *u); !bytes.Equal(before, after) {
		t.Fatalf("peek changed %s to %s", before, after)
	}
	gotMinute, gotDay := left(d)
	wantMinute, wantDay := m.left(now, p)
	if gotMinute != wantMinute || gotDay != wantDay {
		t.Fatalf("at %s %d and %d remain, model says %d and %d", now, gotMinute, gotDay, wantMinute, wantDay)
	}
	for _, q := range []Quota{d.Minute, d.Day} {
		if q.Name == "" {
			continue
		}
		if wait := q.Reset.Sub(now); time.Duration(q.Wait)*time.Second < wait || time.Duration(q.Wait-1)*time.Second >= max(wait, 1) {
			t.Fatalf("wait %d for a reset in %s", q.Wait, wait)
		}
		if unused := q.Remaining == q.Limit && q.Limit > 0; unused != (q.Wait == 0) {
			t.Fatalf("remaining %d of %d and wait %d", q.Remaining, q.Limit, q.Wait)
		}
		if q.Exceeded != (q.Remaining == 0) || q.Exceeded != (q.RetryAfter > 0) {
			t.Fatalf("%+v", q)
		}
	}
	if d.Allowed != (d.RetryAfter == 0) {
		t.Fatalf("%+v", d)
	}
	return wantMinute != 0 && wantDay != 0
}

// checkHonest wants a refused request to pass after RetryAfter, and not one
// second earlier.
func checkHonest(t *rapid.T, u Usage, now time.Time, p Policy, d Decision) {
	wait := time.Duration(d.RetryAfter) * time.Second
	if u.Peek(now.Add(wait-time.Second), p).Allowed {
		t.Fatalf("allowed a second before the %d of RetryAfter", d.RetryAfter)
	}
	never := d.HasMinute && d.Minute.Limit == 0 || d.HasDay && d.Day.Limit == 0
	if u.Peek(now.Add(wait), p).Allowed == never {
		t.Fatalf("after %d seconds: refused %t", d.RetryAfter, !never)
	}
}

// With the clock going forward, no 60 seconds ever see more than the limit.
func TestNoMinuteSeesMoreThanTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "limit")
		steps := rapid.SliceOfN(rapid.Int64Range(0, int64(25*time.Second)), 1, 100).Draw(t, "steps")
		var u Usage
		var admitted []time.Time
		now := noon
		for _, step := range steps {
			now = now.Add(time.Duration(step))
			if u.Take(now, perMinute(n)).Allowed {
				admitted = append(admitted, now)
			}
		}
		for i := n; i < len(admitted); i++ {
			if admitted[i].Sub(admitted[i-n]) < time.Minute {
				t.Fatalf("%d requests in %s", n+1, admitted[i].Sub(admitted[i-n]))
			}
		}
	})
}

type fatalfer interface{ Fatalf(string, ...any) }

func encode(t fatalfer, u Usage) []byte {
	data, err := json.Marshal(u)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	return data
}

// reload is u after a trip through its JSON form.
func reload(t fatalfer, u Usage) Usage {
	data := encode(t, u)
	var read Usage
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatalf("unmarshal %s: %v", data, err)
	}
	if again := encode(t, read); !bytes.Equal(data, again) {
		t.Fatalf("%s became %s", data, again)
	}
	return read
}
