package limit

import (
	"testing"
	"time"
)

// noon is an instant in the middle of a UTC minute and a UTC day.
var noon = time.Date(2026, 3, 19, 12, 0, 30, 0, time.UTC)

func limits(perMinute, perDay int) Policy {
	return Policy{PerMinute: &perMinute, PerDay: &perDay}
}

func perMinute(n int) Policy { return Policy{PerMinute: &n} }

func perDay(n int) Policy { return Policy{PerDay: &n} }

func fixed(p Policy) Policy {
	p.Fixed = true
	return p
}

// take takes n times at now and wants each to be allowed.
func take(t *testing.T, u *Usage, now time.Time, p Policy, n int) Decision {
	t.Helper()
	var d Decision
	for i := range n {
		if d = u.Take(now, p); !d.Allowed {
			t.Fatalf("request %d of %d at %s refused: %+v", i+1, n, now, d)
		}
	}
	return d
}

// refused wants a refusal with the given wait.
func refused(t *testing.T, u *Usage, now time.Time, p Policy, retryAfter int) Decision {
	t.Helper()
	d := u.Take(now, p)
	if d.Allowed || d.RetryAfter != retryAfter {
		t.Fatalf("at %s: allowed %t, retry after %d; want a refusal and %d: %+v",
			now, d.Allowed, d.RetryAfter, retryAfter, d)
	}
	return d
}

// S61, S62: 120 pass, the 121st waits for the oldest, then exactly one passes.
func TestMinute(t *testing.T) {
	p := limits(120, 10_000)
	var u, other Usage
	for i := range 120 {
		take(t, &u, noon.Add(time.Duration(i)*100*time.Millisecond), p, 1)
	}
	now := noon.Add(12 * time.Second)
	d := refused(t, &u, now, p, 48)
	if !d.Minute.Exceeded || d.Day.Exceeded || d.Minute.RetryAfter != 48 || d.Day.RetryAfter != 0 {
		t.Errorf("want the minute alone exceeded: %+v", d)
	}
	if want := noon.Add(time.Minute); !d.Minute.Reset.Equal(want) {
		t.Errorf("reset %s, want %s", d.Minute.Reset, want)
	}
	if d.Day.Remaining != 9880 {
		t.Errorf("a refused request counted: %d of the day remain", d.Day.Remaining)
	}
	take(t, &other, now, p, 1)
	take(t, &u, now.Add(48*time.Second), p, 1)
	refused(t, &u, now.Add(48*time.Second), p, 1)
}

func TestSixtySecondsExactly(t *testing.T) {
	p := perMinute(1)
	var u Usage
	take(t, &u, noon, p, 1)
	d := refused(t, &u, noon.Add(time.Minute-1), p, 1)
	if d.Minute.Wait != 1 {
		t.Errorf("wait %d, want the nanosecond rounded up to 1", d.Minute.Wait)
	}
	take(t, &u, noon.Add(time.Minute), p, 1)
}

// A sliding log never admits more than the limit in any 60 s; fixed windows,
// asked for by name, admit twice as much across their border.
func TestFixedWindows(t *testing.T) {
	end := noon.Truncate(time.Minute).Add(time.Minute)
	var sliding, window Usage
	p := perMinute(120)
	take(t, &sliding, end.Add(-time.Second), p, 120)
	refused(t, &sliding, end, p, 59)

	p = fixed(p)
	take(t, &window, end.Add(-time.Second), p, 120)
	refused(t, &window, end.Add(-time.Second), p, 1)
	d := take(t, &window, end, p, 120)
	if d.Minute.Wait != 60 || !d.Minute.Reset.Equal(end.Add(time.Minute)) {
		t.Errorf("want the end of the window: %+v", d.Minute)
	}
}

// S61: the day is the UTC calendar day, whatever the zone of the instant.
func TestDay(t *testing.T) {
	p := perDay(3)
	evening := time.Date(2026, 3, 19, 23, 59, 50, 0, time.UTC).In(time.FixedZone("", 9*3600))
	var u Usage
	d := take(t, &u, evening, p, 3)
	if d.Day.Remaining != 0 || d.Day.Exceeded || d.Day.RetryAfter != 0 || d.Day.Wait != 10 {
		t.Errorf("after the last unit: %+v", d.Day)
	}
	refused(t, &u, evening, p, 10)
	refused(t, &u, evening.Add(9999*time.Millisecond), p, 1)
	d = take(t, &u, evening.Add(10*time.Second), p, 1)
	if d.Day.Remaining != 2 || d.Day.Wait != 86400 {
		t.Errorf("after midnight: %+v", d.Day)
	}
}

