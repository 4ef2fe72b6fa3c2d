package skystack_test

import (
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// updateJobOf creates a job that updates an instance, and runs it.
func updateJobOf(s *wire.Server, id, changes string) (job string, run *wire.Reply) {
	s.T.Helper()
	job = s.Post("/v1/jobs", `{"name":"mark","trigger":{"every":"1h"},"action":{"type":"update","target":{"instance_ids":["`+id+`"]},"changes":`+changes+`}}`).Wants(201).Text("id")
	return job, s.Post("/v1/jobs/"+job+"/run", "").Wants(202)
}

// S16: a job updates labels, metadata, network, storage and autoscaling as a PATCH
// does: null removes, the rest stays, and what is so already is unchanged.
func TestJobsUpdateS16(t *testing.T) {
	s := wire.Start(t, frozen())
	id := s.Post("/v1/instances", `{"name":"web","region":"us-east-1","size":"standard-2","labels":{"idle":"true","tier":"web"},"metadata":{"a":{"b":1,"c":2}}}`).Wants(201).Text("id")
	advance(t, s, time.Minute)
	job, run := updateJobOf(s, id, `{"labels":{"idle":null,"busy":"true"},"metadata":{"a":{"b":null}},"network":{"public_ip":true},"autoscale":true}`)
	run.Has("status", "succeeded").Has("results.0.instance_id", id).Has("results.0.outcome", "completed").Has("results.0.action_id", nil)
	s.Get("/v1/instances/"+id).Wants(200).Has("labels", map[string]any{"busy": "true", "tier": "web"}).Has("metadata", map[string]any{"a": map[string]any{"c": 2.0}}).
		Has("autoscale", true).Has("version", 3)
	s.Get("/v1/instances/" + id).Text("network.public_ip")
	s.Get("/v1/events?type=instance.updated").Wants(200).Has("pagination.total", 1).Has("data.0.data.previous_attributes.labels.idle", "true")
	s.Post("/v1/jobs/"+job+"/run", "").Wants(202).Has("status", "succeeded").Has("results.0.outcome", "unchanged")
	s.Get("/v1/instances/"+id).Has("version", 3)
	// It is read back as it was sent, its nulls included, and replaced as a whole.
	s.Get("/v1/jobs/"+job).Wants(200).Has("action.changes.labels", map[string]any{"busy": "true", "idle": nil})
	s.Patch("/v1/jobs/"+job, `{"action":{"changes":{"labels":null,"autoscale":null}}}`).Wants(200).Has("action.changes", map[string]any{"labels": nil, "autoscale": nil})
	s.Post("/v1/jobs/"+job+"/run?dry_run=true", "").Wants(200).Has("would.action", "update").Has("would.targets.0.outcome", "begin")
	s.Post("/v1/jobs/"+job+"/run", "").Wants(202).Has("status", "succeeded")
	s.Get("/v1/instances/"+id).Has("labels", map[string]any{}).Has("autoscale", false)
}

// S16: what a PATCH would refuse, the update is refused, with the same code.
func TestJobsUpdateIsRefusedS16(t *testing.T) {
	s := wire.Start(t, frozen())
	id := s.Post("/v1/instances", anInstance).Wants(201).Text("id")
	advance(t, s, time.Minute)
	job, run := updateJobOf(s, id, `{"storage":[{"size_gb":20}]}`)
	run.Has("status", "failed").Has("results.0.outcome", "refused").Has("results.0.error.code", "instance_not_stopped")
	s.Post("/v1/instances/"+id+"/actions", `{"type":"stop"}`).Wants(202)
	advance(t, s, time.Minute)
	s.Post("/v1/jobs/"+job+"/run", "").Wants(202).Has("status", "succeeded").Has("results.0.outcome", "completed")
	s.Get("/v1/instances/"+id).Has("storage.0.size_gb", 20).Has("storage.0.type", "ssd")
	for body, want := range map[string]string{
		`{"type":"update","target":{"labels":{"a":"b"}}}`:                                       "required",
		`{"type":"update","target":{"labels":{"a":"b"}},"changes":{}}`:                          "required",
		`{"type":"update","target":{"labels":{"a":"b"}},"changes":{"labels":{"NO SPACE":"x"}}}`: "invalid_format",
		`{"type":"update","target":{"labels":{"a":"b"}},"changes":{"storage":[{"size_gb":0}]}}`: "out_of_range",
		`{"type":"update","changes":{"labels":{"a":"b"}}}`:                                      "required",
	} {
		s.Post("/v1/jobs", `{"name":"mark","trigger":{"every":"1h"},"action":`+body+`}`).Refused(400, "invalid_parameter").Has("error.details.0.code", want)
	}
}
