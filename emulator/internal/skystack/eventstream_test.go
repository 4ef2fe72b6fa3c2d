package skystack_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// S15: what happens is streamed as it happens, in the form in which it is listed.
func TestStreamS15(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		st := s.Stream("/v1/events/stream")
		for name, want := range map[string]string{"Cache-Control": "no-store", "Content-Length": "", "SkyStack-Version": "2026-01-15"} {
			if got := st.Head.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		instance := s.Post("/v1/instances", bookable, "Idempotency-Key", "k").Wants(201)
		id := instance.Text("id")
		created := st.Wants("instance.created").Has(t, "data.object.id", id).Has(t, "sequence", 1).Has(t, "project_id", instance.Text("project_id")).
			Has(t, "request.id", instance.Head.Get("X-Request-Id")).Has(t, "request.idempotency_key", "k").Has(t, "workspace_id", s.ID())
		advance(t, s, 3*time.Second)
		st.Wants("instance.running").Has(t, "data.object.status", "running").Has(t, "data.previous_attributes", map[string]any{"status": "provisioning"}).
			Has(t, "created_at", "2026-03-19T12:00:03Z")
		st.Wants("instance.status_changed")
		last := st.Wants("action.completed").Has(t, "data.object.instance_id", id)

		for n, f := range []wire.Frame{created, last} {
			one := s.Get("/v1/events/" + f.Text(t, "id")).Wants(200)
			if same := s.Get("/v1/events/" + f.ID).Wants(200); string(same.Body) != f.Data {
				t.Errorf("by the id of the stream it is %s", same.Body)
			}
			if string(one.Body) != f.Data || !strings.HasPrefix(f.ID, f.Text(t, "id")+".") || f.Text(t, "type") != f.Type {
				t.Errorf("streamed %+v\nshown %s", f, one.Body)
			}
			s.Get("/v1/events").Wants(200).Has(fmt.Sprintf("data.%d", n*3), mustFind(one))
		}
		// The same again: from the start, after an event, and by the header, which
		// counts more.
		for path, want := range map[string][]string{
			"?from=start":                            {"instance.created", "instance.running", "instance.status_changed", "action.completed"},
			"?after=start&type=instance.*":           {"instance.created", "instance.running", "instance.status_changed"},
			"?type=instance.created&from=start":      {"instance.created"},
			"?after=" + created.ID:                   {"instance.running", "instance.status_changed", "action.completed"},
			"?type=*&from=start&project_id=prj_none": nil,
		} {
			if want == nil {
				s.Get("/v1/events/stream"+path).Refused(404, "project_not_found")
				continue
			}
			again := s.Stream("/v1/events/stream" + path)
			for _, w := range want {
				again.Wants(w)
			}
			again.Close()
		}
		s.Stream("/v1/events/stream?from=start", "Last-Event-ID", created.ID).Wants("instance.running")
		s.Stream("/v1/events/stream?after="+last.ID, "Last-Event-ID", created.ID).Wants("instance.running")

		head := s.Send(http.MethodHead, "/v1/events/stream", "").Wants(200).Header("Content-Type", "text/event-stream")
		if len(head.Body) > 0 {
			t.Errorf("HEAD has a body: %s", head.Body)
		}
		s.Get("/v1/events/stream", "Accept", "application/json").Refused(406, "not_acceptable")
		if r := s.Requests(emulator.Match{Operation: "streamEvents", Status: 200}); len(r) == 0 || r[0].Stage != "handle" {
			t.Errorf("recorded %+v", r)
		}
	})
}

func mustFind(r *wire.Reply) any {
	v, _ := r.Find("")
	return v
}

// S15: a stream that is dropped a hundred times, wherever it is, resumes with
// Last-Event-ID and neither loses an event nor brings one twice.
func TestDroppedStreamResumesS15(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"), emulator.WithRateLimit(emulator.RateLimit{PerMinute: emulator.Unlimited, PerDay: emulator.Unlimited}))
		random := rand.New(rand.NewPCG(15, 4))
		const drops, filter = 100, "/v1/events/stream?type=instance.*&type=action.*"
		written, halt := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(written)
			for {
				select {
				case <-halt:
					return
				default:
				}
				id := s.Post("/v1/instances", bookable).Text("id")
				_ = s.Advance(3 * time.Second)
				s.Post("/v1/projects", `{"name":"noise"}`)
				s.Delete("/v1/instances/" + id)
			}
		}()
		var got []wire.Frame
		st := s.Stream(filter + "&from=start")
		for range drops {
			for range random.IntN(7) {
				f, err := st.Next()
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, f)
			}
			resume := st.ID
			st.Close()
			st = s.Stream(filter, "Last-Event-ID", resume)
		}
		close(halt)
		<-written
		s.Post("/v1/instances", `{"name":"last","region":"us-east-1","size":"standard-1"}`).Wants(201)
		for len(got) == 0 || got[len(got)-1].Type != "instance.created" || got[len(got)-1].Text(t, "data.object.name") != "last" {
			f, err := st.Next()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, f)
		}
		var want []string
		cursor := ""
		for {
			page := s.Get("/v1/events?limit=200&type=instance.*&type=action.*" + cursor).Wants(200)
			want = append(want, page.Strings("data", "id")...)
			next, _ := page.Find("next_cursor")
			if next == nil {
				break
			}
			cursor = "&cursor=" + url.QueryEscape(next.(string))
		}
		ids, number := make([]string, len(got)), 0
		for n, f := range got {
			ids[n] = f.Text(t, "id")
			if next := f.Int(t, "sequence"); next <= number {
				t.Errorf("event %d has sequence %d after %d", n, next, number)
			} else {
				number = next
			}
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%d events were received, %d there are:\n%v\n%v", len(ids), len(want), ids, want)
		}
	})
}

