package skystack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// outcomes are the statuses of a job's runs, with the reasons there are.
func outcomes(s *wire.Server, job string) string {
	s.T.Helper()
	runs := runsOf(s, job)
	out := runs.Strings("data", "status")
	for n := range out {
		if code, ok := runs.Find(fmt.Sprintf("data.%d.reason.code", n)); ok {
			out[n] += ":" + code.(string)
		}
	}
	return strings.Join(out, " ")
}

func wantOutcomes(s *wire.Server, job, want string) {
	s.T.Helper()
	if got := outcomes(s, job); got != want {
		s.T.Errorf("the runs are\n%s, want\n%s", got, want)
	}
}

// An event triggers the jobs of its project that listen for its type, and what
// has no target acts on the instance that the event is about (S12).
func TestJobsOnEvents(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), withInstances("id: ins_a", "id: ins_b"))
		job := newJob(s, jobOf(`{"event":"instance.stopped"}`, `{"type":"start"}`))
		s.Get(job).Has("next_run_at", nil).Has("last_run_at", nil)
		other := s.Post("/v1/projects", `{"name":"other"}`).Wants(201).Text("id")
		elsewhere := newJob(s, jobOf(`{"event":"instance.*"}`, `{"type":"start"}`, `"project_id":"`+other+`"`))
		tokens := newJob(s, jobOf(`{"event":"token.created"}`, `{"type":"reboot","target":{"instance_ids":["ins_b"]}}`))

		act(s, "ins_a", `{"type":"stop"}`)
		advanceClock(s, 30*time.Second)
		event := s.Get("/v1/events?type=instance.stopped").Wants(200).Has("data.0.data.object.id", "ins_a")
		run := runsOf(s, job).Has("pagination.total", 1)
		run.Has("data.0.trigger", "event").Has("data.0.event_id", event.Text("data.0.id")).Has("data.0.status", "succeeded").
			Has("data.0.scheduled_for", event.Text("data.0.created_at")).Has("data.0.started_at", event.Text("data.0.created_at")).
			Has("data.0.results.0.instance_id", "ins_a").Has("data.0.results.0.outcome", "completed")
		if got := statusOf(s, "ins_a") + " " + statusOf(s, "ins_b"); got != "running running" {
			t.Errorf("the instances are %s", got)
		}
		wantOutcomes(s, elsewhere, "")
		wantOutcomes(s, tokens, "")

		// Nobody else but the event knows the instance.
		s.Post(job+"/run", "").Wants(202).Has("status", "skipped").Has("reason.code", "no_targets")
		s.Post(job+"/run?dry_run=true", "").Wants(200).Has("would.reason.code", "no_targets").Has("would.targets", []any{})

		s.Post("/v1/tokens", `{"name":"t","environment":"development","scopes":["instances:read"]}`).Wants(201)
		advanceClock(s, 30*time.Second)
		wantOutcomes(s, tokens, "succeeded") // what concerns the workspace concerns each project
	})
}

// What a job does triggers other jobs, never itself, and a circle ends.
func TestChainsOfJobsEnd(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a"))
	up := newJob(s, jobOf(`{"event":"instance.stopped"}`, `{"type":"start"}`))
	down := newJob(s, jobOf(`{"event":"instance.running"}`, `{"type":"stop"}`))
	own := newJob(s, jobOf(`{"event":"instance.*"}`, `{"type":"start","target":{"instance_ids":["ins_a"]}}`, `"enabled":false`))
	act(s, "ins_a", `{"type":"stop"}`)
	advanceClock(s, 10*time.Minute)
	const begun = "succeeded succeeded succeeded succeeded"
	wantOutcomes(s, up, begun+" succeeded") // the depths 0, 2, 4, 6 and 8
	wantOutcomes(s, down, begun+" skipped:chain_too_long")
	if got := statusOf(s, "ins_a"); got != "running" {
		t.Errorf("the instance is %s", got)
	}
	// By hand a new chain begins.
	s.Patch(up, `{"enabled":false}`).Wants(200)
	s.Patch(own, `{"enabled":true}`).Wants(200)
	act(s, "ins_a", `{"type":"stop"}`)
	s.Patch(own, `{"trigger":{"event":"instance.stopping"}}`).Wants(200)
	advanceClock(s, 10*time.Minute)
	s.Get(own+"/runs").Wants(200).Has("data.0.trigger", "event").Has("data.0.results.0.error.code", "instance_busy")
	s.Patch(own, `{"trigger":{"event":"instance.*"}}`).Wants(200)
	before := runsOf(s, own).Int("pagination.total")
	s.Post(own+"/run", "").Wants(202).Has("status", "running")
	s.Delete(down).Wants(204)
	advanceClock(s, time.Minute)
	if got := runsOf(s, own).Int("pagination.total"); got != before+1 {
		t.Errorf("%d runs, want %d: it answers what it did itself", got, before+1)
	}
}

