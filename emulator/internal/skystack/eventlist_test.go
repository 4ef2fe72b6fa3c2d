package skystack_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// S15: events are listed oldest first, by type, by project and after one of them.
func TestEventListS15(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		s.Get("/v1/events").Wants(200).Has("data", []any{}).Has("pagination.total", 0).Has("next_cursor", nil)
		project := s.Post("/v1/projects", `{"name":"p"}`).Wants(201).Text("id")
		one := made(s, "one", "")
		two := s.Post("/v1/instances", with(`"project_id":"`+project+`"`)).Wants(201).Text("id")
		advance(t, s, 3*time.Second)
		s.Delete("/v1/instances/" + one).Wants(204)
		all := s.Get("/v1/events?limit=200").Wants(200)
		want := []string{
			"project.created", "instance.created", "instance.created", "instance.running", "instance.status_changed", "action.completed",
			"instance.running", "instance.status_changed", "action.completed", "instance.deleted",
		}
		if got := all.Strings("data", "type"); !slices.Equal(got, want) {
			t.Fatalf("got %v\nwant %v", got, want)
		}
		ids := all.Strings("data", "id")
		for query, numbers := range map[string]string{
			"":                                      "0 1 2 3 4 5 6 7 8 9",
			"type=*":                                "0 1 2 3 4 5 6 7 8 9",
			"type=project.*":                        "0",
			"type=instance.running":                 "3 6",
			"type=project.*&type=action.*":          "0 5 8",
			"type=job.run.*":                        "",
			"project_id=" + project:                 "0 2 6 7 8",
			"type=instance.*&project_id=" + project: "2 6 7",
			"after=" + ids[7]:                       "8 9",
			"after=" + ids[9]:                       "",
			"after=start&type=instance.created":     "1 2",
			"type=instance.*&after=" + ids[3]:       "4 6 7 9",
		} {
			expected := []string{}
			for n := range strings.FieldsSeq(numbers) {
				var i int
				_, _ = fmt.Sscan(n, &i)
				expected = append(expected, ids[i])
			}
			s.Get("/v1/events?"+query).Wants(200).Has("pagination.total", len(expected))
			for _, limit := range []string{"1", "3", "200"} {
				if got := walk(t, s, "/v1/events", query+"&limit="+limit); !slices.Equal(got, expected) {
					t.Errorf("%s by cursor: %v, want %v", query, got, expected)
				}
				if got := paged(t, s, "/v1/events", query+"&limit="+limit); !slices.Equal(got, expected) {
					t.Errorf("%s by page: %v, want %v", query, got, expected)
				}
			}
		}
		if two == one {
			t.Error("two instances have one id")
		}
		// The strict versions show the same in their own form.
		s.Get("/v1/events?limit=1", "SkyStack-Version", "2025-07-01").Wants(200).Lacks("resume_cursor").Lacks("next_cursor").Has("data.0.api_version", "2025-07-01")
		s.Get("/v1/events/"+ids[1], "SkyStack-Version", "2025-07-01").Wants(200).Lacks("data.object.profile").Has("data.object.size", "standard-1")
		r := s.Get("/v1/events?limit=1&after="+ids[0], "SkyStack-Version", "2026-10-01").Wants(200).Lacks("pagination").Lacks("data.0.data.object.size")
		s.Get("/v1/events?limit=1&after="+ids[0]+"&cursor="+r.Text("resume_cursor"), "SkyStack-Version", "2026-10-01").Wants(200).Has("data.0.id", ids[2])
		s.Get("/v1/events/evt_none").Refused(404, "event_not_found")
		s.Patch("/v1/instances/"+two, `{"name":"three","autoscale":true}`).Wants(200)
		for version, want := range map[string]map[string]any{
			"2025-07-01": {"name": "a"}, "2026-01-15": {"name": "a", "autoscale": false, "autoscale_policy": nil}, "2026-10-01": {"name": "a", "autoscale": false, "autoscale_policy": nil},
		} {
			s.Get("/v1/events?type=instance.updated", "SkyStack-Version", version).Wants(200).Has("data.0.data.previous_attributes", want)
		}
	})
}

