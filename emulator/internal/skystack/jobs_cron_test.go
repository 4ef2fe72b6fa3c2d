package skystack_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/netresearch/go-cron"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/skystack"
)

// A cron job over a leap year runs exactly when the library says: 29 February
// included, and on the thirteenth as well as on Fridays (show 5).
func TestCronOverALeapYear(t *testing.T) {
	begin := time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{Mode: engine.Frozen, Now: begin})
	lines := []string{"0 0 29 2 *", "0 12 * * *", "30 6 13 * 5", "0 0 31 * *", "15,45 9-17/2 1-7 JAN,JUL MON", "0 0 * * sun", "59 23 28-31 2 *", "0 */6 * 2 *"}
	jobs := map[string]string{}
	for _, line := range lines {
		jobs[line] = jobOn(t, r, `{"cron":"`+line+`"}`)
	}
	if err := r.world.AdvanceTo(begin.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	leapDays := 0
	for _, line := range lines {
		parser := cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom)
		schedule, err := parser.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for at := schedule.Next(begin); !at.After(begin.AddDate(1, 0, 0)); at = schedule.Next(at) {
			want = append(want, at.Format(time.RFC3339))
		}
		var got []string
		for page := 1; ; page++ {
			_, list := r.ask(http.MethodGet, fmt.Sprintf("%s/runs?limit=200&page=%d", jobs[line], page), "")
			for _, item := range list["data"].([]any) {
				run := item.(map[string]any)
				at := run["scheduled_for"].(string)
				if run["started_at"] != at || run["missed_ticks"] != 0.0 {
					t.Fatalf("%s: %v", line, run)
				}
				got = append(got, at)
				if strings.HasPrefix(at, "2028-02-29") {
					leapDays++
				}
			}
			if list["next_cursor"] == nil {
				break
			}
		}
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: %d runs, want %d\n%v\n%v", line, len(got), len(want), got, want)
		}
	}
	if leapDays != 7 { // one for each of three lines, and four for the last
		t.Errorf("%d runs on 29 February, want 7", leapDays)
	}
}

// Jobs that are due together run in the order of their ids, whenever each was
// booked.
func TestJobsDueTogether(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	var order []string
	for _, every := range []string{"6m", "1m", "3m", "2m"} {
		order = append(order, jobOn(t, r, `{"every":"`+every+`"}`))
	}
	if err := r.world.Advance(6 * time.Minute); err != nil {
		t.Fatal(err)
	}
	var last []string
	for _, job := range order {
		_, list := r.ask(http.MethodGet, job+"/runs?limit=200", "")
		runs := list["data"].([]any)
		last = append(last, runs[len(runs)-1].(map[string]any)["id"].(string))
	}
	if !slices.IsSorted(last) {
		t.Errorf("the runs of 6 minutes were made in the order %v", last)
	}
}

// The last thousand runs are kept, and found by id, page and cursor.
func TestKeptRuns(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	job := jobOn(t, r, `{"every":"1m"}`)
	if err := r.world.Advance(1005 * time.Minute); err != nil {
		t.Fatal(err)
	}
	_, list := r.ask(http.MethodGet, job+"/runs?limit=1", "")
	first := list["data"].([]any)[0].(map[string]any)
	if total := list["pagination"].(map[string]any)["total"]; total != 1000.0 || first["scheduled_for"] != "2026-03-19T10:28:44Z" {
		t.Errorf("%v runs are kept, the oldest of %v", total, first["scheduled_for"])
	}
	if n := len(r.rows(t, "runs")); n != 1000 {
		t.Errorf("the world holds %d runs", n)
	}
	if code, _ := r.ask(http.MethodDelete, job, ""); code != http.StatusNoContent {
		t.Error(code)
	}
	for _, table := range []string{"jobs", "runs", "run_slots"} {
		if n := len(r.rows(t, table)); n != 0 {
			t.Errorf("after the delete %s holds %d rows", table, n)
		}
	}
	if code, _ := r.ask(http.MethodDelete, job, ""); code != http.StatusNoContent {
		t.Error("a repeated delete answers", code)
	}
	if err := r.world.Advance(25 * time.Hour); err != nil {
		t.Fatal(err)
	}
	if code, _ := r.ask(http.MethodDelete, job, ""); code != http.StatusNotFound {
		t.Error("a day later a repeated delete answers", code)
	}
}