// S15: a client that is dropped before its first event, or whose filter lets none
// through, comes back to where its URL or its last id says, and misses nothing.
func TestStreamResumesBeforeItsFirstEventS15(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	const first = "/v1/events/stream?type=instance.created&from=start"
	quiet := s.Stream(first)
	quiet.Close()
	made(s, "n", "")
	last := s.Stream(first).Wants("instance.created").Has(t, "data.object.name", "n").ID
	after := "/v1/events/stream?type=instance.created&after=" + url.QueryEscape(last)
	late := s.Stream(after)
	late.Close()
	resumed := s.Stream("/v1/events/stream?type=instance.created", "Last-Event-ID", last)
	resumed.Close()
	made(s, "m", "")
	s.Stream(after).Wants("instance.created").Has(t, "data.object.name", "m")
	s.Stream("/v1/events/stream?type=instance.created", "Last-Event-ID", resumed.ID).Wants("instance.created").Has(t, "data.object.name", "m")
}

// S25, S15: a stream ends with its key: at once when it is revoked, and when it
// expires by the world's clock.
func TestStreamEndsWithItsKeyS25(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12())
		for code, end := range map[string]func(id string){
			"token_revoked": func(id string) { s.Delete("/v1/tokens/" + id).Wants(204) },
			"token_expired": func(string) { advance(t, s, time.Hour) },
		} {
			made := s.Post("/v1/tokens", `{"name":"ci","scopes":["events:read"],"expires_at":"`+s.Now().Add(time.Hour).Format(time.RFC3339)+`"}`).Wants(201)
			key := s.As(made.Text("secret"))
			st := key.Stream("/v1/events/stream?type=job.run.failed")
			poll := make(chan *wire.Reply)
			go func() { poll <- key.Get("/v1/events?type=job.run.failed&wait=30s") }()
			end(made.Text("id"))
			st.Wants("auth").Has(t, "error.code", code).Has(t, "error.request_id", st.Head.Get("X-Request-Id"))
			st.Ends()
			(<-poll).Refused(401, code)
			key.Get("/v1/events/stream").Refused(401, code)
		}
	})
}

// S15; 10.2 row 9: a workspace has at most 100 streams and waiting requests, and
// one that ends makes room.
func TestStreamsAreBoundedS15(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithRateLimit(emulator.RateLimit{PerMinute: emulator.Unlimited, PerDay: emulator.Unlimited}))
		var open []*wire.Stream
		for range 100 {
			open = append(open, s.Stream("/v1/events/stream"))
		}
		s.Send(http.MethodHead, "/v1/events/stream", "").Wants(503)
		s.Get("/v1/events/stream").Refused(503, "too_many_streams").Header("Retry-After", "1")
		s.Get("/v1/events?type=job.run.failed&wait=1s").Refused(503, "too_many_waiting").Header("Retry-After", "1")
		s.Get("/v1/events?type=job.run.failed").Wants(200)
		id := made(s, "n", "")
		for _, st := range open {
			st.Wants("instance.created").Has(t, "data.object.id", id)
		}
		open[0].Close()
		for s.Send(http.MethodHead, "/v1/events/stream", "").Status != 200 { // until the server has seen it
		}
		s.Stream("/v1/events/stream")
	})
}

