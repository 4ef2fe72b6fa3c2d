package skystack_test

import (
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// lacking asserts a 403 that names the scopes that are missing.
func lacking(r *wire.Reply, scopes ...any) {
	r.T.Helper()
	r.Refused(403, "insufficient_scope").Has("error.details", []any{map[string]any{"required_scopes": scopes}})
}

// S26, S34: tokens:write alone ends or replaces no token that may do more; its own
// token every key may read, rotate and revoke, whatever its scopes.
func TestRevokingNeedsRightsS26(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"),
			emulator.WithKey(emulator.Key{Token: "root", ID: "tok_root"}),
			emulator.WithKey(emulator.Key{Token: "clerk", ID: "tok_clerk", Scopes: []string{"tokens:write"}}),
			emulator.WithKey(emulator.Key{Token: "peer", ID: "tok_peer", Scopes: []string{"tokens:read"}}),
			emulator.WithKey(emulator.Key{Token: "none", ID: "tok_none", Scopes: []string{}}))
		clerk, none := s.As("clerk"), s.As("none")
		lacking(clerk.Delete("/v1/tokens/tok_root"), "*")
		lacking(clerk.Post("/v1/tokens/tok_root/rotate", `{"overlap_seconds":0}`), "*")
		s.As("root").Get("/v1/regions").Wants(200)
		clerk.Delete("/v1/tokens/tok_peer").Wants(204)
		s.As("peer").Get("/v1/tokens").Refused(401, "token_revoked")
		// A refusal for want of rights is not kept for another who has them.
		lacking(clerk.Delete("/v1/tokens/tok_root", "Idempotency-Key", "k"), "*")

		none.Get("/v1/tokens").Refused(403, "insufficient_scope")
		none.Get("/v1/tokens/tok_root").Refused(403, "insufficient_scope")
		none.Delete("/v1/tokens/tok_clerk").Refused(403, "insufficient_scope")
		none.Post("/v1/tokens", `{"name":"n"}`).Refused(403, "insufficient_scope")
		none.Get("/v1/tokens/tok_none").Wants(200).Has("scopes", []any{})
		next := none.Post("/v1/tokens/tok_none/rotate", `{"overlap_seconds":0}`).Wants(201).Has("scopes", []any{})
		none.Get("/v1/tokens/tok_none").Refused(401, "token_revoked")
		heir := s.As(next.Text("secret"))
		heir.Get("/v1/tokens/tok_none").Refused(403, "insufficient_scope") // it is another now
		heir.Delete("/v1/tokens/" + next.Text("id")).Wants(204)
		heir.Get("/v1/tokens/"+next.Text("id")).Refused(401, "token_revoked")

		s.As("root").Delete("/v1/tokens/tok_root", "Idempotency-Key", "k").Wants(204)
	})
}

// S26: a token that was made or rotated by one that expires, expires no later.
func TestTokensEndNoLaterThanTheirMakerS26(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		end := testTime().Add(48 * time.Hour)
		const at, sooner, later = "2026-03-21T10:22:44Z", "2026-03-20T00:00:00Z", "2026-03-21T10:22:45Z"
		s := start(frozen(), emulator.WithFixture("empty"), emulator.WithKey(emulator.Key{Token: "root", ID: "tok_root"}),
			emulator.WithKey(emulator.Key{Token: "brief", ID: "tok_brief", ExpiresAt: &end}))
		brief := s.As("brief")
		brief.Post("/v1/tokens", `{"name":"n"}`).Wants(201).Has("expires_at", at)
		brief.Post("/v1/tokens", `{"name":"n","expires_at":null}`).Wants(201).Has("expires_at", at)
		brief.Post("/v1/tokens", `{"name":"n","expires_at":"`+sooner+`"}`).Wants(201).Has("expires_at", sooner)
		brief.Post("/v1/tokens", `{"name":"n","expires_at":"`+at+`"}`).Wants(201).Has("expires_at", at)
		for _, path := range []string{"/v1/tokens", "/v1/tokens/tok_brief/rotate", "/v1/tokens/tok_root/rotate"} {
			body := `{"expires_at":"` + later + `"}`
			if path == "/v1/tokens" {
				body = `{"name":"n","expires_at":"` + later + `"}`
			}
			brief.Post(path, body).Refused(400, "invalid_parameter").Has("error.details", []any{map[string]any{
				"field": "expires_at", "location": "body", "code": "out_of_range",
				"message": "expires_at must not be later than that of the token that asks, " + at + ": leave it out for the same, or ask with a token that lasts longer.",
			}})
		}
		brief.Post("/v1/tokens/tok_brief/rotate", "").Wants(201).Has("expires_at", at)
		brief.Post("/v1/tokens/tok_root/rotate", "").Wants(201).Has("expires_at", at)
		child := s.As(brief.Post("/v1/tokens", `{"name":"n"}`).Wants(201).Text("secret"))
		child.Post("/v1/tokens", `{"name":"n"}`).Wants(201).Has("expires_at", at)
		// One that lasts gives as long a life as ever.
		s.As("root").Post("/v1/tokens/tok_brief/rotate", "").Wants(201).Has("expires_at", at)
		s.As("root").Post("/v1/tokens", `{"name":"n","expires_at":"`+later+`"}`).Wants(201).Has("expires_at", later)
		advance(t, s, 48*time.Hour)
		child.Get("/v1/regions").Refused(401, "token_expired")
	})
}