// A job never runs twice at a time: what comes meanwhile is skipped, or waits for
// its turn, ten at most.
func TestOverlappingRuns(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a, labels: {tier: batch}"))
	const reboot = `{"type":"reboot","target":{"labels":{"tier":"batch"}}}`
	skips := newJob(s, jobOf(`{"every":"1h"}`, reboot))
	first := s.Post(skips+"/run", "").Wants(202).Has("status", "running").Text("id")
	s.Post(skips+"/run", "").Wants(202).Has("status", "skipped").Has("reason.code", "overlap").Has("started_at", nil).
		Has("reason.message", "The run before, "+first+", was still going.")
	advanceClock(s, time.Minute)
	wantOutcomes(s, skips, "succeeded skipped:overlap")

	queues := newJob(s, jobOf(`{"every":"12h"}`, reboot, `"concurrency":"queue"`))
	s.Post(queues+"/run", "").Wants(202).Has("status", "running")
	for range 10 {
		s.Post(queues+"/run", "").Wants(202).Has("status", "queued").Has("started_at", nil).Has("finished_at", nil)
	}
	s.Post(queues+"/run", "").Wants(202).Has("status", "skipped").Has("reason.code", "queue_full")
	advanceClock(s, 10*time.Minute)
	wantOutcomes(s, queues, strings.Repeat("succeeded ", 11)+"skipped:queue_full")
	runs := runsOf(s, queues)
	for n := 1; n < 11; n++ {
		if began, ended := runs.Text(fmt.Sprintf("data.%d.started_at", n)), runs.Text(fmt.Sprintf("data.%d.finished_at", n-1)); began != ended {
			t.Errorf("run %d began at %s, the one before ended at %s", n, began, ended)
		}
	}
	s.Get("/v1/events?type=job.run.completed&limit=200").Wants(200).Has("pagination.total", 12)
}

// A run ends with its actions, whatever becomes of them and of the job.
func TestRunsWhoseActionsFail(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a, labels: {tier: batch}", "id: ins_b, labels: {tier: batch}"))
	job := newJob(s, jobOf(`{"every":"1h"}`, `{"type":"reboot","target":{"labels":{"tier":"batch"}}}`, `"concurrency":"queue"`))
	first := s.Post(job+"/run", "").Wants(202).Text("id")
	if err := s.Fail("ins_a", "hardware_fault"); err != nil {
		t.Fatal(err)
	}
	advanceClock(s, time.Minute)
	s.Get(job+"/runs/"+first).Wants(200).Has("status", "partial").Has("results.0.outcome", "failed").Has("results.0.error.code", "hardware_fault").
		Has("results.1.outcome", "completed").Has("results.1.error", nil)
	s.Get("/v1/events?type=job.run.completed").Wants(200).Has("data.0.data.object.status", "partial")

	second := s.Post(job+"/run", "").Wants(202).Text("id")
	s.Delete("/v1/instances/ins_b").Wants(204)
	advanceClock(s, time.Minute)
	s.Get(job+"/runs/"+second).Wants(200).Has("status", "failed").Has("results.0.error.code", "invalid_state").Has("results.1.instance_id", "ins_b")
	s.Get("/v1/events?type=job.run.failed").Wants(200).Has("data.0.data.object.id", second)

	// A job that is deleted takes its runs with it; what it began goes on.
	s.Post("/v1/instances/ins_a/actions", `{"type":"rebuild","image":"debian-12"}`).Wants(202)
	advanceClock(s, time.Minute)
	s.Post(job+"/run", "").Wants(202).Has("status", "running")
	waits := s.Post(job+"/run", "").Wants(202).Has("status", "queued").Text("id")
	s.Delete(job).Wants(204)
	s.Delete(job).Wants(204)
	s.Get(job+"/runs/"+waits).Refused(404, "job_not_found")
	if got := statusOf(s, "ins_a"); got != "rebooting" {
		t.Errorf("the instance is %s", got)
	}
	advanceClock(s, time.Hour)
	if got := statusOf(s, "ins_a"); got != "running" {
		t.Errorf("the instance is %s", got)
	}
}

// A run that an event caused begins no more once its job is disabled.
func TestDisabledJobsIgnoreEvents(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a", "id: ins_b"))
	job := newJob(s, jobOf(`{"event":"instance.stopped"}`, `{"type":"start"}`))
	s.Patch(job, `{"enabled":false}`).Wants(200)
	act(s, "ins_a", `{"type":"stop"}`)
	advanceClock(s, time.Minute)
	wantOutcomes(s, job, "")
	s.Post(job+"/run", "").Wants(202).Has("reason.code", "no_targets") // by hand it may
	s.Patch(job, `{"enabled":true}`).Wants(200)
	act(s, "ins_b", `{"type":"stop"}`)
	advanceClock(s, time.Minute)
	wantOutcomes(s, job, "skipped:no_targets succeeded")
}

// A job ends with the token that created it (S25): its next run fails, and it is
// disabled.
func TestJobOfARevokedToken(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a"))
	made := s.Post("/v1/tokens", `{"name":"t","environment":"development","scopes":["instances:write","jobs:write"]}`).Wants(201)
	cron := newJob(s.As(made.Text("secret")), jobOf(`{"every":"1m"}`, `{"type":"reboot","target":{"instance_ids":["ins_a"]}}`))
	onEvent := newJob(s.As(made.Text("secret")), jobOf(`{"event":"token.revoked"}`, `{"type":"reboot","target":{"instance_ids":["ins_a"]}}`))
	s.Get(cron).Has("token_id", made.Text("id"))
	advanceClock(s, time.Minute)
	s.Delete("/v1/tokens/" + made.Text("id")).Wants(204)
	advanceClock(s, 5*time.Minute)
	wantOutcomes(s, cron, "succeeded failed:token_revoked")
	wantOutcomes(s, onEvent, "failed:token_revoked")
	for _, job := range []string{cron, onEvent} {
		s.Get(job).Has("enabled", false).Has("next_run_at", nil).Has("disabled_reason.code", "token_revoked").
			Has("disabled_reason.message", "The token the job acts with was revoked at 2026-03-19T10:23:44Z.")
	}
	if got := statusOf(s, "ins_a"); got != "running" {
		t.Errorf("the instance is %s", got)
	}
}
