package skystack_test

import (
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// TestPrintedRequests replays every request the documents print and finds every
// member they print in the response (S17, S29, S42, S46, S47, S50 to S58).
func TestPrintedRequests(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("docs")).As("<token>")

		s.Get("/v1/instances?page=1&limit=20").Wants(200).
			Has("data.0.id", "ins_123").Has("data.0.name", "worker-a").
			Has("pagination.page", 1).Has("pagination.limit", 20).Has("pagination.total", 74)

		s.Post("/v1/instances", `{"name": "worker-b", "region": "us-east-1", "size": "standard-2"}`).Wants(201).
			Has("id", "ins_987").Has("name", "worker-b").Has("status", "provisioning").Has("created_at", "2026-03-19T10:22:44Z").
			Header("Location", "/v1/instances/ins_987")

		s.Get("/v1/instances/ins_123").Wants(200).
			Has("id", "ins_123").Has("name", "worker-a").Has("status", "running").Has("ip", "10.24.8.12")

		if body := s.Delete("/v1/instances/ins_123").Wants(204).Header("Content-Type", "").Body; len(body) != 0 {
			t.Errorf("the 204 has a body: %q", body)
		}

		s.Post("/v1/compute/instances", `{"name": "worker-eu-01", "profile": "c4-standard", "region": "eu-central", "autoscale": true}`).Wants(201).
			Has("profile", "c4-standard").Has("size", "c4-standard").Has("autoscale", true)

		s.As("YOUR_API_TOKEN").Get("/v1/projects", "Host", "api.skystack.dev", "Accept", "application/json").Wants(200)
	})
}