// What is wrong with the parameters is told, all of it at once.
func TestEventParametersAreChecked(t *testing.T) {
	s := wire.Start(t, frozen12())
	for _, path := range []string{"/v1/events", "/v1/events/stream"} {
		for _, pattern := range []string{"instance", "instance.", "nothing.*", "instance.run*", "**", "instance.running.*", "Instance.running"} {
			r := s.Get(path+"?type=instance.*&type="+url.QueryEscape(pattern)).Refused(400, "invalid_parameter")
			if got := violations(t, r); !slices.Equal(got, []violation{{"query", "type", "unknown_value"}}) {
				t.Errorf("%s: %v", pattern, got)
			}
		}
		s.Get(path+"?type=").Refused(400, "invalid_parameter")
		s.Get(path+"?project_id=prj_none").Refused(404, "project_not_found")
	}
	s.Get("/v1/events/stream?from=yesterday").Refused(400, "invalid_parameter")
	s.Get("/v1/events/stream?from=start&after=start").Refused(400, "conflicting_parameters")
	for wait, code := range map[string]string{"x": "invalid_format", "10": "invalid_format", "-1s": "out_of_range", "31s": "out_of_range", "1000h": "out_of_range"} {
		r := s.Get("/v1/events?type=nothing&wait="+wait).Refused(400, "invalid_parameter")
		if got := violations(t, r); len(got) != 2 || !slices.Contains(got, violation{"query", "wait", code}) || !slices.Contains(got, violation{"query", "type", "unknown_value"}) {
			t.Errorf("wait=%s: %v", wait, got)
		}
	}
	s.Get("/v1/events?page=1&cursor=x").Refused(400, "conflicting_parameters")
	s.Get("/v1/events?cursor=x").Refused(400, "invalid_cursor")
}

// S15: whoever polls with resume_cursor and waits gets each event once; the wait
// ends with an event, or with its time, and counts once against the limits.
func TestLongPollS15(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wire.Start(t, frozen12(), emulator.WithFixture("empty"), emulator.WithRateLimit(emulator.RateLimit{PerMinute: 1000}))
		begin := time.Now()
		r := s.Get("/v1/events?wait=30s&type=instance.*").Wants(200).Has("data", []any{}).Has("next_cursor", nil).Header("X-RateLimit-Remaining", "999")
		if waited := time.Since(begin); waited != 30*time.Second {
			t.Errorf("it waited %v", waited)
		}
		begin = time.Now()
		answer := make(chan *wire.Reply)
		for n := range 5 {
			go func() { answer <- s.Get("/v1/events?wait=30s&type=instance.*&cursor=" + r.Text("resume_cursor")) }()
			synctest.Wait()
			s.Post("/v1/projects", `{"name":"noise"}`).Wants(201)
			synctest.Wait()
			if len(answer) > 0 {
				t.Fatal("it was answered with what it did not ask for")
			}
			id := made(s, fmt.Sprint("n", n), "")
			r = (<-answer).Wants(200).Has("data.0.data.object.id", id).Has("next_cursor", nil)
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("it waited %v", waited)
		}
		s.Get("/v1/events?wait=0s&cursor="+r.Text("resume_cursor")+"&type=instance.*").Wants(200).Has("data", []any{})
		s.Send(http.MethodHead, "/v1/events?wait=1s&type=job.run.failed", "").Wants(200)
		// Closing the emulator ends waiting requests.
		go func() { answer <- s.Get("/v1/events?wait=30s&type=job.run.failed") }()
		synctest.Wait()
		begin = time.Now()
		s.Close()
		(<-answer).Wants(200).Has("data", []any{})
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("closing took %v", waited)
		}
	})
}

// S15, S72: those who wait learn of a reset and of a restore.
func TestLongPollAcrossResetsS72(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
		made(s, "n", "")
		r := s.Get("/v1/events").Wants(200)
		before, answer := s.Snapshot(), make(chan *wire.Reply)
		wait := func(query string) {
			go func() { answer <- s.Get("/v1/events?wait=30s" + query) }()
			synctest.Wait()
		}
		wait("&cursor=" + r.Text("resume_cursor"))
		s.Reset()
		told := (<-answer).Wants(200).Has("data.0.type", "sandbox.reset").Has("pagination.total", 1)
		wait("&type=instance.created")
		wait("&type=job.run.failed&after=" + told.Text("data.0.id"))
		s.Reset()
		synctest.Wait()
		(<-answer).Wants(200).Has("data.0.type", "sandbox.reset").Lacks("data.1")
		if err := s.Restore(before); err != nil {
			t.Fatal(err)
		}
		(<-answer).Wants(200).Has("data.0.type", "instance.created")
	})
}

