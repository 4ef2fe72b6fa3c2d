package skystack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// S37, 8.4: each request of the workspace is listed with who made it, from where,
// and what came of it; no query, no body, no secret.
func TestAuditLogS37(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		expired := frozenNow().Add(-time.Hour)
		s := start(frozen12(), emulator.WithFixture("empty"),
			emulator.WithKey(emulator.Key{Token: "mine", ID: "tok_mine", Name: "my key"}),
			emulator.WithKey(emulator.Key{Token: "owned", ID: "tok_owned", Name: "n", Owner: "ada"}),
			emulator.WithKey(emulator.Key{Token: "late", ID: "tok_late", ExpiresAt: &expired}),
			emulator.WithKey(emulator.Key{Token: "theirs", Workspace: "wsp_other"})).As("mine")
		made := s.Post("/v1/compute/instances", bookable, "User-Agent", "ua/1.0 sky_test_0000000000000000000000000000001vWQpT").Wants(201)
		advance(t, s, time.Minute)
		s.Post("/v1/instances/"+made.Text("id")+"/actions?token=topsecret", `{"type":"stop"}`).Wants(202)
		refused := s.As("late").Get("/v1/regions").Refused(401, "token_expired")
		s.As("owned").Get("/v1/nowhere").Wants(404)
		s.As("nobody").Get("/v1/regions").Wants(401)
		s.As("theirs").Get("/v1/regions").Wants(200)
		s.As("").Get("/healthz").Wants(200)

		r := s.Get("/v1/audit-logs", "User-Agent", "-").Wants(200).Has("pagination.total", 5)
		entry := func(n int, want map[string]any) {
			t.Helper()
			for name, value := range want {
				r.Has(fmt.Sprintf("data.%d.%s", n, name), value)
			}
		}
		entry(0, map[string]any{
			"id": "aud_000000000001", "at": "2026-03-19T12:00:00Z", "request_id": made.Head.Get("X-Request-Id"), "token_id": "tok_mine", "actor": "my key",
			"ip": "127.0.0.1", "method": "POST", "route_template": "/v1/compute/instances", "operation": "createComputeInstance", "status": 201,
			"resource_id": made.Text("id"), "user_agent": "ua/1.0 sky_test_…WQpT",
		})
		entry(1, map[string]any{
			"id": "aud_000000000002", "at": "2026-03-19T12:01:00Z", "route_template": "/v1/instances/{id}/actions", "operation": "createInstanceAction",
			"status": 202, "resource_id": made.Text("id"),
		})
		entry(2, map[string]any{
			"request_id": refused.Head.Get("X-Request-Id"), "token_id": "tok_late", "actor": nil, "status": 401, "operation": "listRegions", "resource_id": nil,
		})
		entry(3, map[string]any{"token_id": "tok_owned", "actor": "ada", "route_template": nil, "operation": nil, "status": 404})
		entry(4, map[string]any{"token_id": nil, "actor": nil, "status": 401})
		if text := string(r.Body); strings.Contains(text, "topsecret") || strings.Contains(text, "0000001vWQpT") || strings.Contains(text, "stop") {
			t.Errorf("the log says too much: %s", text)
		}
		if got := s.As("theirs").Get("/v1/audit").Wants(200).Strings("data", "operation"); !slices.Equal(got, []string{"listRegions"}) {
			t.Errorf("the other workspace's log has %v", got)
		}
		// What was not accepted is a key's call in the log alone.
		if got := s.Requests(emulator.Match{Key: "tok_late"}); len(got) != 0 {
			t.Errorf("the record of requests says %v", got)
		}

		s.Reset()
		s.Get("/v1/audit-logs").Wants(200).Has("pagination.total", 0)
		s.Get("/v1/audit-logs").Wants(200).Has("data.0.id", "aud_000000000001").Has("data.0.operation", "listAuditLogs")
	})
}

// S37, S72: the periodic reset empties the log as any other does, and the record of
// requests with it.
func TestAuditLogAfterPeriodicResetS72(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"), emulator.WithResetEvery(24*time.Hour))
		s.Get("/v1/regions").Wants(200)
		s.Get("/v1/audit-logs").Wants(200).Has("pagination.total", 1)
		advance(t, s, 24*time.Hour)
		if got := s.Requests(emulator.Match{}); len(got) != 0 {
			t.Errorf("the record has %v", got)
		}
		s.Get("/v1/audit-logs").Wants(200).Has("data", []any{})
		s.Get("/v1/audit-logs").Wants(200).Has("data.0.id", "aud_000000000001").Has("data.0.at", "2026-03-20T12:00:00Z")
	})
}

