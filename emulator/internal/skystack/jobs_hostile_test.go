package skystack_test

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// A job updates what a job can update, whatever else stands in its changes, and what it
// has done can be saved and loaded.
func TestJobsUpdateNothingElse(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
	id := made(s, "a", `,"labels":{"role":"web"}`)
	update := func(changes string) string {
		return `{"name":"u","trigger":{"every":"5m"},"action":{"type":"update","target":{"labels":{"role":"web"}},"changes":` + changes + `}}`
	}
	for _, name := range []string{`"a\u0000b"`, `""`, `5`, `"b"`} {
		job := s.Post("/v1/jobs", update(`{"name":`+name+`,"labels":{"x":"y"}}`)).Wants(201)
		job.Has("action.changes.labels.x", "y").Lacks("action.changes.name")
		s.Post("/v1/jobs/"+job.Text("id")+"/run", "").Wants(202)
	}
	s.Get("/v1/instances/"+id).Wants(200).Has("name", "a").Has("labels.x", "y")
	s.Post("/v1/jobs", update(`{"name":"b"}`)).Refused(400, "invalid_parameter").Has("error.details.0.field", "action.changes")
	var saved strings.Builder
	if err := s.Snapshot().Save(&saved); err != nil {
		t.Fatal(err)
	}
	if err := s.Import(strings.NewReader(saved.String())); err != nil {
		t.Fatal(err)
	}
	changes := regexp.MustCompile(`"changes":\s*\{\s*"labels":\s*\{\s*"x":\s*"y"\s*\}\s*\}`)
	if !changes.MatchString(saved.String()) {
		t.Fatal("the state has no changes")
	}
	for _, broken := range []string{`"labels":"x"`, `"labels":{"x":5}`, `"labels":{"x":"` + strings.Repeat("y", 300) + `"}`, `"metadata":7`, `"network":[]`, `"name":"b"`, `"storage":"x"`} {
		err := s.Import(strings.NewReader(changes.ReplaceAllString(saved.String(), `"changes": {`+broken+`}`)))
		if err == nil || !strings.Contains(err.Error(), "/rows/") {
			t.Errorf("%s: %v", broken, err)
		}
	}
}

// Jobs that trigger each other about many instances end: what they act on counts too.
func TestHostileChainsOfJobs(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"), emulator.WithLogger(slog.New(slog.DiscardHandler)))
	for range 60 {
		made(s, "a", `,"labels":{"role":"web"}`)
	}
	advance(t, s, time.Minute)
	for _, x := range []string{"0", "1", "2", "3"} {
		s.Post("/v1/jobs", `{"name":"j","trigger":{"event":"instance.*"},"action":{"type":"update","target":{"labels":{"role":"web"}},"changes":{"labels":{"x":"`+x+`"}}}}`).Wants(201)
	}
	id := s.Get("/v1/instances?limit=1").Text("data.0.id")
	s.Patch("/v1/instances/"+id, `{"labels":{"x":"q"}}`).Wants(200)
	s.Get("/v1/quota").Wants(200)
	const most = 20_000 + 5*60
	if n := s.Get("/v1/events?limit=1&type=instance.updated").Int("pagination.total"); n > most {
		t.Errorf("one change has led to %d others, want at most %d", n, most)
	}
}
