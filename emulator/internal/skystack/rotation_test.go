package skystack_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// S33, S34, S37, S38: the new token works beside the old one for as long as it
// takes, the old is revoked and refused at once, and the log shows its calls.
func TestRotationAsDocumentedS34(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		made := s.Post("/v1/tokens", `{"name":"ci","owner":"ada","environment":"prod","scopes":["projects:read"],"expires_at":"2026-03-29T12:00:00Z"}`).Wants(201)
		id, old := made.Text("id"), s.As(made.Text("secret"))
		advance(t, s, 24*time.Hour)
		rotated := s.Post("/v1/tokens/"+id+"/rotate", "").Wants(201).Has("name", "ci").Has("owner", "ada").Has("environment", "prod").
			Has("scopes", []any{"projects:read"}).Has("rotated_from", id).Has("replaced_by", nil).Has("expires_at", "2026-03-30T12:00:00Z").Has("status", "active")
		next, nextID := s.As(rotated.Text("secret")), rotated.Text("id")
		rotated.Header("Location", "/v1/tokens/"+nextID)
		s.Get("/v1/tokens/"+id).Wants(200).Has("replaced_by", nextID).Has("revoked_at", nil).Has("status", "active")

		advance(t, s, 48*time.Hour)
		old.Get("/v1/projects").Wants(200)
		next.Get("/v1/projects").Wants(200)
		s.Delete("/v1/tokens/" + id).Wants(204)
		old.Get("/v1/projects").Refused(401, "token_revoked").Header("WWW-Authenticate",
			challenge+`, error="invalid_token", error_description="The token was revoked at 2026-03-22T12:00:00Z."`)
		next.Get("/v1/projects").Wants(200)
		s.Delete("/v1/tokens/" + id).Wants(204)
		s.Get("/v1/tokens/"+id).Wants(200).Has("status", "revoked").Has("revoked_at", "2026-03-22T12:00:00Z")
		s.Post("/v1/tokens/"+id+"/rotate", "").Refused(409, "invalid_state")

		log := s.Get("/v1/audit-logs?token_id="+id).Wants(200).Has("pagination.total", 2)
		for i, status := range []int{200, 401} {
			at := fmt.Sprintf("data.%d.", i)
			log.Has(at+"token_id", id).Has(at+"actor", "ada").Has(at+"status", status).Has(at+"route_template", "/v1/projects")
		}
		if strings.Contains(string(log.Body), made.Text("secret")) {
			t.Error("the log shows the secret")
		}
	})
}

// S34: with an overlap the old token ends by the world's clock; an end that is
// nearer stays, and 0 is at once.
func TestOverlapS34(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"), emulator.WithKey(emulator.Key{Token: "old", ID: "tok_old"}))
	old := s.As("old")
	rotate := func(body string) *wire.Reply { return s.Post("/v1/tokens/tok_old/rotate", body).Wants(201) }
	ends := func(want any) { t.Helper(); s.Get("/v1/tokens/tok_old").Wants(200).Has("revoked_at", want) }
	first := rotate(`{"overlap_seconds":3600}`)
	ends("2026-03-19T13:00:00Z")
	rotate(`{}`)
	ends("2026-03-19T13:00:00Z")
	rotate(`{"overlap_seconds":7200,"expires_at":"2026-04-01T00:00:00Z"}`).Has("expires_at", "2026-04-01T00:00:00Z")
	ends("2026-03-19T13:00:00Z")
	last := rotate(`{"overlap_seconds":1800}`).Text("id")
	ends("2026-03-19T12:30:00Z")
	s.Get("/v1/tokens/tok_old").Wants(200).Has("status", "active").Has("replaced_by", last)
	advance(t, s, 30*time.Minute-time.Second)
	old.Get("/v1/regions").Wants(200)
	advance(t, s, time.Second)
	old.Get("/v1/regions").Refused(401, "token_revoked")
	advance(t, s, time.Hour)
	if got := types(t, s); !slices.Equal(got, []string{"token.rotated", "token.rotated", "token.rotated", "token.rotated", "token.revoked"}) {
		t.Errorf("events %v", got)
	}

	self := s.As(first.Text("secret"))
	// What expired in the overlap was not active when it was revoked.
	short := self.Post("/v1/tokens", `{"name":"n","expires_at":"`+s.Now().Add(time.Minute).Format(time.RFC3339)+`"}`).Wants(201).Text("id")
	self.Post("/v1/tokens/"+short+"/rotate", `{"overlap_seconds":3600}`).Wants(201)
	advance(t, s, time.Hour)
	self.Get("/v1/events?type=token.revoked&limit=1&page=2").Wants(200).Has("data.0.data.object.id", short).Has("data.0.data.previous_attributes.status", "expired")

	// A token may rotate and revoke itself.
	heir := self.Post("/v1/tokens/"+first.Text("id")+"/rotate", `{"overlap_seconds":0}`).Wants(201)
	self.Get("/v1/regions").Refused(401, "token_revoked")
	s.As(heir.Text("secret")).Delete("/v1/tokens/" + heir.Text("id")).Wants(204)
	s.As(heir.Text("secret")).Get("/v1/regions").Refused(401, "token_revoked")
}

