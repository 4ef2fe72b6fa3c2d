package skystack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// Jobs that response each other's runs are more with every step of the chain. It
// ends all the same, although the runs it began with are no longer kept by then,
// and the next cause outside begins another.
func TestChainsOfManyJobsEnd(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a"))
	var jobs []string
	for range 6 {
		jobs = append(jobs, newJob(s, jobOf(`{"event":"job.run.completed"}`, `{"type":"start","target":{"instance_ids":["ins_a"]}}`)))
	}
	for round := range 2 {
		s.Post(jobs[0]+"/run", "").Wants(202).Has("status", "succeeded")
		begun := s.Get("/v1/events?type=job.run.*&limit=1").Wants(200).Int("pagination.total")
		for _, job := range jobs {
			last := s.Get(job+"/runs?page=1000&limit=1").Wants(200).Has("pagination.total", 1000)
			last.Has("data.0.status", "skipped").Has("data.0.reason.code", "chain_too_long").
				Has("data.0.reason.message", "Jobs have triggered each other 10000 times at this instant, further instances that they acted on counted; this one does nothing, nor does any other.")
			before := s.Get(job + "/runs?page=999&limit=1").Wants(200)
			before.Has("data.0.status", "succeeded")
		}
		if want := (round + 1) * 10_001; begun != want {
			t.Errorf("%d runs have begun, want %d", begun, want)
		}
	}
	s.Get("/v1/instances/ins_a").Wants(200).Has("status", "running")
}

// Deleting a leader deletes its replicas: a run that was to delete them all has.
func TestJobDeletesALeaderWithItsReplicas(t *testing.T) {
	for _, way := range []struct {
		name     string
		option   emulator.Option
		outcomes string
	}{
		{"at once", emulator.WithSeed(1), "completed completed completed"},
		{"slowly", emulator.WithSlowDelete(), "completed unchanged unchanged"},
	} {
		t.Run(way.name, func(t *testing.T) {
			s := wire.Start(t, frozen(), way.option)
			leader := s.Post("/v1/instances", `{"name":"web","region":"eu-central","size":"standard-2","labels":{"tier":"web"},"autoscale":{"target_cpu":20}}`).Wants(201).Text("id")
			if err := s.SetLoad(leader, emulator.Busy(100)); err != nil {
				t.Fatal(err)
			}
			advanceClock(s, time.Minute)
			job := newJob(s, jobOf(`{"every":"1h"}`, `{"type":"delete","target":{"labels":{"tier":"web"}}}`))
			ids := s.Get("/v1/instances?label=tier:web").Wants(200).Strings("data", "id")
			run := s.Post(job+"/run", "").Wants(202).Text("id")
			advanceClock(s, 10*time.Second)
			r := s.Get(job+"/runs/"+run).Wants(200).Has("status", "succeeded")
			if got := strings.Join(r.Strings("results", "outcome"), " "); got != way.outcomes || len(ids) != 3 {
				t.Errorf("of %v: %s, want %s", ids, got, way.outcomes)
			}
			if got := fmt.Sprint(r.Strings("results", "instance_id")); got != fmt.Sprint(ids) {
				t.Errorf("the results are about %s, want %v", got, ids)
			}
			s.Get("/v1/instances?label=tier:web").Wants(200).Has("pagination.total", 0)
		})
	}
}

// Runs that wait when their job is disabled do not begin, but for those that
// somebody asked for.
func TestDisabledJobsDropWhatWaits(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a, labels: {tier: batch}"), emulator.WithDuration("reboot", 10*time.Minute))
	job := newJob(s, jobOf(`{"every":"1m"}`, `{"type":"reboot","target":{"labels":{"tier":"batch"}}}`, `"concurrency":"queue"`))
	advanceClock(s, 3*time.Minute)
	s.Post(job+"/run", "").Wants(202).Has("status", "queued")
	wantOutcomes(s, job, "running queued queued queued")
	s.Patch(job, `{"enabled":false}`).Wants(200)
	advanceClock(s, 30*time.Minute)
	wantOutcomes(s, job, "succeeded skipped:disabled skipped:disabled succeeded")
	s.Get(job+"/runs").Has("data.1.started_at", nil).Has("data.1.finished_at", "2026-03-19T10:33:44Z").
		Has("data.1.reason.message", "The job was disabled before the run could begin.").Has("data.3.started_at", "2026-03-19T10:33:44Z")
	s.Get(job).Has("last_run_at", "2026-03-19T10:33:44Z")
}
