package skystack_test

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// newHistories are the ways in which another history takes the place of the one a
// client knows, by the event that tells of it.
func newHistories(t *testing.T, s *wire.Server) map[string]struct {
	begin func(before sandbox.Snapshot) *wire.Server
	tells string
} {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	type way = struct {
		begin func(before sandbox.Snapshot) *wire.Server
		tells string
	}
	return map[string]way{
		"reset":           {func(sandbox.Snapshot) *wire.Server { s.Reset(); return s }, "sandbox.reset"},
		"reset of ids":    {func(sandbox.Snapshot) *wire.Server { s.Reset(emulator.RestartIDs()); return s }, "sandbox.reset"},
		"periodic reset":  {func(sandbox.Snapshot) *wire.Server { advance(t, s, 24*time.Hour); return s }, "sandbox.reset"},
		"rewind":          {func(before sandbox.Snapshot) *wire.Server { must(s.Restore(before)); return s }, "sandbox.restored"},
		"restore of now":  {func(sandbox.Snapshot) *wire.Server { must(s.Restore(s.Snapshot())); return s }, "sandbox.restored"},
		"another fixture": {func(sandbox.Snapshot) *wire.Server { must(s.Load("empty")); return s }, "sandbox.restored"},
		"fork":            {func(sandbox.Snapshot) *wire.Server { return wire.In(t, s.Fork(t)) }, "sandbox.restored"},
		"import": {func(before sandbox.Snapshot) *wire.Server {
			var b bytes.Buffer
			must(before.Save(&b))
			must(s.Import(&b))
			return s
		}, "sandbox.restored"},
		"import elsewhere": {func(before sandbox.Snapshot) *wire.Server {
			o := wire.In(t, s.NewWorkspace(t))
			must(o.Restore(before))
			return o
		}, "sandbox.restored"},
	}
}

// S15, S64, S66, S72: whoever reads on after a position of another history is told
// so, by stream, list and long poll, and gets everything of the present one, though
// its events may have the ids of others.
func TestResumeIntoAnotherHistoryS15(t *testing.T) {
	names := []string{"reset", "reset of ids", "periodic reset", "rewind", "restore of now", "another fixture", "fork", "import", "import elsewhere"}
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		for _, name := range names {
			s := start(frozen12(), emulator.WithFixture("empty"), emulator.WithResetEvery(24*time.Hour))
			way, ok := newHistories(t, s)[name]
			if !ok {
				t.Fatal(name)
			}
			open := s.Stream("/v1/events/stream?type=instance.created")
			s.Post("/v1/projects", `{"name":"first"}`).Wants(201)
			before := s.Snapshot()
			made(s, "of-before", "")
			seen := open.Wants("instance.created")
			poll := s.Get("/v1/events?limit=1&type=instance.created").Wants(200)

			now := way.begin(before)
			for _, n := range []string{"a", "b", "c"} { // more than there were, so that every old id would be found again
				made(now, n, "")
			}
			want := []string{way.tells}
			all := now.Get("/v1/events?limit=200&type=instance.created").Wants(200).Strings("data", "id")
			for range all {
				want = append(want, "instance.created")
			}
			check := func(what string, types, ids []string) {
				t.Helper()
				if !slices.Equal(types, want) || !slices.Equal(ids[1:], all) {
					t.Errorf("%s: %s yields %v, want %v\n%v\n%v", name, what, types, want, ids, all)
				}
			}
			for what, st := range map[string]*wire.Stream{
				"Last-Event-ID": now.Stream("/v1/events/stream?type=instance.created", "Last-Event-ID", seen.ID),
				"after":         now.Stream("/v1/events/stream?type=instance.created&after=" + url.QueryEscape(seen.ID)),
				"unknown":       now.Stream("/v1/events/stream?type=instance.created", "Last-Event-ID", "evt_of_another_server"),
				"open":          open,
			} {
				if what == "open" && now != s {
					continue
				}
				var types, ids []string
				for range want {
					f, err := st.Next()
					if err != nil {
						t.Fatal(err)
					}
					types, ids = append(types, f.Type), append(ids, f.Text(t, "id"))
					// Where it is dropped, it goes on.
					if back := now.Stream("/v1/events/stream?type=instance.created", "Last-Event-ID", st.ID); len(types) < len(want) {
						back.Wants("instance.created").Has(t, "id", all[len(types)-1])
						back.Close()
					} else {
						back.Close()
					}
				}
				check("the stream by "+what, types, ids)
				st.Close()
			}
			for _, at := range []string{"after=" + url.QueryEscape(seen.ID), "after=evt_of_another_server", "cursor=" + poll.Text("resume_cursor")} {
				if strings.HasPrefix(at, "cursor") && now.ID() != s.ID() {
					now.Get("/v1/events?type=instance.created&"+at).Refused(400, "invalid_cursor") // another workspace's
					continue
				}
				for _, limit := range []string{"1", "2", "3", "200"} {
					query := "/v1/events?wait=1s&type=instance.created&limit=" + limit + "&"
					r := now.Get(query + at).Wants(200)
					types, ids := r.Strings("data", "type"), r.Strings("data", "id")
					for n := 0; n < 10; n++ {
						next, _ := r.Find("next_cursor")
						if next == nil {
							break
						}
						if len(r.Strings("data", "id")) > len(want) {
							t.Fatal("more than there is")
						}
						rest := query
						if strings.HasPrefix(at, "after") { // repeated, as clients do that follow cursors
							rest += at + "&"
						}
						r = now.Get(rest + "cursor=" + next.(string)).Wants(200)
						types, ids = append(types, r.Strings("data", "type")...), append(ids, r.Strings("data", "id")...)
					}
					check("the list by "+at+", limit "+limit, types, ids)
					now.Get("/v1/events?type=instance.created&cursor=" + now.Get("/v1/events?type=instance.created&limit="+limit+"&"+at).Text("resume_cursor")).Wants(200).
						Lacks("data." + "200")
				}
				if strings.HasPrefix(at, "after") {
					var types, ids []string
					for page := 1; len(types) < len(want) && page < 9; page++ {
						r := now.Get("/v1/events?type=instance.created&limit=2&page="+string(rune('0'+page))+"&"+at).Wants(200).Has("pagination.total", len(want))
						types, ids = append(types, r.Strings("data", "type")...), append(ids, r.Strings("data", "id")...)
					}
					check("the pages by "+at, types, ids)
				}
			}
		}
	})
}

