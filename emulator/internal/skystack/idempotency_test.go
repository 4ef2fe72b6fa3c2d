package skystack_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

const bookable = `{"name":"n","region":"us-east-1","size":"standard-1"}`

// replays asserts that again is the response first, told once more: the same but
// for the request id and the mark.
func replays(t *testing.T, first, again *wire.Reply) {
	t.Helper()
	first.Header("Idempotent-Replayed", "")
	again.Wants(first.Status).Header("Idempotent-Replayed", "true")
	if !bytes.Equal(first.Body, again.Body) {
		t.Errorf("%s: the replay differs:\n%s\n%s", again.What, first.Body, again.Body)
	}
	for _, name := range []string{"Location", "ETag", "Retry-After", "Content-Type", "Content-Length", "Cache-Control", "Idempotency-Key", "SkyStack-Version", "Vary"} {
		again.Header(name, strings.Join(first.Head.Values(name), " | "))
	}
	if first.Head.Get("X-Request-Id") == again.Head.Get("X-Request-Id") {
		t.Errorf("%s: the replay has the first one's request id", again.What)
	}
}

func total(s *wire.Server, want int) {
	s.T.Helper()
	s.Get("/v1/instances").Wants(200).Has("pagination.total", want)
}

// S10: a repeated write with the same key happens once and is answered as it was
// the first time, whatever became of the object since.
func TestReplayS10(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		first := s.Post("/v1/instances", bookable, "Idempotency-Key", "k1").Wants(201).Header("Idempotency-Key", "k1").Has("status", "provisioning")
		path := first.Head.Get("Location")
		advance(t, s, 3*time.Second)
		s.Get(path).Wants(200).Has("status", "running")
		replays(t, first, s.Post("/v1/instances", bookable, "Idempotency-Key", "k1").Has("status", "provisioning"))
		total(s, 1)

		patch := s.Patch(path, `{"name":"renamed"}`, "Idempotency-Key", "k1", "If-Match", `"2.2026-01-15"`).Wants(200).Header("ETag", `"3.2026-01-15"`)
		s.Patch(path, `{"name":"again"}`).Wants(200).Has("version", 4)
		replays(t, patch, s.Patch(path, `{"name":"renamed"}`, "Idempotency-Key", "k1", "If-Match", `"2.2026-01-15"`))
		s.Get(path).Wants(200).Has("name", "again").Has("version", 4)

		stop := s.Post(path+"/actions", `{"type":"stop"}`, "Idempotency-Key", "k1").Wants(202).Header("Retry-After", "2")
		advance(t, s, 2*time.Second)
		replays(t, stop, s.Post(path+"/actions", `{"type":"stop"}`, "Idempotency-Key", "k1"))
		s.Get(path).Wants(200).Has("status", "stopped")
		s.Get(path+"/actions").Wants(200).Has("pagination.total", 2)

		gone := s.Delete(path, "Idempotency-Key", "k1").Wants(204)
		replays(t, gone, s.Delete(path, "Idempotency-Key", "k1"))
		// Of an instance that is gone the 201 is still replayed.
		replays(t, first, s.Post("/v1/instances", bookable, "Idempotency-Key", "k1"))
		s.Get(path).Refused(404, "instance_not_found")

		project := s.Post("/v1/projects", `{"name":"p"}`, "Idempotency-Key", "k1").Wants(201)
		replays(t, project, s.Post("/v1/projects", `{"name":"p"}`, "Idempotency-Key", "k1"))
		s.Get("/v1/projects").Has("pagination.total", 2)

		// Without a key every request stands for itself.
		s.Post("/v1/instances", bookable).Wants(201).Header("Idempotency-Key", "")
		s.Post("/v1/instances", bookable).Wants(201)
		total(s, 2)
		// Reading ignores the header, even a wrong one.
		s.Get("/v1/instances", "Idempotency-Key", "k1").Wants(200).Header("Idempotency-Key", "").Header("Idempotent-Replayed", "")
		s.Get("/v1/instances", "Idempotency-Key", "not a key").Wants(200)
	})
}

// S10; section 4, value: bare or quoted, 1 to 255 visible ASCII characters, once.
func TestIdempotencyKeysS10(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		first := s.Post("/v1/instances", bookable, "Idempotency-Key", `"abc"`).Wants(201).Header("Idempotency-Key", "abc")
		replays(t, first, s.Post("/v1/instances", bookable, "Idempotency-Key", "abc"))
		replays(t, first, s.Post("/v1/instances", bookable, "Idempotency-Key", `"abc"`))
		n := 1
		for _, key := range []string{"x", "ABC", `"`, `a"b`, `"abc`, "!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", strings.Repeat("k", 255), `"` + strings.Repeat("q", 255) + `"`} {
			n++
			s.Post("/v1/instances", bookable, "Idempotency-Key", key).Wants(201).Header("Idempotent-Replayed", "")
		}
		const want = `[{"field":"Idempotency-Key","location":"header","code":"invalid_format","message":"Idempotency-Key must be given once, with 1 to 255 visible ASCII characters."}]`
		for _, keys := range [][]string{
			{""}, {`""`}, {"a b"}, {"a\tb"}, {"schlüssel"}, {"k\xff"}, {strings.Repeat("k", 256)}, {`"` + strings.Repeat("q", 256) + `"`}, {`"a b"`},
			{"one", "two"}, {"abc", "abc"},
		} {
			var headers []string
			for _, key := range keys {
				headers = append(headers, "Idempotency-Key", key)
			}
			r := s.Post("/v1/instances", bookable, headers...).Refused(400, "invalid_idempotency_key")
			if got := detailsOf(r); got != want {
				t.Errorf("%q: details %s", keys, got)
			}
			s.Patch("/v1/instances/none", `{}`, headers...).Refused(400, "invalid_idempotency_key")
			s.Delete("/v1/instances/none", headers...).Refused(400, "invalid_idempotency_key")
		}
		total(s, n)
	})
}