// types lists the types of the events of tokens that the world keeps.
func types(t *testing.T, s *wire.Server) []string {
	t.Helper()
	var saved bytes.Buffer
	if err := s.Snapshot().Save(&saved); err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`token\.(created|rotated|revoked)`).FindAllString(saved.String(), -1)
}

// modelToken is what a token must be, by a model that knows no agenda.
type modelToken struct {
	id, secret       string
	expires, revoked time.Time // zero: never
}

func (m modelToken) code(now time.Time) string {
	switch {
	case !m.revoked.IsZero() && !now.Before(m.revoked):
		return "token_revoked"
	case !m.expires.IsZero() && !now.Before(m.expires):
		return "token_expired"
	}
	return ""
}

// Whatever is made, rotated, revoked and waited for: a token is good exactly until
// the first of its ends, in its responses, in lists and after a snapshot (S33, S34,
// S38).
func TestTokensFollowTheModelS33(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
		defer s.Close()
		now := func() time.Time { return s.Now() }
		var all []*modelToken
		pick := func() *modelToken {
			if len(all) == 0 {
				rt.Skip("there is none")
			}
			return rapid.SampledFrom(all).Draw(rt, "token")
		}
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				if len(all) > 6 {
					rt.Skip("enough")
				}
				m, body := &modelToken{}, `{"name":"n"}`
				if life := rapid.IntRange(0, 4).Draw(rt, "hours"); life > 0 {
					m.expires = now().Add(time.Duration(life) * time.Hour)
					body = `{"name":"n","expires_at":"` + m.expires.Format(time.RFC3339) + `"}`
				}
				r := s.Post("/v1/tokens", body).Wants(201)
				m.id, m.secret = r.Text("id"), r.Text("secret")
				all = append(all, m)
			},
			"rotate": func(rt *rapid.T) {
				m := pick()
				if len(all) > 6 {
					rt.Skip("enough")
				}
				body, overlap := "", rapid.IntRange(-1, 3).Draw(rt, "overlap")
				if overlap >= 0 {
					body = fmt.Sprintf(`{"overlap_seconds":%d}`, overlap*3600)
				}
				r := s.Post("/v1/tokens/"+m.id+"/rotate", body)
				if m.code(now()) != "" {
					r.Refused(409, "invalid_state")
					return
				}
				next := &modelToken{id: r.Wants(201).Text("id"), secret: r.Text("secret")}
				if at, _ := r.Find("expires_at"); at != nil {
					next.expires, _ = time.Parse(time.RFC3339, r.Text("expires_at"))
				}
				if next.expires.IsZero() != m.expires.IsZero() {
					rt.Fatalf("%s expires %v, its heir %v", m.id, m.expires, next.expires)
				}
				if end := now().Add(time.Duration(overlap) * time.Hour); overlap >= 0 && (m.revoked.IsZero() || end.Before(m.revoked)) {
					m.revoked = end
				}
				all = append(all, next)
			},
			"revoke": func(*rapid.T) {
				m := pick()
				s.Delete("/v1/tokens/" + m.id).Wants(204)
				if m.revoked.IsZero() || now().Before(m.revoked) {
					m.revoked = now()
				}
			},
			"use": func(*rapid.T) {
				m := pick()
				if r, code := s.As(m.secret).Get("/v1/regions?limit=1"), m.code(now()); code == "" {
					r.Wants(200)
				} else {
					r.Refused(401, code)
				}
			},
			"wait": func(rt *rapid.T) {
				advance(t, s, time.Duration(rapid.IntRange(1, 3*3600).Draw(rt, "seconds"))*time.Second)
			},
			"restore": func(*rapid.T) {
				if err := s.Restore(s.Snapshot()); err != nil {
					rt.Fatal(err)
				}
			},
			"": func(*rapid.T) {
				active := []string{"tok_default"}
				for _, m := range all {
					if m.code(now()) == "" {
						active = append(active, m.id)
					}
				}
				if got := s.Get("/v1/tokens?status=active&limit=200").Wants(200).Strings("data", "id"); !slices.Equal(got, active) {
					rt.Fatalf("active %v, want %v", got, active)
				}
			},
		})
	})
}
