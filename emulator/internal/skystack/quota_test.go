package skystack_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// Quotas show how much there may be and is of everything, each row as the lists
// count it (S9, S11).
func TestQuotasShown(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		for _, version := range []string{"2025-07-01", "2026-01-15", "2026-10-01"} {
			s := start(frozen(), emulator.WithFixture("empty"), emulator.WithQuota(2))
			quota := func() map[string]map[string]any {
				t.Helper()
				var all map[string]map[string]any
				if err := json.Unmarshal(s.Get("/v1/quota", "SkyStack-Version", version).Wants(200).Body, &all); err != nil {
					t.Fatal(err)
				}
				return all
			}
			has := func(name string, limit any, used float64) {
				t.Helper()
				if q := quota()[name]; q["limit"] != limit || q["used"] != used || len(q) != 2 {
					t.Errorf("%s %s: %v, want %v of %v", version, name, q, used, limit)
				}
			}
			has("instances", 2.0, 0)
			has("projects", nil, 1)
			has("profiles", 1000.0, 0)
			has("images", nil, 0)
			has("tokens", 1000.0, 0) // those that were made by API
			if body := string(s.Get("/v1/quota").Body); !strings.HasPrefix(body, `{"instances":{"limit":2,"used":0},"projects":{"limit":null,"used":1},"profiles":{"limit":1000,"used":0},"images":{"limit":null,"used":0}`) {
				t.Errorf("the rows are %s", body)
			}

			id := made(s, "a", "")
			made(s, "b", "")
			s.Post("/v1/projects", `{"name":"p"}`).Wants(201)
			s.Post("/v1/profiles", buildProfile).Wants(201)
			s.Post("/v1/tokens", `{"name":"t"}`).Wants(201)
			advanceClock(s, 3*time.Second)
			act(s, id, `{"type":"snapshot"}`)
			has("images", nil, 0)
			advanceClock(s, 4*time.Second)
			has("instances", 2.0, 2)
			has("projects", nil, 2)
			has("profiles", 1000.0, 1)
			has("images", nil, 1)
			has("tokens", 1000.0, 1)
			s.Post("/v1/instances", goodBody).Refused(403, "quota_exceeded").Has("error.details.0.used", 2)
			s.Delete("/v1/instances/" + id).Wants(204)
			s.Delete("/v1/profiles/build-6").Wants(204)
			has("instances", 2.0, 1)
			has("profiles", 1000.0, 0)
		}
		start(frozen(), emulator.WithFixture("empty")).Get("/v1/quota").Has("instances.limit", nil) // of a Go test
	})
}
