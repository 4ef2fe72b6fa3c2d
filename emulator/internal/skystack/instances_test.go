package skystack_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// Every list has data, pagination and next_cursor, every object is bare, every
// refusal has the one envelope (S4), and one key opens them all at one origin (S5).
func TestOneShapeForAll(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen())
		policy := s.Get("/v1/autoscale-policies").Wants(200).Text("data.0.id")
		job := s.Post("/v1/jobs", `{"name":"a","trigger":{"every":"1h"},"action":{"type":"stop","target":{"labels":{"tier":"batch"}}}}`).Wants(201).Text("id")
		for _, r := range routes(t) {
			r.path = strings.Replace(r.path, "asp_none", policy, 1)
			if r.method != http.MethodGet || r.public {
				continue
			}
			r.path = strings.Replace(r.path, "job_none", job, 1)
			reply := s.Get(r.path)
			if strings.HasPrefix(r.id, "list") && !strings.Contains(r.path, "{") { // of something there is
				reply.Wants(200).Has("pagination.page", 1).Has("pagination.limit", 20)
				total, more := reply.Int("pagination.total"), false
				if items, _ := reply.Find("data"); len(items.([]any)) != min(total, 20) {
					t.Errorf("%s shows %d of %d", r, len(items.([]any)), total)
				} else {
					more = total > 20
				}
				reply.Has("pagination.has_more", more)
				if _, ok := reply.Find("next_cursor"); !ok {
					t.Errorf("%s has no next_cursor", r)
				}
				s.Get(r.path+"?limit=x").Refused(400, "invalid_parameter")
			} else if reply.Status == 200 {
				reply.Lacks("data").Lacks("pagination")
			}
			refused := s.As("").Get(r.path).Refused(401, "authentication_required")
			if refused.Text("error.message") == "" || refused.Text("error.request_id") != refused.Head.Get("X-Request-Id") {
				t.Errorf("%s: the envelope is %s", r, refused.Body)
			}
		}
	})
}

// Everything can be done without a console: a whole life by requests alone (S8),
// and each step leaves an action to look at.
func TestWholeLife(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), emulator.WithFixture("empty"))
		project := s.Post("/v1/projects", `{"name":"shop"}`).Wants(201).Text("id")
		id := s.Post("/v1/instances?project_id="+project, goodBody).Wants(201).Text("id")
		path := "/v1/instances/" + id
		advanceClock(s, 3*time.Second)
		s.Get(path).Has("status", "running").Has("project_id", project)
		for _, step := range [][2]string{
			{`{"type":"reboot"}`, "running"}, {`{"type":"stop"}`, "stopped"}, {`{"type":"resize","size":"m4-highmem"}`, "stopped"},
			{`{"type":"snapshot","name":"kept"}`, "stopped"}, {`{"type":"rebuild","image":"rocky-10"}`, "running"}, {`{"type":"stop","force":true}`, "stopped"},
			{`{"type":"start"}`, "running"},
		} {
			act(s, id, step[0])
			advanceClock(s, 5*time.Second)
			s.Get(path).Has("status", step[1])
		}
		s.Get(path).Has("size", "m4-highmem").Has("image", "rocky-10").Has("version", 16)
		types := s.Get(path+"/actions").Has("pagination.total", 8).Strings("data", "type")
		if got := fmt.Sprint(types); got != "[create reboot stop resize snapshot rebuild stop start]" {
			t.Errorf("the actions are %s", got)
		}
		for _, status := range s.Get(path+"/actions").Strings("data", "status") {
			if status != "completed" {
				t.Errorf("an action is %s", status)
			}
		}
		s.Delete(path).Wants(204)
		s.Delete("/v1/projects/" + project).Wants(204)
	})
}