// The log is filtered and walked by page and by cursor like any list, while more
// is written to it (S37, S64).
func TestAuditLogIsFilteredS37(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"), emulator.WithKey(emulator.Key{Token: "mine"}), emulator.WithKey(emulator.Key{Token: "one", ID: "tok_one"}))
	for n := range 6 {
		s.Post("/v1/compute/instances", bookable).Wants(201)
		s.As("one").Get("/v1/instances/ins_" + fmt.Sprint(n)).Wants(404)
		advance(t, s, time.Hour)
	}
	for query, want := range map[string]int{
		"token_id=tok_one":                6,
		"token_id=tok_none":               0,
		"status=201":                      6,
		"operation=createInstance":        6,
		"operation=createComputeInstance": 6,
		"operation=nothing":               0,
		"until=2026-03-19T15:00:00Z":      6,
		"until=0001-01-01T00:00:00Z":      0,
		"since=2026-03-19T14:00:00Z&until=2026-03-19T15:00:00Z":                                    2,
		"since=2026-03-19T15:00:00%2B01:00&until=2026-03-19T15:00:00Z&token_id=tok_one&status=404": 1,
	} {
		s.Get("/v1/audit-logs?"+query).Wants(200).Has("pagination.total", want)
	}
	for query, field := range map[string]string{
		"since=2026-03-19T15:00:00Z&until=2026-03-19T15:00:00Z": "until", "since=yesterday": "since", "since=2026-02-30T00:00:00Z": "since", "until=2026-03-19T12:00:00%2B25:00": "until",
		"until=": "until", "status=99": "status", "status=ok": "status",
	} {
		s.Get("/v1/audit-logs?"+query).Refused(400, "invalid_parameter").Has("error.details.0.field", field)
	}
	walk := func(version string) []string {
		var ids []string
		for path := "/v1/audit-logs?token_id=tok_one&limit=4"; path != ""; {
			r := s.Get(path, "SkyStack-Version", version).Wants(200)
			ids = append(ids, r.Strings("data", "resource_id")...)
			next, _ := r.Find("next_cursor")
			cursor, _ := next.(string)
			if path = ""; cursor != "" {
				path = "/v1/audit?token_id=tok_one&limit=4&cursor=" + cursor
			}
		}
		return ids
	}
	want := []string{"ins_0", "ins_1", "ins_2", "ins_3", "ins_4", "ins_5"}
	for _, version := range []string{"2026-01-15", "2026-10-01"} {
		if got := walk(version); !slices.Equal(got, want) {
			t.Errorf("%s: walked %v", version, got)
		}
	}
	second := s.Get("/v1/audit-logs?token_id=tok_one&limit=4&page=2", "SkyStack-Version", "2025-07-01").Wants(200).Has("pagination.total", 6)
	if got := second.Strings("data", "resource_id"); !slices.Equal(got, want[4:]) {
		t.Errorf("page 2: %v", got)
	}
	s.Get("/v1/audit-logs?token_id=tok_one&page=99999999").Wants(200).Has("pagination.total", 6).Has("data", []any{})
	cursor := s.Get("/v1/audit-logs?token_id=tok_one&limit=4").Wants(200).Text("next_cursor")
	s.Get("/v1/audit-logs?status=404&cursor="+cursor).Refused(400, "invalid_cursor")
	s.Get("/v1/audit-logs?token_id=tok_one&page=2&cursor="+cursor).Refused(400, "conflicting_parameters")

	advance(t, s, 90*24*time.Hour-6*time.Hour) // 90 days after the first
	s.Get("/v1/audit-logs?token_id=tok_one").Wants(200).Has("pagination.total", 6)
	advance(t, s, time.Second)
	s.Get("/v1/audit-logs?token_id=tok_one").Wants(200).Has("pagination.total", 5)
}

// A revoked token's calls are listed when it came over plain HTTP where that is
// refused, and to no route at all (S21, S37).
func TestAuditLogOfUnauthenticatedS37(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"), emulator.WithKey(emulator.Key{Token: "mine"}), emulator.WithKey(emulator.Key{Token: "one", ID: "tok_one"}))
	one := s.As("one")
	s.Delete("/v1/tokens/tok_one").Wants(204)
	one.Get("/v1/regions").Refused(401, "token_revoked")
	one.Get("/v1/nowhere").Wants(404)
	one.Send("PUT", "/v1/regions", "").Wants(405)
	one.Get("/v1/regions", "Host", "evil.test").Refused(403, "host_not_allowed")
	got := s.Get("/v1/audit-logs?token_id=tok_one").Wants(200).Strings("data", "token_id")
	if len(got) != 4 {
		t.Errorf("%d calls are listed, want 4", len(got))
	}
}