// S10; section 4, scope: a key belongs to the workspace, not to the token, and to
// one method on one path, by either of its names.
func TestIdempotencyScopeS10(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"), emulator.WithKey(emulator.Key{Token: "old"}), emulator.WithKey(emulator.Key{Token: "new"}),
			emulator.WithKey(emulator.Key{Token: "other", Workspace: "wsp_other"}))
		first := s.As("old").Post("/v1/compute/instances", bookable, "Idempotency-Key", "k").Wants(201)
		first.Header("Location", "/v1/compute/instances/"+first.Text("id"))
		replays(t, first, s.As("new").Post("/v1/instances", bookable, "Idempotency-Key", "k"))
		total(s, 1)
		a, b := first.Text("id"), made(s, "b", "")
		s.Patch("/v1/instances/"+a, `{"name":"x"}`, "Idempotency-Key", "k").Wants(200).Header("Idempotent-Replayed", "")
		s.Patch("/v1/instances/"+b, `{"name":"x"}`, "Idempotency-Key", "k").Wants(200).Header("Idempotent-Replayed", "").Has("id", b)
		s.Patch("/v1/compute/instances/"+b, `{"name":"x"}`, "Idempotency-Key", "k").Wants(200).Header("Idempotent-Replayed", "true")
		s.Post("/v1/projects", `{"name":"x"}`, "Idempotency-Key", "k").Wants(201).Header("Idempotent-Replayed", "")
		s.Delete("/v1/instances/"+a, "Idempotency-Key", "k").Wants(204).Header("Idempotent-Replayed", "")
		// Another workspace has its own keys.
		elsewhere := s.As("other")
		twin := elsewhere.Post("/v1/instances", bookable, "Idempotency-Key", "k").Wants(201).Header("Idempotent-Replayed", "")
		elsewhere.Post("/v1/instances", `{"name":"m","region":"us-east-1","size":"standard-1"}`, "Idempotency-Key", "k").Refused(422, "idempotency_key_reused")
		replays(t, twin, elsewhere.Post("/v1/instances", bookable, "Idempotency-Key", "k"))
		total(elsewhere, 1)
	})
}

// S10; section 4, fingerprint: the same key with another request is refused and
// leaves the kept response alone.
func TestIdempotencyKeyReusedS10(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("default"))
		before := s.Get("/v1/instances").Int("pagination.total")
		first := s.Post("/v1/instances", bookable, "Idempotency-Key", "k").Wants(201)
		for name, send := range map[string]func() *wire.Reply{
			"another member": func() *wire.Reply {
				return s.Post("/v1/instances", strings.Replace(bookable, `"n"`, `"m"`, 1), "Idempotency-Key", "k")
			},
			"another space": func() *wire.Reply { return s.Post("/v1/instances", bookable+" ", "Idempotency-Key", "k") },
			"another order": func() *wire.Reply {
				return s.Post("/v1/instances", `{"region":"us-east-1","name":"n","size":"standard-1"}`, "Idempotency-Key", "k")
			},
			"nothing":  func() *wire.Reply { return s.Post("/v1/instances", "", "Idempotency-Key", "k") },
			"not JSON": func() *wire.Reply { return s.Post("/v1/instances", "{", "Idempotency-Key", "k") },
			"a query": func() *wire.Reply {
				return s.Post("/v1/instances?project_id=prj_lab", bookable, "Idempotency-Key", "k")
			},
			"a version": func() *wire.Reply {
				return s.Post("/v1/instances", bookable, "Idempotency-Key", "k", "SkyStack-Version", "2026-10-01")
			},
			"a project": func() *wire.Reply {
				return s.Post("/v1/instances", bookable, "Idempotency-Key", "k", "SkyStack-Project", "prj_lab")
			},
		} {
			send().Refused(422, "idempotency_key_reused").Header("Idempotent-Replayed", "").Header("Idempotency-Key", "k").Lacks("error.details")
			if t.Failed() {
				t.Fatal(name)
			}
		}
		// The default version by its name is the same request.
		replays(t, first, s.Post("/v1/instances", bookable, "Idempotency-Key", "k", "SkyStack-Version", "2026-01-15"))
		total(s, before+1)
	})
}

