package skystack_test

import (
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// What a dry run of a create foresees is what the run does: the quota and the
// catalogue count, as they are then.
func TestCreatesThatAreRefused(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a"), emulator.WithQuota(2))
	s.Post("/v1/profiles", `{"slug":"own","vcpus":1,"memory_mb":1024,"disk_gb":10}`).Wants(201)
	job := newJob(s, jobOf(`{"every":"1h"}`, `{"type":"create","instance":{"name":"born","region":"eu-central","size":"own"}}`))
	refused := func(code, message string) {
		t.Helper()
		s.Post(job+"/run?dry_run=true", "").Wants(200).Has("would.reason", nil).Has("would.targets.0.outcome", "refused").
			Has("would.targets.0.instance_id", nil).Has("would.targets.0.error.code", code).Has("would.targets.0.error.message", message)
		s.Post(job+"/run", "").Wants(202).Has("status", "failed").Has("results.0.outcome", "refused").
			Has("results.0.error.code", code).Has("results.0.error.message", message)
	}
	s.Post(job+"/run?dry_run=true", "").Wants(200).Has("would.targets.0.outcome", "begin").Has("would.targets.0.error", nil)
	born := s.Post(job+"/run", "").Wants(202).Has("status", "running").Text("results.0.instance_id")
	advanceClock(s, time.Minute)
	refused("quota_exceeded", "The workspace has as many instances as its quota allows; delete one first.")
	s.Delete("/v1/instances/" + born).Wants(204)
	s.Delete("/v1/profiles/own").Wants(204)
	refused("invalid_parameter", `There is no size "own"; GET /v1/sizes lists them.`)
	s.Get("/v1/instances").Wants(200).Has("pagination.total", 1)
}