func TestRetryAfterIsTheLongest(t *testing.T) {
	p := limits(2, 2)
	var u Usage
	take(t, &u, noon, p, 2)
	d := refused(t, &u, noon, p, 11*3600+59*60+30)
	if d.Minute.RetryAfter != 60 || d.Day.RetryAfter != d.RetryAfter {
		t.Errorf("%+v", d)
	}
}

func TestUnlimited(t *testing.T) {
	var u Usage
	d := take(t, &u, noon, Policy{}, 1000)
	if d != (Decision{Allowed: true}) || u.ring != nil {
		t.Errorf("want nothing but leave: %+v", d)
	}
	// S63: a limit counts from the request it takes effect on.
	if d = take(t, &u, noon, limits(2, 5), 1); d.Minute.Remaining != 1 || d.Day.Remaining != 4 {
		t.Errorf("%+v", d)
	}
}

func TestUnused(t *testing.T) {
	var u Usage
	d := u.Peek(noon, limits(120, 10_000))
	for _, q := range []Quota{d.Minute, d.Day} {
		if !d.Allowed || q.Remaining != q.Limit || q.Wait != 0 || !q.Reset.Equal(noon) || q.ResetUnix() != noon.Unix() {
			t.Errorf("%+v", q)
		}
	}
	if d.Minute.Name != "minute" || d.Minute.Window != 60 || d.Day.Name != "day" || d.Day.Window != 86400 {
		t.Errorf("%+v", d)
	}
}

func TestResetUnixIsNeverEarly(t *testing.T) {
	var u Usage
	p := perMinute(1)
	now := noon.Add(time.Nanosecond)
	q := u.Take(now, p).Minute
	if want := noon.Unix() + 61; q.ResetUnix() != want {
		t.Errorf("got %d, want %d", q.ResetUnix(), want)
	}
	var whole Usage
	if q := whole.Take(noon, p).Minute; q.ResetUnix() != noon.Unix()+60 {
		t.Errorf("a whole second was rounded: got %d", q.ResetUnix())
	}
	if q = u.Peek(now.Add(time.Minute), p).Minute; q.ResetUnix() != noon.Unix()+60 {
		t.Errorf("with nothing used, reset is now: got %d", q.ResetUnix())
	}
}

// S63: a lower limit refuses until the usage has drained below it.
func TestLoweredLimit(t *testing.T) {
	var u Usage
	for i := range 10 {
		take(t, &u, noon.Add(time.Duration(i)*time.Second), limits(10, 100), 1)
	}
	now := noon.Add(9 * time.Second)
	d := refused(t, &u, now, perMinute(4), 57)
	if d.Minute.Remaining != 0 {
		t.Errorf("remaining %d", d.Minute.Remaining)
	}
	refused(t, &u, noon.Add(66*time.Second-1), perMinute(4), 1)
	take(t, &u, noon.Add(66*time.Second), perMinute(4), 1)

	if d = refused(t, &u, now, perDay(4), 11*3600+59*60+21); d.Day.Remaining != 0 {
		t.Errorf("remaining %d", d.Day.Remaining)
	}
	take(t, &u, noon.Add(70*time.Second), limits(10, 100), 1)
}

func TestLimitZero(t *testing.T) {
	for _, n := range []int{0, -5} {
		var u Usage
		take(t, &u, noon.Add(-2*time.Second), perMinute(3), 2)
		take(t, &u, noon.Add(-time.Second), perMinute(3), 1)
		for _, now := range []time.Time{noon, noon.Add(time.Hour)} {
			d := refused(t, &u, now, perMinute(n), 60)
			if d.Minute.Limit != 0 || d.Minute.Remaining != 0 || !d.Minute.Reset.Equal(now.Add(time.Minute)) {
				t.Errorf("%+v", d.Minute)
			}
		}
		refused(t, &u, noon, fixed(perMinute(n)), 30)
		refused(t, &u, noon, perDay(n), 11*3600+59*60+30)
	}
}

