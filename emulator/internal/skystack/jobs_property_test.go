package skystack_test

import (
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// ran is a run as the API shows it.
type ran struct {
	ID       string     `json:"id"`
	Status   string     `json:"status"`
	Reason   *struct{}  `json:"reason"`
	Started  *time.Time `json:"started_at"`
	Finished *time.Time `json:"finished_at"`
	Results  []struct {
		Outcome string `json:"outcome"`
	} `json:"results"`
}

// runsIn reads all runs of a job, oldest first.
func runsIn(s *wire.Server, job string) (all []ran) {
	s.T.Helper()
	for cursor := ""; ; {
		r := s.Get(job + "/runs?limit=200" + cursor).Wants(200)
		var page struct {
			Data []ran   `json:"data"`
			Next *string `json:"next_cursor"`
		}
		if err := json.Unmarshal(r.Body, &page); err != nil {
			s.T.Fatal(err)
		}
		all = append(all, page.Data...)
		if page.Next == nil {
			return all
		}
		cursor = "&cursor=" + url.QueryEscape(*page.Next)
	}
}

// wrong says what a run shows that contradicts its status; "" for nothing.
func (r ran) wrong() string {
	good, bad, going := 0, 0, 0
	for _, result := range r.Results {
		switch result.Outcome {
		case "completed", "unchanged":
			good++
		case "in_progress":
			going++
		default:
			bad++
		}
	}
	over := r.Status != "queued" && r.Status != "running"
	begun := r.Status != "queued" && (r.Status != "skipped" || r.Started != nil)
	switch {
	case over != (r.Finished != nil):
		return "it has finished, or has not"
	case begun != (r.Started != nil):
		return "it has started, or has not"
	case r.Started != nil && r.Finished != nil && r.Finished.Before(*r.Started):
		return "it finished before it started"
	case over != (going == 0) && r.Status != "queued":
		return "it is over, and an action goes on"
	case r.Status == "succeeded" && (bad > 0 || good == 0):
		return "it did not succeed"
	case r.Status == "partial" && (bad == 0 || good == 0):
		return "it is not partial"
	case r.Status == "failed" && (good > 0 || bad == 0 && r.Reason == nil):
		return "it did not fail"
	case r.Status == "skipped" && (len(r.Results) > 0 || r.Reason == nil):
		return "it was not skipped"
	}
	return ""
}

// checkRuns holds the runs of a job to what is true of them at any time.
func checkRuns(rt *rapid.T, s *wire.Server, path string, queues bool) {
	job, runs := s.Get(path).Wants(200), runsIn(s, path)
	running, queued := 0, 0
	var last time.Time
	for _, r := range runs {
		if violation := r.wrong(); violation != "" {
			rt.Fatalf("%s: %+v: %s", path, r, violation)
		}
		switch r.Status {
		case "running":
			running++
		case "queued":
			queued++
		}
	}
	if running > 1 || queued > 10 || queued > 0 && (running == 0 || !queues) {
		rt.Fatalf("%s: %d runs go and %d wait", path, running, queued)
	}
	begun := slices.DeleteFunc(slices.Clone(runs), func(r ran) bool { return r.Started == nil })
	for n, r := range begun {
		if n > 0 && (begun[n-1].Finished == nil || r.Started.Before(*begun[n-1].Finished)) {
			rt.Fatalf("%s: %s began before %s had ended", path, r.ID, begun[n-1].ID)
		}
		last = *r.Started
	}
	if at, _ := job.Find("last_run_at"); !last.IsZero() && at != last.Format(time.RFC3339) {
		rt.Fatalf("%s: the last run was at %v, the job says %v", path, last, at)
	}
	enabled, _ := job.Find("enabled")
	_, onEvent := job.Find("trigger.event")
	next, _ := job.Find("next_run_at")
	if (next != nil) != (enabled == true && !onEvent) {
		rt.Fatalf("%s: the next run is at %v", path, next)
	}
	if next != nil {
		if at, err := time.Parse(time.RFC3339, next.(string)); err != nil || !at.After(s.Now()) {
			rt.Fatalf("%s: the next run is at %v, and it is %v", path, next, s.Now())
		}
	}
}

// Whatever happens to jobs and to what they act on, runs of one never overlap,
// begin in their order, end, and are told of exactly once (S12).
func TestRunsOfJobsProperties(t *testing.T) {
	definitions := []struct {
		body   string
		queues bool
	}{
		{jobOf(`{"every":"3m"}`, `{"type":"reboot","target":{"labels":{"tier":"batch"}}}`), false},
		{jobOf(`{"cron":"*/5 * * * *"}`, stopBatch, `"concurrency":"queue"`, `"condition":{"status_in":["running"],"older_than":"10m"}`), true},
		{jobOf(`{"event":"instance.stopped"}`, `{"type":"start"}`, `"concurrency":"queue"`), true},
		{jobOf(`{"event":"action.*"}`, `{"type":"rebuild","image":"debian-12","target":{"instance_ids":["ins_a","ins_b"]}}`), false},
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := wire.Start(t, frozen(), withInstances("id: ins_a, labels: {tier: batch}", "id: ins_b, labels: {tier: batch}", "id: ins_c"))
		defer s.Close()
		var jobs []string
		for _, d := range definitions {
			jobs = append(jobs, newJob(s, d.body))
		}
		shot := s.Snapshot()
		job := func() string { return rapid.SampledFrom(jobs).Draw(rt, "job") }
		instance := func() string { return rapid.SampledFrom([]string{"ins_a", "ins_b", "ins_c"}).Draw(rt, "instance") }
		act := func(what string) func() {
			return func() { s.Post("/v1/instances/"+instance()+"/actions", `{"type":"`+what+`"}`) }
		}
		run := func() { s.Post(job()+"/run", "").Wants(202) }
		steps := map[string]func(){
			"advance": func() { advance(t, s, time.Duration(rapid.IntRange(1, 600).Draw(rt, "seconds"))*time.Second) },
			"run":     run, "run again": run,
			"dry run": func() {
				path := job()
				shown := func() string {
					return string(s.Get("/v1/instances").Body) + string(s.Get(path).Body) + string(s.Get(path+"/runs").Body)
				}
				before := shown()
				s.Post(path+"/run?dry_run=true", "").Wants(200)
				if after := shown(); after != before {
					rt.Fatalf("a dry run changed\n%s\ninto\n%s", before, after)
				}
			},
			"start": act("start"), "stop": act("stop"), "rebuild": act("rebuild"),
			"disable":  func() { s.Patch(job(), `{"enabled":false}`).Wants(200) },
			"enable":   func() { s.Patch(job(), `{"enabled":true}`) }, // refused where a target is gone
			"fail":     func() { _ = s.Fail(instance(), "") },
			"delete":   func() { s.Delete("/v1/instances/" + instance()) },
			"snapshot": func() { shot = s.Snapshot() },
			"restore": func() {
				if err := s.Restore(shot); err != nil {
					rt.Fatal(err)
				}
			},
		}
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(steps))), 1, 30).Draw(rt, "steps") {
			steps[name]()
			for n, path := range jobs {
				checkRuns(rt, s, path, definitions[n].queues)
			}
		}
		for _, path := range jobs {
			s.Patch(path, `{"enabled":false}`).Wants(200)
		}
		advance(t, s, 2*time.Hour)
		told := map[string]int{}
		for cursor := ""; ; {
			events := s.Get("/v1/events?type=job.run.*&limit=200" + cursor).Wants(200)
			for _, id := range events.Strings("data", "data.object.id") {
				told[id]++
			}
			if next, _ := events.Find("next_cursor"); next == nil {
				break
			}
			cursor = "&cursor=" + url.QueryEscape(events.Text("next_cursor"))
		}
		for _, path := range jobs {
			for _, r := range runsIn(s, path) {
				switch {
				case r.Finished == nil:
					rt.Fatalf("%s does not end: %+v", path, r)
				case r.Status != "skipped" && told[r.ID] != 1, r.Status == "skipped" && told[r.ID] != 0:
					rt.Fatalf("%d events tell of %+v", told[r.ID], r)
				}
			}
		}
	})
}
