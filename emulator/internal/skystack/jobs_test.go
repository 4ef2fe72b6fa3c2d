package skystack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// stopEvery is a job that stops what has a label.
const stopBatch = `{"type":"stop","target":{"labels":{"tier":"batch"}}}`

func jobOf(trigger, action string, more ...string) string {
	return `{"name":"a","trigger":` + trigger + `,"action":` + action + strings.Join(append([]string{""}, more...), ",") + `}`
}

// newJob creates a job and returns its path.
func newJob(s *wire.Server, body string) string {
	s.T.Helper()
	return "/v1/jobs/" + s.Post("/v1/jobs", body).Wants(201).Text("id")
}

func runsOf(s *wire.Server, job string) *wire.Reply {
	s.T.Helper()
	return s.Get(job + "/runs?limit=200").Wants(200)
}

// A job with every:5m runs three times in 15 minutes, each at its instant (S12).
func TestJobEveryFiveMinutes(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), withInstances("id: ins_a, labels: {tier: batch}", "id: ins_b"))
		r := s.Post("/v1/jobs", `{"name":"nap","trigger":{"every":"5m"},"action":`+stopBatch+`}`).Wants(201)
		id := r.Text("id")
		r.Header("Location", "/v1/jobs/"+id).Header("ETag", `"1.2026-01-15"`)
		want := `{"id":"` + id + `","name":"nap","project_id":"prj_default","enabled":true,"disabled_reason":null,"trigger":{"every":"5m"},` +
			`"condition":null,"action":{"type":"stop","target":{"labels":{"tier":"batch"}},"force":false},"concurrency":"skip","token_id":"` + r.Text("token_id") + `",` +
			`"last_run_at":null,"next_run_at":"2026-03-19T10:27:44Z","version":1,"created_at":"2026-03-19T10:22:44Z","updated_at":"2026-03-19T10:22:44Z"}`
		if got := string(r.Body); got != want {
			t.Errorf("got\n%s, want\n%s", got, want)
		}
		advanceClock(s, 15*time.Minute)
		runs := runsOf(s, "/v1/jobs/"+id).Has("pagination.total", 3)
		if got := fmt.Sprint(runs.Strings("data", "scheduled_for")); got != "[2026-03-19T10:27:44Z 2026-03-19T10:32:44Z 2026-03-19T10:37:44Z]" {
			t.Errorf("scheduled for %s", got)
		}
		runs.Has("data.0.status", "succeeded").Has("data.0.trigger", "schedule").Has("data.0.results.0.instance_id", "ins_a").
			Has("data.0.results.0.outcome", "completed").Has("data.0.started_at", "2026-03-19T10:27:44Z").Has("data.0.finished_at", "2026-03-19T10:27:46Z")
		runs.Has("data.1.status", "succeeded").Has("data.1.results.0.outcome", "unchanged").Has("data.1.results.0.action_id", nil).
			Has("data.1.finished_at", "2026-03-19T10:32:44Z")
		if got := statusOf(s, "ins_a") + " " + statusOf(s, "ins_b"); got != "stopped running" {
			t.Errorf("the instances are %s", got)
		}
		action := s.Get("/v1/actions/" + runs.Text("data.0.results.0.action_id")).Wants(200)
		action.Has("type", "stop").Has("requested_by", r.Text("token_id")).Has("request_id", "")
		s.Get("/v1/jobs/"+id).Has("last_run_at", "2026-03-19T10:37:44Z").Has("next_run_at", "2026-03-19T10:42:44Z")
		one := s.Get("/v1/jobs/" + id + "/runs/" + runs.Text("data.0.id")).Wants(200)
		one.Has("job_id", id).Has("reason", nil).Has("missed_ticks", 0)
		s.Get("/v1/jobs/"+id+"/runs/run_none").Refused(404, "run_not_found")
		s.Get("/v1/jobs/job_none/runs/"+runs.Text("data.0.id")).Refused(404, "job_not_found")
		s.Get("/v1/jobs").Has("pagination.total", 1).Has("data.0.id", id)
	})
}

