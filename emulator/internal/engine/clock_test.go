package engine

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// wait waits for d of the wall clock; in a bubble that takes no real time.
func wait(d time.Duration) { <-time.After(d) }

func TestClockModesFollowTheWallClockOrDoNot(t *testing.T) {
	for _, c := range []struct {
		clock Clock
		want  time.Duration // world time after 10 s by the wall
	}{
		{Clock{Mode: Real, Now: start}, 10 * time.Second},
		{Clock{Now: start}, 10 * time.Second},
		{Clock{Mode: Scaled, Scale: 60, Now: start}, 10 * time.Minute},
		{Clock{Mode: Scaled, Scale: 0.5, Now: start}, 5 * time.Second},
		{Clock{Mode: Scaled, Now: start}, 10 * time.Second},
		{Clock{Mode: Frozen, Now: start}, 0},
		{Clock{Mode: Frozen, Scale: 60, Now: start}, 0},
		{Clock{Mode: Auto, Now: start}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newTestSchema().world(t, func(k *Config) { k.Clock = c.clock })
			equal(t, "the first instant", w.Now(), start)
			wait(10 * time.Second)
			equal(t, string(c.clock.Mode)+" after 10 s", w.Now().Sub(start), c.want)
			must(t, w.Advance(time.Hour))
			equal(t, string(c.clock.Mode)+" advanced", w.Now().Sub(start), c.want+time.Hour)
			wait(10 * time.Second)
			equal(t, string(c.clock.Mode)+" after 10 s more", w.Now().Sub(start), 2*c.want+time.Hour)
		})
	}
}

func TestNewWorldStartsAtTheWallClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, mode := range Modes() {
			w := newTestSchema().world(t, func(k *Config) { k.Clock = Clock{Mode: mode} })
			equal(t, string(mode), w.Now(), instant(wallNow()))
		}
	})
}

func TestClockRefusesWrongSettings(t *testing.T) {
	w := newTestSchema().world(t)
	for want, c := range map[string]Clock{
		`clock mode "slow" is unknown: use one of real, scaled, frozen, auto`:      {Mode: "slow"},
		"clock scale -1 is out of range: use a number above 0":                     {Mode: Scaled, Scale: -1},
		"clock scale 1.000001e+06 is out of range":                                 {Mode: Scaled, Scale: 1_000_001},
		"clock scale NaN is out of range":                                          {Mode: Scaled, Scale: math.NaN()},
		"clock scale +Inf is out of range":                                         {Mode: Scaled, Scale: math.Inf(1)},
		"clock time 1969-12-31T23:59:59Z is out of range: use a year from 1970 to": {Now: time.Unix(-1, 0).UTC()},
		"clock time 2201-01-01T00:00:00Z is out of range":                          {Now: time.Date(2201, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		for _, err := range []error{w.SetClock(c), func() error { _, err := NewWorld(NewSchema(), Config{Clock: c}); return err }()} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: got %v, want %q", c, err, want)
			}
		}
	}
	equal(t, "the time after refusals", w.Now(), start)
	if _, err := NewWorld(NewSchema(), Config{ResetEvery: -time.Second}); err == nil || !strings.Contains(err.Error(), "negative") {
		t.Errorf("a negative reset period: got %v", err)
	}
}

