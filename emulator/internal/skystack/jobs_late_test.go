package skystack_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// sleepFor waits for d of a bubble's wall clock.
func sleepFor(d time.Duration) { <-time.After(d) }

// jobOn creates a job in a rig and returns its path.
func jobOn(t *testing.T, r *rig, trigger string) string {
	t.Helper()
	code, job := r.ask(http.MethodPost, "/v1/jobs", jobOf(trigger, stopBatch))
	if code != http.StatusCreated {
		t.Fatal(code, job)
	}
	return "/v1/jobs/" + job["id"].(string)
}

// told is each run of a job in short: for when it was scheduled and when it began,
// as time since aMoment, how many other ticks it stands for, and why.
func told(t *testing.T, r *rig, job string) string {
	t.Helper()
	code, list := r.ask(http.MethodGet, job+"/runs?limit=200", "")
	if code != http.StatusOK {
		t.Fatal(code, list)
	}
	since := func(stamp any) string {
		at, err := time.Parse(time.RFC3339, stamp.(string))
		if err != nil {
			t.Fatal(err)
		}
		return at.Sub(testTime()).String()
	}
	var out []string
	for _, item := range list["data"].([]any) {
		run := item.(map[string]any)
		text := since(run["scheduled_for"])
		if run["started_at"] != nil {
			text += " at " + since(run["started_at"])
		}
		out = append(out, fmt.Sprintf("%s +%v %v", text, run["missed_ticks"], run["reason"].(map[string]any)["code"]))
	}
	return strings.Join(out, ", ")
}

// What falls due while no process runs a world is made up for once when it is less
// than an hour late, and else recorded as skipped. What is reached by advancing
// is neither (section 12).
func TestTicksThatWereMissed(t *testing.T) {
	const minute, never = time.Minute, ""
	for _, c := range []struct {
		trigger      string
		awake, gone  time.Duration
		want, nextAt string
	}{
		{`{"every":"5m"}`, 10 * minute, 20 * time.Second, "5m0s at 5m0s +0 no_targets, 10m0s at 10m0s +0 no_targets", "10:37:44"},
		{`{"every":"5m"}`, 9 * minute, 80 * time.Second, "5m0s at 5m0s +0 no_targets, 10m0s at 10m0s +0 no_targets", "10:37:44"},
		{`{"every":"5m"}`, minute, 6 * minute, "5m0s at 7m0s +0 no_targets", "10:32:44"},
		{`{"every":"5m"}`, minute, 16 * minute, "15m0s at 17m0s +2 no_targets", "10:42:44"},
		{`{"every":"5m"}`, minute, 181 * minute, "2h0m0s +23 too_late, 3h0m0s at 3h2m0s +11 no_targets", "13:27:44"},
		{`{"every":"2h"}`, minute, 5*60*minute + 29*minute, "4h0m0s +1 too_late", "16:22:44"},
		{`{"cron":"0 * * * *"}`, minute, 99 * minute, "37m16s +0 too_late, 1h37m16s at 1h40m0s +0 no_targets", "13:00:00"},
		{`{"cron":"* * * * *"}`, minute, 30 * 24 * 60 * minute, "16s at 16s +0 no_targets, 166h41m16s +10000 too_late, 720h0m16s at 720h1m0s +59 no_targets", "10:24:00"},
		{`{"at":"2026-03-19T11:00:00Z"}`, minute, 90 * minute, "37m16s at 1h31m0s +0 no_targets", never},
		{`{"at":"2026-03-19T11:00:00Z"}`, minute, 99 * minute, "37m16s +0 too_late", never},
		{`{"event":"instance.*"}`, minute, 99 * minute, "", never},
	} {
		t.Run(fmt.Sprint(c.trigger, c.awake, c.gone), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, way := range []string{"saved and loaded", "restored"} {
					r := newRig(t, "empty")
					if err := r.world.SetClock(engine.Clock{Mode: engine.Real}); err != nil {
						t.Fatal(err)
					}
					job := jobOn(t, r, c.trigger)
					sleepFor(c.awake)
					snapshot := r.world.Snapshot()
					file := r.saved(t)
					if way == "restored" {
						if err := r.world.SetClock(engine.Clock{Mode: engine.Frozen}); err != nil { // nothing happens meanwhile
							t.Fatal(err)
						}
						sleepFor(c.gone)
					} else {
						r.world.Close()
						sleepFor(c.gone)
						r = newRig(t, "empty")
						loaded, err := engine.Load(r.schema, bytes.NewBufferString(file))
						if err != nil {
							t.Fatal(err)
						}
						snapshot = loaded
					}
					if err := r.world.Restore(snapshot); err != nil {
						t.Fatal(err)
					}
					if got := told(t, r, job); got != c.want {
						t.Errorf("%s: got  %s\nwant %s", way, got, c.want)
					}
					next := ""
					if _, body := r.ask(http.MethodGet, job, ""); body["next_run_at"] != nil {
						next = body["next_run_at"].(string)[11:19]
					}
					if next != c.nextAt {
						t.Errorf("%s: next_run_at is %q, want %q", way, next, c.nextAt)
					}
					r.world.Close()
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "empty")
		if err := r.world.SetClock(engine.Clock{Mode: engine.Real}); err != nil {
			t.Fatal(err)
		}
		job := jobOn(t, r, `{"every":"45m"}`)
		if err := r.world.Advance(3 * time.Hour); err != nil {
			t.Fatal(err)
		}
		want := "45m0s at 45m0s +0 no_targets, 1h30m0s at 1h30m0s +0 no_targets, 2h15m0s at 2h15m0s +0 no_targets, 3h0m0s at 3h0m0s +0 no_targets"
		if got := told(t, r, job); got != want {
			t.Errorf("advanced: got  %s\nwant %s", got, want)
		}
		r.world.Close()
	})
}

// A reset of a world whose clock goes on moves the ticks of its baseline ahead;
// those of a cron line stay on its instants.
func TestTicksAfterAReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "empty")
		if err := r.world.SetClock(engine.Clock{Mode: engine.Real}); err != nil {
			t.Fatal(err)
		}
		every, cron := jobOn(t, r, `{"every":"10m"}`), jobOn(t, r, `{"cron":"*/10 * * * *"}`)
		sleepFor(time.Minute)
		r.world.SetBaseline()
		sleepFor(4 * time.Minute)
		r.world.Reset() // at 5m0s, back to 1m0s
		sleepFor(30 * time.Minute)
		if got, want := told(t, r, every), "14m0s at 14m0s +0 no_targets, 24m0s at 24m0s +0 no_targets, 34m0s at 34m0s +0 no_targets"; got != want {
			t.Errorf("every: got  %s\nwant %s", got, want)
		}
		if got, want := told(t, r, cron), "17m16s at 17m16s +0 no_targets, 27m16s at 27m16s +0 no_targets"; got != want {
			t.Errorf("cron: got  %s\nwant %s", got, want)
		}
		r.world.Close()
	})
}