// The policy "stop when idle 10 m" fires once for each case of idleness, and not
// before the ten minutes have passed (S16).
func TestStopWhenIdleTenMinutes(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a, labels: {tier: batch}", "id: ins_b, labels: {tier: batch}, status: stopped"))
	load := func(cpu float64) {
		t.Helper()
		if err := s.SetLoad("ins_a", emulator.Load{CPU: &cpu}); err != nil {
			t.Fatal(err)
		}
	}
	load(80)
	job := newJob(s, jobOf(`{"every":"1m"}`, stopBatch, `"condition":{"status_in":["running"],"metric":{"name":"cpu","op":"<","value":5,"for":"10m"}}`))
	acted := func() (out []string) {
		t.Helper()
		for page := 1; ; page++ {
			r := s.Get(fmt.Sprintf("%s/runs?limit=200&page=%d", job, page)).Wants(200)
			data, _ := r.Find("data")
			for n := range data.([]any) {
				at := fmt.Sprintf("data.%d.", n)
				if r.Text(at+"status") != "skipped" {
					out = append(out, r.Text(at + "scheduled_for")[11:19])
				}
			}
			if more, _ := r.Find("pagination.has_more"); more != true {
				return out
			}
		}
	}
	advanceClock(s, 30*time.Minute) // 10:52:44
	if got := acted(); got != nil {
		t.Fatalf("it acted on what is busy: %v", got)
	}
	load(2)
	advanceClock(s, 9*time.Minute)
	load(60) // a burst
	advanceClock(s, time.Minute)
	load(2) // idle from 11:02:44 on
	advanceClock(s, time.Hour)
	if got := fmt.Sprint(acted()); got != "[11:12:44]" {
		t.Fatalf("it acted at %v", got)
	}
	if got := statusOf(s, "ins_a"); got != "stopped" {
		t.Errorf("the instance is %s", got)
	}
	act(s, "ins_a", `{"type":"start"}`) // 12:02:44, runs from 12:02:46 on: the next case
	advanceClock(s, time.Hour)
	if got := fmt.Sprint(acted()); got != "[11:12:44 12:13:44]" {
		t.Errorf("it acted at %v", got)
	}
}

// A job acts with the scopes of its token, which its creator must have.
func TestScopesOfJobs(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a, labels: {tier: batch}"),
		emulator.WithKey(emulator.Key{Token: "jobs", Scopes: []string{"jobs:write"}}),
		emulator.WithKey(emulator.Key{Token: "stops", Scopes: []string{"jobs:write", "instances:write"}}),
		emulator.WithKey(emulator.Key{Token: "reads", Scopes: []string{"jobs:read", "instances:write"}}),
		emulator.WithKey(emulator.Key{Token: "short", ID: "tok_short", Scopes: []string{"*"}, ExpiresAt: &[]time.Time{testTime().Add(90 * time.Second)}[0]}))
	stop, remove := jobOf(`{"every":"1m"}`, stopBatch), jobOf(`{"every":"1m"}`, `{"type":"delete","target":{"instance_ids":["ins_a"]}}`)
	s.As("jobs").Post("/v1/jobs", stop).Refused(403, "insufficient_scope").Has("error.details.0.required_scopes.0", "instances:write")
	s.As("reads").Post("/v1/jobs", stop).Refused(403, "insufficient_scope").Has("error.details.0.required_scopes.0", "jobs:write")
	s.As("stops").Post("/v1/jobs", remove).Refused(403, "insufficient_scope").Has("error.details.0.required_scopes.0", "instances:delete")
	job := newJob(s.As("stops"), stop)
	s.As("stops").Patch(job, `{"action":{"type":"delete"}}`).Refused(403, "insufficient_scope")
	s.As("jobs").Patch(job, `{"trigger":{"every":"2m"}}`).Refused(403, "insufficient_scope")
	s.As("jobs").Patch(job, `{"enabled":false}`).Wants(200).Has("enabled", false).Has("next_run_at", nil).Has("disabled_reason", nil)
	s.As("jobs").Patch(job, `{"enabled":true}`).Refused(403, "insufficient_scope")
	s.As("stops").Patch(job, `{"enabled":true}`).Wants(200).Has("next_run_at", "2026-03-19T10:23:44Z")

	dying := newJob(s.As("short"), jobOf(`{"every":"1m"}`, `{"type":"start","target":{"instance_ids":["ins_a"]}}`))
	advanceClock(s, 5*time.Minute)
	s.Get(dying).Has("enabled", false).Has("disabled_reason.code", "token_expired").Has("next_run_at", nil)
	runs := runsOf(s, dying).Has("pagination.total", 2)
	runs.Has("data.1.status", "failed").Has("data.1.reason.code", "token_expired").Has("data.1.results", []any{})
	s.Post(dying+"/run?dry_run=true", "").Wants(200).Has("would.reason.code", "token_expired")
	s.As("stops").Patch(dying, `{"enabled":true}`).Wants(200).Has("enabled", true).Has("disabled_reason", nil).
		Has("next_run_at", "2026-03-19T10:28:44Z").Has("token_id", s.Get(job).Text("token_id"))
}