// S15: who waits in a workspace that ends is answered at once, and whoever waits
// for an event in a program is told.
func TestLongPollInAWorkspaceThatEndsS15(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := emulator.Start(t, frozen12())
		other := wire.In(t, e.NewWorkspace(t))
		answer, waited := make(chan *wire.Reply), make(chan error)
		go func() { answer <- other.Get("/v1/events?wait=30s") }()
		go func() {
			_, err := other.WaitForEvent(context.Background(), emulator.EventMatch{Type: "job.*"})
			waited <- err
		}()
		synctest.Wait()
		begin := time.Now()
		if err := e.RemoveWorkspace(other.ID()); err != nil {
			t.Fatal(err)
		}
		(<-answer).Wants(200).Has("data", []any{})
		if err := <-waited; !errors.Is(err, sandbox.ErrNotFound) || !strings.Contains(err.Error(), "of type job.*: none came: the workspace has ended") {
			t.Errorf("waiting ended with %v", err)
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("it took %v", waited)
		}
		other.Get("/v1/events").Refused(401, "invalid_token")
	})
}

// S15: a client that waits makes progress in a world whose clock jumps.
func TestLongPollMovesAnAutoClockS15(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("empty"), emulator.WithClock(emulator.Clock{Mode: emulator.AutoClock, Now: frozenNow()}))
		id := made(s, "n", "")
		s.Get("/v1/events?type=instance.running").Wants(200).Has("data", []any{})
		s.Get("/v1/events?wait=30s&type=instance.running").Wants(200).Has("data.0.data.object.id", id).Has("data.0.created_at", "2026-03-19T12:00:03Z")
		s.Get("/v1/events?wait=10ms&type=instance.stopped").Wants(200).Has("data", []any{})
		if want := frozenNow().Add(3 * time.Second); !s.Now().Equal(want) {
			t.Errorf("the time is %v, want %v: nothing is under way", s.Now(), want)
		}
	})
}

// S15: events are kept for 30 days; what comes after one that is gone is not
// shown as if nothing were missing.
func TestOldEventsGoS15(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	first := s.Get("/v1/events")
	made(s, "n", "")
	old := s.Get("/v1/events").Wants(200)
	advance(t, s, 31*24*time.Hour)
	made(s, "m", "")
	for _, position := range []string{"cursor=" + old.Text("resume_cursor"), "cursor=" + first.Text("resume_cursor"), "after=" + old.Text("data.0.id"), "after=start"} {
		s.Get("/v1/events?"+position).Wants(200).Has("data.0.type", "sandbox.reset").Has("data.1.data.object.name", "m")
	}
	s.Get("/v1/events/"+old.Text("data.0.id")).Refused(404, "event_not_found")
	lost := s.Stream("/v1/events/stream", "Last-Event-ID", "start")
	lost.Wants("sandbox.reset")
	lost.Wants("instance.created").Has(t, "data.object.name", "m")
	s.Get("/v1/events").Wants(200).Has("data.0.data.object.name", "m")
	s.Stream("/v1/events/stream?from=start").Wants("instance.created").Has(t, "data.object.name", "m")
}

// FuzzEventParameters: whatever a client asks for, the response is one of the
// contract, at once.
func FuzzEventParameters(f *testing.F) {
	r := newRig(f, "default")
	for _, seed := range [][4]string{
		{"type=instance.*&wait=1ms", "", "", ""}, {"after=start&cursor=x", "evt_1", "start", "instance.*"}, {"from=now", "\x01", "", "**"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, query, last, after, pattern string) {
		more := url.Values{"after": {after}, "type": {pattern}}.Encode()
		for _, path := range []string{"/v1/events", "/v1/events/stream"} {
			for _, q := range []string{query, more} {
				request := arbitrary(http.MethodGet, path, q, "Last-Event-ID: "+last, "")
				if request == nil || strings.Contains(q, "wait") && !strings.Contains(q, "wait=1ms") {
					continue
				}
				request.Header.Set("Authorization", "Bearer "+r.key)
				w := r.serve(request)
				if w.Code != 200 && w.Code != 400 && w.Code != 404 {
					t.Fatalf("%s?%s: %d %s", path, q, w.Code, w.Body)
				}
				if err := wire.Check(request, w.Code, w.Header(), w.Body.Bytes()); err != nil {
					t.Fatalf("%s?%s: %v\n%s", path, q, err, w.Body)
				}
			}
		}
	})
}
