package skystack_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// S10; section 4, stored: whatever was decided after the request was found valid
// is decided for the repetition too.
func TestOutcomesThatAreKeptS10(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"), emulator.WithQuota(2))
		id := made(s, "a", "")
		made(s, "b", "")
		path := "/v1/instances/" + id
		key := []string{"Idempotency-Key", "k"}

		quota := s.Post("/v1/instances", bookable, key...).Refused(403, "quota_exceeded")
		missing := s.Delete("/v1/instances/none", key...).Refused(404, "instance_not_found")
		advance(t, s, time.Minute) // which ends what a busy instance is busy with
		up := s.Post(path+"/actions", `{"type":"resize","size":"standard-2"}`, key...).Refused(409, "instance_not_stopped").Header("Retry-After", "")
		stale := s.Patch(path, `{"name":"x"}`, append(key, "If-Match", `"9.2026-01-15"`)...).Refused(412, "precondition_failed")
		s.Delete(path).Wants(204)
		s.Post("/v1/instances", bookable).Wants(201) // there was room for it

		replays(t, quota, s.Post("/v1/instances", bookable, key...))
		replays(t, up, s.Post(path+"/actions", `{"type":"resize","size":"standard-2"}`, key...))
		replays(t, missing, s.Delete("/v1/instances/none", key...))
		replays(t, stale, s.Patch(path, `{"name":"x"}`, key...))
		total(s, 2)
	})
}

// S10; section 4, not stored: a request that was wrong may be put right and sent
// again with its key.
func TestOutcomesThatAreNotKeptS10(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"), emulator.WithMaxBody(500), emulator.WithRateLimit(emulator.RateLimit{PerMinute: 40}),
			emulator.WithKey(emulator.Key{Token: "all"}), emulator.WithKey(emulator.Key{Token: "reader", Scopes: []string{"instances:read"}})).As("all")
		key := []string{"Idempotency-Key", "k"}
		with := func(headers ...string) []string { return append(slices.Clone(key), headers...) }
		post := func(s *wire.Server, body string, headers ...string) *wire.Reply {
			t.Helper()
			return s.Post("/v1/instances", body, headers...).Header("Idempotent-Replayed", "")
		}
		for range 2 {
			post(s, "{", key...).Refused(400, "invalid_json").Header("Idempotency-Key", "k")
			post(s, "[]", key...).Wants(400)
			post(s, `{"name":"n"}`, key...).Refused(400, "invalid_parameter").Header("Idempotency-Key", "k")
			post(s, `{"name":"n","region":"us-east-1","size":"standard-1","profile":"standard-2"}`, key...).Refused(400, "conflicting_parameters")
			post(s, `{"name":"n","region":"us-east-1","size":"standard-1","project_id":"prj_none"}`, key...).Refused(400, "invalid_parameter")
			post(s, `{"name":"n","region":"nowhere","size":"standard-1"}`, key...).Refused(400, "invalid_parameter")
			post(s, `{"name":"`+strings.Repeat("n", 500)+`"}`, key...).Refused(413, "payload_too_large")
			post(s, bookable, with("Content-Type", "text/plain")...).Refused(415, "unsupported_media_type")
			post(s, bookable, with("SkyStack-Version", "x")...).Refused(400, "invalid_version").Header("Idempotency-Key", "")
			post(s, bookable, with("Accept", "text/html")...).Refused(406, "not_acceptable").Header("Idempotency-Key", "")
			post(s.As("reader"), bookable, key...).Refused(403, "insufficient_scope").Header("Idempotency-Key", "")
			post(s.As("nobody"), bookable, key...).Refused(401, "invalid_token").Header("Idempotency-Key", "")
		}
		for s.Get("/v1/regions").Status != 429 {
			continue
		}
		post(s, bookable, key...).Refused(429, "rate_limited")
		advance(t, s, time.Minute)
		first := post(s, bookable, key...).Wants(201)
		replays(t, first, s.Post("/v1/instances", bookable, key...))
		total(s, 1)
	})
}

// staged is the rig's sandbox with one more stage, behind the one named.
func staged(t *testing.T, r *rig, behind string, run func(x *httpapi.RequestContext, server *httpapi.Server) error) *httpapi.Server {
	t.Helper()
	described, err := r.api.HTTP()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(described.Pipeline, func(s httpapi.Stage) bool { return s.Name == behind })
	if at < 0 {
		t.Fatalf("there is no stage %q", behind)
	}
	var server *httpapi.Server
	stage := httpapi.Stage{Name: "test", Run: func(x *httpapi.RequestContext) error { return run(x, server) }}
	described.Pipeline = slices.Insert(slices.Clone(described.Pipeline), at+1, stage)
	server, err = httpapi.NewServer(httpapi.Options{Home: r.world, Log: slog.New(slog.DiscardHandler)}, described)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func (r *rig) create(server http.Handler, path, body, key string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, "http://localhost"+path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+r.key)
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, request)
	return w
}