// S12, S26: jobs:write alone runs, enables, makes or changes no job that does what
// the token may not. To rename a job, to stop it and to delete it, it is enough.
func TestJobsDoNoMoreThanWhoRunsThemMayS26(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), withInstances("id: ins_a"),
			emulator.WithKey(emulator.Key{Token: "root", ID: "tok_root"}),
			emulator.WithKey(emulator.Key{Token: "clerk", Scopes: []string{"jobs:write"}}),
			emulator.WithKey(emulator.Key{Token: "writer", Scopes: []string{"jobs:write", "instances:write"}})).As("root")
		const remove = `{"type":"delete","target":{"instance_ids":["ins_a"]}}`
		job := newJob(s, `{"name":"j","enabled":false,"trigger":{"every":"1m"},"action":`+remove+`}`)
		for _, token := range []string{"clerk", "writer"} {
			by := s.As(token)
			lacking(by.Post(job+"/run", ""), "instances:delete")
			lacking(by.Patch(job, `{"enabled":true}`), "instances:delete")
			lacking(by.Patch(job, `{"trigger":{"every":"2m"}}`), "instances:delete")
			lacking(by.Patch(job, `{"concurrency":"queue"}`), "instances:delete")
			lacking(by.Patch(job, `{"condition":{"older_than":"1h"}}`), "instances:delete")
			lacking(by.Post("/v1/jobs", `{"name":"j","trigger":{"every":"1m"},"action":`+remove+`}`), "instances:delete")
			by.Patch(job, `{"name":"`+token+`"}`).Wants(200).Has("name", token)
			by.Post(job+"/run?dry_run=true", "").Wants(200)
		}
		lacking(s.As("clerk").Patch(job, `{"action":{"type":"stop"}}`), "instances:write")
		s.Get("/v1/instances/ins_a").Wants(200)
		s.Patch(job, `{"enabled":true}`).Wants(200)
		s.As("clerk").Patch(job, `{"enabled":false}`).Wants(200).Has("enabled", false)
		s.Get(job+"/runs").Wants(200).Has("pagination.total", 0)
		s.As("clerk").Delete(job).Wants(204)
	})
}

// S26, S77: webhooks:write alone has no events delivered, which it may not read.
func TestWebhooksDeliverNoMoreThanWhoMakesThemReadsS26(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"),
		emulator.WithKey(emulator.Key{Token: "root"}), emulator.WithKey(emulator.Key{Token: "clerk", Scopes: []string{"webhooks:write"}}),
		emulator.WithKey(emulator.Key{Token: "reader", Scopes: []string{"webhooks:write", "events:read"}}))
	const body = `{"url":"http://127.0.0.1:9001/","event_types":["instance.*"]}`
	clerk := s.As("clerk")
	lacking(clerk.Post("/v1/webhooks", body), "events:read")
	lacking(clerk.Post("/v1/projects/prj_default/webhooks", body), "events:read")
	at := "/v1/webhooks/" + s.As("reader").Post("/v1/webhooks", body).Wants(201).Text("id")
	lacking(clerk.Patch(at, `{"url":"http://127.0.0.1:9002/"}`), "events:read")
	lacking(clerk.Patch(at, `{"event_types":["*"]}`), "events:read")
	clerk.Patch(at, `{"description":"d"}`).Wants(200)
	clerk.Patch(at, `{"status":"disabled"}`).Wants(200)
	lacking(clerk.Patch(at, `{"status":"enabled"}`), "events:read")
	s.As("reader").Patch(at, `{"status":"enabled"}`).Wants(200)
	clerk.Delete(at).Wants(204)
}