// S72, S15: a stream goes on after a reset or a restore, and says so whatever its
// filters; what it saw before is no place to resume at.
func TestStreamAcrossResetsS72(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"), emulator.WithResetEvery(24*time.Hour))
		project := s.Post("/v1/projects", `{"name":"p"}`).Wants(201)
		st := s.Stream("/v1/events/stream?type=instance.created&project_id=" + project.Text("id"))
		all := s.Stream("/v1/events/stream")
		before := s.Snapshot()
		made(s, "n", "")
		pre := all.Wants("instance.created")
		s.Reset()
		all.Wants("sandbox.reset").Has(t, "data.object.id", s.ID()).Has(t, "data.object.reset_at", "2026-03-19T12:00:00Z").
			Has(t, "data.object.next_reset_at", "2026-03-20T12:00:00Z").Has(t, "request", nil).Has(t, "project_id", nil).Has(t, "sequence", 2)
		first := st.Wants("sandbox.reset")
		back := s.Stream("/v1/events/stream", "Last-Event-ID", pre.ID)
		back.Wants("sandbox.reset")
		s.Get("/v1/events").Wants(200).Has("pagination.total", 1).Has("data.0.id", first.Text(t, "id"))
		made(s, "after", "")
		for _, st := range []*wire.Stream{all, back} {
			st.Wants("instance.created").Has(t, "sequence", 3).Has(t, "data.object.name", "after")
		}

		advance(t, s, 24*time.Hour) // the periodic one
		second := st.Wants("sandbox.reset").Has(t, "created_at", "2026-03-20T12:00:00Z").Has(t, "data.object.next_reset_at", "2026-03-21T12:00:00Z")
		if second.Text(t, "id") == first.Text(t, "id") {
			t.Errorf("two resets are one event: %s", first.ID)
		}
		s.Stream("/v1/events/stream?after="+first.Text(t, "id")).Wants("sandbox.reset").Has(t, "id", second.Text(t, "id"))

		if err := s.Restore(before); err != nil {
			t.Fatal(err)
		}
		restored := st.Wants("sandbox.restored").Has(t, "workspace_id", s.ID()).Has(t, "data.object.id", s.ID()).Has(t, "data.object.restored_at", "2026-03-19T12:00:00Z")
		for { // what else it saw of the past
			if f, err := all.Next(); err != nil {
				t.Fatal(err)
			} else if f.Type == "sandbox.restored" {
				break
			}
		}
		all.Wants("project.created") // all there is
		s.Post("/v1/instances", with(`"project_id":"`+project.Text("id")+`"`)).Wants(201)
		st.Wants("instance.created").Has(t, "sequence", 2)
		again := s.Stream("/v1/events/stream", "Last-Event-ID", restored.ID)
		again.Wants("project.created")
		again.Wants("instance.created")
	})
}

// S15: an event stands on one line, however its parts were written in a request or
// in a saved world.
func TestStreamedEventsHaveOneLineS15(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	s.Post("/v1/instances", with("\"metadata\":{\"a\":\n[1,\r\n2]}")).Wants(201)
	var saved bytes.Buffer
	if err := s.Snapshot().Save(&saved); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(saved.String(), "\"metadata\": {\n") {
		t.Error("the saved world has it on one line too: the test looks at nothing")
	}
	want := s.Stream("/v1/events/stream?from=start").Wants("instance.created")
	if err := s.Import(&saved); err != nil {
		t.Fatal(err)
	}
	got := s.Stream("/v1/events/stream?from=start").Wants("instance.created").Has(t, "data.object.metadata", map[string]any{"a": []any{1.0, 2.0}})
	if got.Data != want.Data {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// S15: an idle stream lets time pass in a world whose clock jumps to what a client
// waits for, and no further.
func TestStreamMovesAnAutoClockS15(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("empty"), emulator.WithClock(emulator.Clock{Mode: emulator.AutoClock, Now: frozenNow()}))
		st := s.Stream("/v1/events/stream?type=instance.running&type=instance.stopped")
		id := made(s, "n", "")
		st.Wants("instance.running").Has(t, "data.object.id", id).Has(t, "created_at", "2026-03-19T12:00:03Z")
		s.Post("/v1/instances/"+id+"/actions", `{"type":"stop"}`).Wants(202)
		st.Wants("instance.stopped").Has(t, "created_at", "2026-03-19T12:00:05Z")
		if want := frozenNow().Add(5 * time.Second); !s.Now().Equal(want) {
			t.Errorf("the time is %v, want %v", s.Now(), want)
		}
	})
}

// S15: a stream shows about every 15 s that it lives, and ends with its emulator.
// Its time limits are not those of a request.
func TestStreamLivesS15(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
		st := s.Stream("/v1/events/stream")
		done := make(chan struct{})
		go func() {
			defer close(done)
			st.Ends()
		}()
		<-time.After(10*time.Minute + time.Second)
		s.Close()
		<-done
		if st.Comments != 41 {
			t.Errorf("%d signs of life in 10 minutes, want 41", st.Comments)
		}
	})
}

// S15: a client that reads nothing is cut off, and holds nothing up.
func TestStreamIsCutWhenTheClientDoesNotReadS15(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wire.Start(t, frozen12(), emulator.WithFixture("empty"), emulator.WithRateLimit(emulator.RateLimit{PerMinute: emulator.Unlimited, PerDay: emulator.Unlimited}))
		st := s.Stream("/v1/events/stream")
		begin := time.Now()
		for range 100 { // more than 256 KiB
			s.Post("/v1/instances", with(`"metadata":{"x":"`+strings.Repeat("m", 8000)+`"}`)).Wants(201)
		}
		synctest.Wait()
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("it held the requests up for %v", waited)
		}
		<-time.After(31 * time.Second)
		n := 1
		for ; ; n++ {
			if f, err := st.Next(); err != nil {
				break
			} else if got := f.Int(t, "sequence"); got != n {
				t.Fatalf("event %d has sequence %d", n, got)
			}
		}
		if n < 10 || n >= 100 {
			t.Errorf("%d events came", n-1)
		}
		s.Stream("/v1/events/stream", "Last-Event-ID", st.ID).Wants("instance.created").Has(t, "sequence", n)
	})
}