// S10; section 4, in flight: while the first request is served, the second is told
// to come back in a second, whatever it asks for. Another key is not held up.
func TestKeyInUseS10(t *testing.T) {
	r := newRig(t, "empty")
	nested := 0
	server := staged(t, r, "idempotency", func(x *httpapi.RequestContext, server *httpapi.Server) error {
		if x.Request.Header.Get("Idempotency-Key") != "k" || nested > 0 {
			return nil
		}
		for _, second := range []*httptest.ResponseRecorder{
			r.create(server, "/v1/instances", bookable, "k"),
			r.create(server, "/v1/compute/instances", bookable, "k"),
			r.create(server, "/v1/instances", `{"other":1}`, `"k"`),
		} {
			nested++
			if second.Code != 409 || second.Header().Get("Retry-After") != "1" || !strings.Contains(second.Body.String(), `"code":"idempotency_in_progress"`) {
				t.Errorf("the second request: %d %v %s", second.Code, second.Header(), second.Body)
			}
		}
		for _, key := range []string{"", "l"} {
			if other := r.create(server, "/v1/instances", bookable, key); other.Code != 201 {
				t.Errorf("another request: %d %s", other.Code, other.Body)
			}
		}
		return nil
	})
	if w := r.create(server, "/v1/instances", bookable, "k"); w.Code != 201 || nested != 3 {
		t.Fatalf("the first request: %d %s; %d were sent meanwhile", w.Code, w.Body, nested)
	}
	if w := r.create(server, "/v1/instances", bookable, "k"); w.Code != 201 || w.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("after it: %d %s", w.Code, w.Body)
	}
}

// S10: a request that fails before its handler gives its key back; when the work was
// done and only its response failed, a repetition gets the response and does not do
// the work twice.
func TestFailureInsideS10(t *testing.T) {
	failure := func(kind string) error {
		switch kind {
		case "panic":
			panic("test")
		case "abort":
			panic(http.ErrAbortHandler)
		case "error":
			return errors.New("test")
		default:
			return nil
		}
	}
	for _, tc := range []struct {
		behind, kind string
		repeated     int    // the status of a repetition
		replayed     string // and whether it is a replay
	}{
		{"contract", "panic", 201, ""}, {"contract", "error", 201, ""}, {"contract", "abort", 201, ""},
		{"handle", "panic", 201, "true"}, {"handle", "error", 201, "true"}, {"handle", "abort", 201, "true"},
	} {
		t.Run(tc.kind+" behind "+tc.behind, func(t *testing.T) {
			r, failed := newRig(t, "empty"), false
			server := staged(t, r, tc.behind, func(*httpapi.RequestContext, *httpapi.Server) error {
				if failed {
					return nil
				}
				failed = true
				return failure(tc.kind)
			})
			func() {
				defer func() {
					if v := recover(); v != nil && tc.kind != "abort" {
						t.Errorf("a panic got out: %v", v)
					}
				}()
				if w := r.create(server, "/v1/instances", bookable, "k"); w.Code != 500 {
					t.Errorf("the first request: %d %s", w.Code, w.Body)
				}
			}()
			w := r.create(server, "/v1/instances", bookable, "k")
			if w.Code != tc.repeated || w.Header().Get("Idempotent-Replayed") != tc.replayed {
				body, _ := io.ReadAll(w.Body)
				t.Errorf("the repetition: %d, replayed %q: %s", w.Code, w.Header().Get("Idempotent-Replayed"), body)
			}
		})
	}
}

// lossy is a connection that breaks before the response is on it.
type lossy struct{ http.ResponseWriter }

func (lossy) WriteHeader(int) { panic(http.ErrAbortHandler) }

// S10: when the connection breaks between the work and its response, the repetition
// gets the response.
func TestLostResponseS10(t *testing.T) {
	r := newRig(t, "empty")
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // net/http compares it the same way
				t.Errorf("the connection ended with %v", v)
			}
		}()
		r.create(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { r.server.ServeHTTP(lossy{w}, q) }), "/v1/instances", bookable, "k")
	}()
	for range 2 {
		if w := r.create(r.server, "/v1/instances", bookable, "k"); w.Code != 201 || w.Header().Get("Idempotent-Replayed") != "true" {
			t.Errorf("the repetition: %d, replayed %q: %s", w.Code, w.Header().Get("Idempotent-Replayed"), w.Body)
		}
	}
}