// What a delete over labels would do beyond max_targets it does not begin.
func TestGuardOfDelete(t *testing.T) {
	var instances []string
	for n := range 12 {
		instances = append(instances, fmt.Sprintf("id: ins_%02d, labels: {tier: batch}", n))
	}
	s := wire.Start(t, frozen(), emulator.WithFixtureData("f.yaml", []byte(fixtureOf(instances))))
	const remove = `{"type":"delete","target":{"labels":{"tier":"batch"}}}`
	job := newJob(s, jobOf(`{"every":"1m"}`, remove))
	s.Get(job).Has("action.max_targets", 10)
	advanceClock(s, time.Minute)
	runsOf(s, job).Has("data.0.status", "failed").Has("data.0.reason.code", "too_many_targets").Has("data.0.results", []any{})
	s.Get("/v1/instances").Has("pagination.total", 12)
	s.Post(job+"/run?dry_run=true", "").Wants(200).Has("dry_run", true).Has("would.reason.code", "too_many_targets").Has("would.targets", []any{})
	s.Patch(job, `{"action":{"max_targets":12}}`).Wants(200).Has("action.max_targets", 12).Has("action.type", "delete").Has("action.target.labels.tier", "batch")
	s.Post(job+"/run?dry_run=true", "").Wants(200).Has("would.reason", nil).Has("would.targets.11.outcome", "begin").Has("would.targets.11.instance_id", "ins_11")
	s.Get("/v1/instances").Has("pagination.total", 12)
	run := s.Post(job+"/run", "").Wants(202)
	run.Has("status", "succeeded").Has("trigger", "manual").Has("results.11.outcome", "completed").Has("results.11.action_id", nil)
	s.Get("/v1/instances").Has("pagination.total", 0)
	s.Post(job+"/run", "").Wants(202).Has("status", "skipped").Has("reason.code", "no_targets")
}

func fixtureOf(instances []string) string {
	text := "format: skystack-sandbox/1\ninstances:\n"
	for n, i := range instances {
		text += fmt.Sprintf("  - {name: i%d, %s}\n", n, i)
	}
	return text
}

// Every action of a job, what it refuses and what it leaves (2.2).
func TestActionsOfJobs(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_run, labels: {g: all}", "id: ins_off, status: stopped, labels: {g: all}", "id: ins_bad, status: error, labels: {g: all}"))
	const all = `"target":{"instance_ids":["ins_run","ins_off","ins_bad"]}`
	for _, c := range []struct{ action, status, outcomes, codes string }{
		{`{"type":"stop",` + all + `}`, "partial", "completed unchanged refused", "- - invalid_state"},
		{`{"type":"start",` + all + `}`, "partial", "unchanged completed refused", "- - invalid_state"},
		{`{"type":"reboot",` + all + `}`, "partial", "completed refused refused", "- invalid_state invalid_state"},
		{`{"type":"resize","size":"standard-8",` + all + `}`, "partial", "refused completed refused", "instance_not_stopped - invalid_state"},
		{`{"type":"resize","machine_type":"standard-8","target":{"instance_ids":["ins_run"]}}`, "failed", "refused", "instance_not_stopped"},
		{`{"type":"rebuild","image":"debian-12",` + all + `}`, "succeeded", "completed completed completed", "- - -"},
	} {
		t.Run(c.action, func(t *testing.T) {
			s := s.With(t)
			saved := s.Snapshot()
			defer func() { _ = s.Restore(saved) }()
			job := newJob(s, jobOf(`{"every":"1h"}`, c.action))
			id := s.Post(job+"/run", "").Wants(202).Text("id")
			advanceClock(s, 10*time.Second)
			run := s.Get(job+"/runs/"+id).Wants(200).Has("status", c.status)
			if got := strings.Join(run.Strings("results", "outcome"), " "); got != c.outcomes {
				t.Errorf("outcomes %s, want %s", got, c.outcomes)
			}
			for n, code := range strings.Fields(c.codes) {
				at := fmt.Sprintf("results.%d.error", n)
				if code == "-" {
					run.Has(at, nil)
				} else {
					run.Has(at+".code", code)
				}
			}
		})
	}
	job := newJob(s, jobOf(`{"at":"2026-03-19T11:00:00Z"}`, `{"type":"create","instance":{"name":"born","region":"eu-central","profile":"standard-2","labels":{"by":"job"}}}`))
	s.Post(job+"/run?dry_run=true", "").Wants(200).Has("would.targets.0.outcome", "begin").Has("would.targets.0.instance_id", nil)
	advanceClock(s, time.Hour)
	run := runsOf(s, job).Has("pagination.total", 1).Has("data.0.status", "succeeded").Has("data.0.scheduled_for", "2026-03-19T11:00:00Z")
	s.Get("/v1/instances/"+run.Text("data.0.results.0.instance_id")).Has("name", "born").Has("status", "running").Has("size", "standard-2").
		Has("created_at", "2026-03-19T11:00:00Z").Has("labels.by", "job")
	s.Get(job).Has("next_run_at", nil).Has("enabled", true).Has("last_run_at", "2026-03-19T11:00:00Z")
}