// S10; section 4, lifetime: 24 hours of the world's time from the first response,
// and not beyond a reset.
func TestIdempotencyLifetimeS10(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		first := s.Post("/v1/instances", bookable, "Idempotency-Key", "k").Wants(201)
		advance(t, s, 12*time.Hour)
		replays(t, first, s.Post("/v1/instances", bookable, "Idempotency-Key", "k")) // a replay does not prolong it
		advance(t, s, 12*time.Hour-time.Second)
		replays(t, first, s.Post("/v1/instances", bookable, "Idempotency-Key", "k"))
		advance(t, s, time.Second)
		second := s.Post("/v1/instances", strings.Replace(bookable, `"n"`, `"m"`, 1), "Idempotency-Key", "k").Wants(201).Header("Idempotent-Replayed", "")
		if first.Text("id") == second.Text("id") {
			t.Error("the same instance")
		}
		total(s, 2)
		s.Reset()
		s.Post("/v1/instances", bookable, "Idempotency-Key", "k").Wants(201).Header("Idempotent-Replayed", "")
		total(s, 1)
	})
}

// S10; section 4, limits: with 10,000 keys alive a request is served all the same,
// with a warning that its response is not kept; expired keys make room.
func TestIdempotencyIsBoundedS10(t *testing.T) {
	e := emulator.Start(t, frozen12(), emulator.WithFixture("empty"))
	for n := range 9_999 { // without the checks of every response, which take long
		r := httptest.NewRequest(http.MethodDelete, "http://localhost/v1/instances/none", nil)
		r.Header.Set("Authorization", "Bearer "+e.Key())
		r.Header.Set("Idempotency-Key", strconv.Itoa(n))
		w := httptest.NewRecorder()
		if e.Handler().ServeHTTP(w, r); w.Code != http.StatusNotFound {
			t.Fatal(w.Code, w.Body)
		}
	}
	s := wire.In(t, e)
	advance(t, s, time.Hour)
	last := s.Post("/v1/instances", bookable, "Idempotency-Key", "last").Wants(201).Header("SkyStack-Sandbox-Warning", "")
	for range 2 {
		s.Post("/v1/instances", bookable, "Idempotency-Key", "beyond").Wants(201).Header("Idempotent-Replayed", "").Header("Idempotency-Key", "beyond").
			Header("SkyStack-Sandbox-Warning", "idempotency_full: this answer is not kept")
	}
	total(s, 3)
	replays(t, last, s.Post("/v1/instances", bookable, "Idempotency-Key", "last"))
	s.Delete("/v1/instances/none", "Idempotency-Key", "77").Refused(404, "instance_not_found").Header("Idempotent-Replayed", "true").Header("Cache-Control", "no-store")
	s.Delete("/v1/instances/other", "Idempotency-Key", "last").Refused(404, "instance_not_found").Header("SkyStack-Sandbox-Warning", "idempotency_full: this answer is not kept")

	advance(t, s, 23*time.Hour)
	kept := s.Post("/v1/instances", bookable, "Idempotency-Key", "beyond").Wants(201).Header("SkyStack-Sandbox-Warning", "")
	replays(t, kept, s.Post("/v1/instances", bookable, "Idempotency-Key", "beyond"))
	replays(t, last, s.Post("/v1/instances", bookable, "Idempotency-Key", "last"))
}

// S10, S71: fifty creates at once with one key make one instance; each of the
// others is told to wait, or gets the response.
func TestFiftyCreatesAtOnceS10(t *testing.T) {
	bothTransports(t, func(t *testing.T, start func(...emulator.Option) rawClient) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		for round := range 20 {
			key := "k" + strconv.Itoa(round)
			var mu sync.Mutex
			var made, waiting, replayed int
			ids := map[string]bool{}
			var all sync.WaitGroup
			gate := make(chan struct{})
			for n := range 50 {
				path := []string{"/v1/instances", "/v1/compute/instances"}[n%2]
				all.Go(func() {
					<-gate
					var body struct {
						ID    string
						Error struct{ Code string }
					}
					r := s.send(t, "POST", path, bookable, &body, "Idempotency-Key", key)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case r.StatusCode == 201 && r.Header.Get("Idempotent-Replayed") == "":
						made++
						ids[body.ID] = true
					case r.StatusCode == 201:
						replayed++
						ids[body.ID] = true
					case r.StatusCode == 409 && body.Error.Code == "idempotency_in_progress" && r.Header.Get("Retry-After") == "1":
						waiting++
					default:
						t.Errorf("status %d, code %s, Retry-After %q", r.StatusCode, body.Error.Code, r.Header.Get("Retry-After"))
					}
				})
			}
			close(gate)
			all.Wait()
			if made != 1 || len(ids) != 1 || made+waiting+replayed != 50 {
				t.Errorf("%d made, %d waiting, %d replayed, ids %v; want one instance", made, waiting, replayed, ids)
			}
			var p rawPage
			if s.send(t, "GET", "/v1/instances", "", &p); p.Pagination.Total != round+1 {
				t.Fatalf("%d instances after %d rounds", p.Pagination.Total, round+1)
			}
		}
	})
}