func TestClockPutBack(t *testing.T) {
	p := limits(3, 5)
	for _, tc := range []struct {
		name   string
		back   time.Duration
		minute int // units left in the minute before the next request
		day    int // and in the day
	}{
		{"within the minute", 10 * time.Second, 2, 2},
		{"by a minute", time.Minute, 3, 2},
		{"by more than a minute", time.Minute + 1, 3, 5},
		{"within the day", time.Hour, 3, 5},
		{"to an earlier day", 24 * time.Hour, 3, 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var u Usage
			take(t, &u, noon.Add(-20*time.Second), p, 1)
			take(t, &u, noon, p, 2)
			refused(t, &u, noon, p, 40)
			d := u.Peek(noon.Add(-tc.back), p)
			if !d.Allowed || d.Minute.Remaining != tc.minute || d.Day.Remaining != tc.day {
				t.Errorf("peek: %+v", d)
			}
			take(t, &u, noon.Add(-tc.back), p, min(tc.minute, tc.day))
		})
	}
	for _, p := range []Policy{p, fixed(p)} {
		var u Usage
		u.Exhaust(noon.AddDate(10, 0, 0), p, Minute)
		u.Exhaust(noon.AddDate(10, 0, 0), p, Day)
		take(t, &u, noon, p, 3)
	}
}

func TestExhaustAndRefill(t *testing.T) {
	p := limits(1_000_000_000, 2_000_000_000)
	var u Usage
	take(t, &u, noon.Add(-time.Second), p, 7)
	u.Exhaust(noon, p, Minute)
	if d := u.Peek(noon, p); d.Minute.Remaining != 0 || d.Day.Remaining != d.Day.Limit-7 || d.Minute.Wait != 59 || d.RetryAfter != 59 {
		t.Errorf("%+v", d)
	}
	u.Exhaust(noon, p, Day)
	if d := u.Peek(noon, p); d.Minute.Remaining != 0 || d.Day.Remaining != 0 || d.RetryAfter != 43170 {
		t.Errorf("%+v", d)
	}
	if len(u.ring) > 8 {
		t.Errorf("exhausting took %d hits", len(u.ring))
	}
	u.Exhaust(noon, limits(5, 5), Minute) // a lower limit takes nothing back
	if d := u.Peek(noon, p); d.Minute.Remaining != 0 || d.Day.Remaining != 0 {
		t.Errorf("%+v", d)
	}
	u.Refill()
	if d := u.Peek(noon, p); d.Minute.Remaining != d.Minute.Limit || d.Day.Remaining != d.Day.Limit {
		t.Errorf("%+v", d)
	}
	for _, window := range []string{Minute, Day, "hour", ""} {
		if u.Exhaust(noon, Policy{}, window) {
			t.Errorf("exhausted the %s of an unlimited policy", window)
		}
	}
	if d := u.Peek(noon, p); d.Minute.Remaining != d.Minute.Limit {
		t.Errorf("an unlimited policy has nothing to exhaust: %+v", d)
	}
}

func TestCloneSharesNothing(t *testing.T) {
	p := perMinute(100)
	var u Usage
	take(t, &u, noon, p, 3)
	c := u.Clone()
	take(t, &u, noon, p, 2)
	take(t, &c, noon.Add(time.Second), p, 1)
	if a, b := u.Peek(noon, p).Minute.Remaining, c.Peek(noon.Add(time.Second), p).Minute.Remaining; a != 95 || b != 96 {
		t.Errorf("remaining %d and %d", a, b)
	}
}

func BenchmarkTake(b *testing.B) {
	for _, bc := range []struct {
		name   string
		policy Policy
		step   time.Duration
	}{
		{"allowed", limits(120, 1<<40), time.Second / 2},
		{"refused", limits(120, 1<<40), time.Microsecond},
		{"frozen", limits(1<<40, 1<<40), 0},
		{"fixed", fixed(limits(120, 1<<40)), time.Second / 2},
		{"unlimited", Policy{}, time.Second},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			var u Usage
			now := noon
			for range 200 {
				now = now.Add(bc.step)
				u.Take(now, bc.policy)
			}
			for b.Loop() {
				now = now.Add(bc.step)
				u.Take(now, bc.policy)
			}
		})
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	p := limits(120, 1<<40)
	var u Usage
	now := noon
	step := func() {
		now = now.Add(time.Second / 3)
		u.Take(now, p)
		u.Peek(now, p)
	}
	for range 500 {
		step()
	}
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
	if len(u.ring) != 120 {
		t.Errorf("the ring has %d places, want no more than the limit", len(u.ring))
	}
}