// S15: a notice can be read by its id like any event, and is none of the history.
func TestNoticeOfARestoreS15(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	made(s, "n", "")
	before := s.Snapshot()
	if err := s.Restore(before); err != nil {
		t.Fatal(err)
	}
	notice := s.Get("/v1/events?after=evt_x").Wants(200).Has("data.0.type", "sandbox.restored").Has("data.0.sequence", 0).Has("data.1.sequence", 1)
	one := s.Get("/v1/events/"+notice.Text("data.0.id")).Wants(200).Has("type", "sandbox.restored").Has("data.object.restored_at", "2026-03-19T12:00:00Z").Has("request", nil)
	s.Get("/v1/events").Wants(200).Has("pagination.total", 1)
	s.Get("/v1/events?after="+one.Text("id")).Wants(200).Has("pagination.total", 1).Has("data.0.type", "instance.created")
	if d := sandbox.Diff(before, s.Snapshot()); d != "" {
		t.Error(d)
	}
}

// A client that keeps its state in a file, as infrastructure tools do, and comes back
// after the sandbox was reset finds its objects gone, and no others in their place.
func TestStateOfBeforeAReset(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		for name, reset := range map[string]func(*wire.Server){
			"asked for": func(s *wire.Server) { s.Reset() },
			"periodic":  func(s *wire.Server) { advance(t, s, 24*time.Hour) },
			"a fixture": func(s *wire.Server) {
				if err := s.Load("docs"); err != nil {
					t.Fatal(err)
				}
			},
		} {
			s := start(frozen12(), emulator.WithFixture("docs"), emulator.WithResetEvery(24*time.Hour))
			mine := func() (paths []string) {
				instance := s.Post("/v1/instances", bookable).Wants(201).Text("id")
				action := s.Get("/v1/instances/" + instance).Text("pending_action")
				advance(t, s, 3*time.Second)
				s.Post("/v1/instances/"+instance+"/actions", `{"type":"snapshot"}`).Wants(202)
				advance(t, s, 4*time.Second)
				images := s.Get("/v1/images?limit=200").Strings("data", "slug")
				return []string{
					"/v1/instances/" + instance, "/v1/actions/" + action, "/v1/images/" + images[len(images)-1],
					"/v1/projects/" + s.Post("/v1/projects", `{"name":"p"}`).Wants(201).Text("id"),
					"/v1/webhooks/" + s.Post("/v1/webhooks", `{"url":"http://127.0.0.1:3999/h","event_types":["project.*"]}`).Wants(201).Text("id"),
					"/v1/jobs/" + s.Post("/v1/jobs", `{"name":"j","trigger":{"every":"720h"},"action":{"type":"stop","target":{"labels":{"tier":"batch"}}}}`).Wants(201).Text("id"),
					"/v1/tokens/" + s.Post("/v1/tokens", `{"name":"t","scopes":["instances:read"]}`).Wants(201).Text("id"),
				}
			}
			state := mine()
			secret := s.Post("/v1/tokens", `{"name":"t","scopes":["instances:read"]}`).Wants(201).Text("secret")
			reset(s)
			theirs := mine()
			if other := s.Post("/v1/tokens", `{"name":"t","scopes":["instances:read"]}`).Wants(201).Text("secret"); other == secret {
				t.Errorf("%s: the secret of another key comes again", name)
			}
			s.As(secret).Get("/v1/instances").Refused(401, "invalid_token")
			for n, path := range state {
				if path == theirs[n] {
					t.Errorf("%s: %s is somebody else's now", name, path)
				}
				s.Get(path).Wants(404)
				if !strings.HasPrefix(path, "/v1/actions/") {
					s.Delete(path).Wants(404)
				}
				s.Get(theirs[n]).Wants(200)
			}
		}
	})
}