// The same seed and the same requests give the same bytes, headers included; over
// both doors, and after a reset (S6).
func TestSameBytes(t *testing.T) {
	script := func(s *wire.Server, limit string) string {
		var b strings.Builder
		note := func(r *wire.Reply) *wire.Reply {
			fmt.Fprintf(&b, "%s\n%d\n", r.What, r.Status)
			for _, name := range []string{"Date", "X-Request-Id", "ETag", "Location", "Retry-After", "Link", "SkyStack-Version", "Content-Type"} {
				fmt.Fprintf(&b, "%s: %s\n", name, r.Head.Values(name))
			}
			b.Write(append(r.Body, '\n'))
			return r
		}
		id := note(s.Post("/v1/instances", fullBody)).Text("id")
		note(s.Get("/v1/instances?limit=2"))
		advanceClock(s, 1500*time.Millisecond)
		note(s.Post("/v1/instances/"+id+"/actions", `{"type":"stop"}`))
		advanceClock(s, 1500*time.Millisecond)
		note(s.Get("/v1/compute/instances/" + id))
		action := note(s.Post("/v1/instances/"+id+"/actions", `{"type":"snapshot"}`)).Text("id")
		advanceClock(s, time.Hour)
		note(s.Get("/v1/actions/" + action))
		note(s.Get("/v1/images?limit=" + limit))
		note(s.Post("/v1/projects", `{"name":"p"}`))
		note(s.Patch("/v1/instances/"+id, `{"name":"b","metadata":{"z":null}}`))
		note(s.Delete("/v1/instances/" + id))
		note(s.Get("/v1/instances/" + id))
		return b.String()
	}
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		opts := []emulator.Option{frozen(), emulator.WithFixture("empty"), emulator.WithSeed(7)}
		one := script(start(opts...), "3")
		if two := script(start(opts...), "3"); two != one {
			t.Errorf("two runs differ:\n%s\n%s", one, two)
		}
		s := start(opts...)
		before := script(s, "200") // no cursor: a reset makes those new
		s.Reset(emulator.RestartIDs())
		if after := script(s, "200"); after != before {
			t.Errorf("after a reset it differs:\n%s\n%s", before, after)
		}
		opts[2] = emulator.WithSeed(8)
		if other := script(start(opts...), "3"); other == one {
			t.Error("another seed gives the same ids")
		}
	})
}

// The response to a create says provisioning, whatever the speed; the next read is
// ahead (S51). GET shows the object in full, under both paths (S53, S54).
func TestProvisioningFirst(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		for name, opts := range map[string][]emulator.Option{
			"instant":   {emulator.WithSpeed("instant")},
			"immediate": {emulator.WithProgression("immediate")},
			"reads:1":   {emulator.WithProgression("reads:1")},
			"duration":  {emulator.WithDuration("create", 0)},
			"auto":      {autoClock()},
			"real":      {emulator.WithClock(emulator.Clock{Mode: emulator.RealClock, Now: testTime()}), emulator.WithSpeed("instant")},
		} {
			s := start(append([]emulator.Option{frozen(), emulator.WithFixture("empty")}, opts...)...)
			r := s.Post("/v1/instances", goodBody).Wants(201).Has("status", "provisioning").Has("ip", nil)
			if at := r.Text("created_at"); len(at) != len("2026-03-19T10:22:44Z") || !strings.HasPrefix(at, "2026-03-19T10:2") || !strings.HasSuffix(at, "Z") {
				t.Errorf("%s: created at %s", name, at)
			}
			s.Get("/v1/instances/"+r.Text("id")).Has("status", "running").Has("version", 2).Has("network.state", "attached").Has("metadata", map[string]any{})
		}
	})
}

// Statuses that the documents do not list come only where they have nothing to
// say (S52); the only 422 of all is a reused idempotency key.
func TestDocumentedStatuses(t *testing.T) {
	s := wire.Start(t, emulator.WithFixture("empty"))
	for body, status := range map[string]int{goodBody: 201, `{}`: 400, `[]`: 400, `{`: 400, ``: 400, `{"name":"a","region":"x","size":"y"}`: 400, `{"name":"a","region":"us-east-1","size":"standard-1","project_id":"prj_x"}`: 400} {
		s.Post("/v1/instances", body, "Content-Type", "application/json").Wants(status)
		s.As("wrong").Post("/v1/instances", body, "Content-Type", "application/json").Wants(401)
	}
	s.As("wrong").Get("/v1/instances").Wants(401)
	s.As("wrong").Get("/v1/instances/ins_x").Wants(401) // S55: not 404
	s.As("wrong").Delete("/v1/instances/ins_x").Wants(401)
}