func TestTimeOnlyGoesForward(t *testing.T) {
	w := newTestSchema().world(t)
	for want, err := range map[string]error{
		"cannot advance by -1ns: time only goes forward":                               w.Advance(-1),
		"cannot advance to 2026-03-19T10:22:43Z: it is 2026-03-19T10:22:44Z already":   w.AdvanceTo(start.Add(-time.Second)),
		"cannot advance to 0001-01-01T00:00:00Z: it is 2026-03-19T10:22:44Z already":   w.AdvanceTo(time.Time{}),
		"cannot advance to 2026-03-19T10:22:43.5Z: it is 2026-03-19T10:22:44Z already": w.SetClock(Clock{Mode: Real, Now: start.Add(-time.Second / 2)}),
		"cannot advance to the year 2318: the latest supported year is 2200":           w.Advance(math.MaxInt64),
		"cannot advance to the year 3000: the latest supported year is 2200":           w.AdvanceTo(time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	equal(t, "the time after refusals", w.Now(), start)
	must(t, w.Advance(0))
	must(t, w.AdvanceTo(start))
	equal(t, "the time after standing still", w.Now(), start)
	do(w, func(tx *Tx) { tx.AdvanceTo(start.Add(-time.Hour)) })
	equal(t, "the time after a transaction asked to go back", w.Now(), start)
}

// A wall clock that is set back stops the world for as long, and moves nothing
// back; advancing goes on from where the world stands.
func TestWallClockSetBack(t *testing.T) {
	wall := start.UnixNano()
	at := func(d time.Duration) int64 { return wall + int64(d) }
	for _, mode := range []Mode{Real, Scaled} {
		k := newClock(Clock{Mode: mode}, wall)
		now := func(wall int64) int64 {
			k.last = k.timeAt(wall)
			return k.last
		}
		equal(t, "later", now(at(time.Minute)), at(time.Minute))
		equal(t, "set back", now(at(-time.Hour)), at(time.Minute))
		k.advance(at(2*time.Minute), at(-time.Hour))
		equal(t, "advanced meanwhile", now(at(-time.Hour)), at(2*time.Minute))
		equal(t, "caught up", now(at(2*time.Minute)), at(3*time.Minute))
		k.set(Clock{Mode: Frozen}, at(-time.Hour))
		equal(t, "frozen while set back", now(at(time.Hour)), at(3*time.Minute))
	}
}

func TestSetClockKeepsTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestSchema()
		w := h.world(t)
		scheduleMark(w, 30*time.Second, "on the way")
		must(t, w.SetClock(Clock{Mode: Real}))
		wait(time.Second)
		equal(t, "real", w.Now().Sub(start), time.Second)
		must(t, w.SetClock(Clock{Mode: Scaled, Scale: 10}))
		wait(time.Second)
		equal(t, "scaled", w.Now().Sub(start), 11*time.Second)
		must(t, w.SetClock(Clock{Mode: Auto}))
		wait(time.Hour)
		equal(t, "auto", w.Now().Sub(start), 11*time.Second)
		must(t, w.SetClock(Clock{Mode: Frozen, Now: start.Add(time.Minute)}))
		wait(time.Hour)
		equal(t, "frozen ahead", w.Now().Sub(start), time.Minute)
		equal(t, "what was due on the way", h.history(w), "[on the way@30s]")
		do(w, func(tx *Tx) { equal(t, "the mode", tx.Mode(), Frozen) })
	})
}

// AdvancedPast is true when a command moved the clock past a date, in any mode.
func TestAdvancedPast(t *testing.T) {
	past := start.Add(30 * 24 * time.Hour)
	month := 31 * 24 * time.Hour
	for name, c := range map[string]struct {
		clock Clock
		wait  time.Duration
		move  time.Duration
		want  bool
	}{
		"started before, did nothing":             {clock: Clock{Mode: Frozen, Now: start}},
		"started before, advanced over it":        {clock: Clock{Mode: Frozen, Now: start}, move: month, want: true},
		"started past it":                         {clock: Clock{Mode: Frozen, Now: past.Add(time.Hour)}, want: true},
		"started at it":                           {clock: Clock{Mode: Real, Now: past}, want: true},
		"real time, advanced over it":             {clock: Clock{Mode: Real, Now: start}, move: month, want: true},
		"real time, grew over it":                 {clock: Clock{Mode: Real, Now: start}, wait: month},
		"scaled time, grew over it":               {clock: Clock{Mode: Scaled, Scale: 1000, Now: start}, wait: time.Hour},
		"real time, grew over it, then was moved": {clock: Clock{Mode: Real, Now: start}, wait: month, move: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTestSchema().world(t, func(k *Config) { k.Clock = c.clock })
				wait(c.wait)
				must(t, w.Advance(c.move))
				do(w, func(tx *Tx) { equal(t, "deliberate", tx.AdvancedPast(past), c.want) })
				p := w.Snapshot()
				must(t, w.Restore(p))
				do(w, func(tx *Tx) { equal(t, "deliberate after a restore", tx.AdvancedPast(past), c.want) })
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // the clock's first instant is the wall's
		w := newTestSchema().world(t, func(k *Config) { k.Clock = Clock{} })
		date := w.Now().Add(month)
		wait(month)
		do(w, func(tx *Tx) { equal(t, "an old world", tx.AdvancedPast(date), false) })
	})
}

// The alarm rings when the event is due, not a nanosecond before: it would ring
// again and again until the wall clock has moved on.
func TestAlarmNeverRingsEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.Float64Range(0.01, maxScale).Draw(t, "scale")
		wall := rapid.Int64Range(0, math.MaxInt64/4).Draw(t, "wall")
		base := rapid.Int64Range(0, math.MaxInt64/4).Draw(t, "base")
		ahead := rapid.Int64Range(1, int64(1000*time.Hour)).Draw(t, "ahead")
		k := clock{mode: Scaled, base: base, wall: wall, scale: scale}
		rings := k.wallAt(base + ahead)
		if got := k.timeAt(rings); got < base+ahead {
			t.Fatalf("at the alarm it is %d ns before the event", base+ahead-got)
		}
	})
	slow := clock{mode: Scaled, base: 0, wall: 0, scale: 1e-300}
	equal(t, "the alarm of a world that hardly moves", slow.wallAt(1), int64(1)<<60)
}
