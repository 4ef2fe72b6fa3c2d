package skystack_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// walk follows next_cursor from the first page of a list to its end.
func walk(t *testing.T, s *wire.Server, path, query string) (ids []string) {
	t.Helper()
	for next := ""; ; {
		r := s.Get(path + "?" + query + next).Wants(200)
		member := "id"
		if _, ok := r.Find("data.0.slug"); ok {
			member = "slug"
		}
		ids = append(ids, r.Strings("data", member)...)
		cursor, there := r.Find("next_cursor")
		if inner, also := r.Find("pagination.next_cursor"); !there || !also || inner != cursor {
			t.Fatalf("%s: next_cursor is %v at the top and %v inside", r.What, cursor, inner)
		}
		if cursor == nil {
			return ids
		}
		next = "&cursor=" + cursor.(string)
	}
}

// paged follows page numbers until a page is empty.
func paged(t *testing.T, s *wire.Server, path, query string) (ids []string) {
	t.Helper()
	for page := 1; ; page++ {
		r := s.Get(path + "?" + query + "&page=" + strconv.Itoa(page)).Wants(200)
		member := "id"
		if _, ok := r.Find("data.0.slug"); ok {
			member = "slug"
		}
		more := r.Strings("data", member)
		if len(more) == 0 {
			return ids
		}
		ids = append(ids, more...)
	}
}

// S64, S4, S5: on one origin, with one key, every list can be walked by page and by cursor, and both give the same
// objects in the same order.
func TestEveryListWalksBothWaysS64(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("docs"), emulator.WithSpeed("instant"))
		for _, action := range []string{"stop", "start", "reboot", "snapshot"} {
			s.Post("/v1/instances/ins_123/actions", `{"type":"`+action+`"}`).Wants(202)
			s.Get("/v1/instances/ins_123").Wants(200)
		}
		for path, count := range map[string]int{
			"/v1/instances": 74, "/v1/compute/instances": 74, "/v1/instances/ins_123/actions": 4, "/v1/compute/instances/ins_123/actions": 4,
			"/v1/projects": s.Get("/v1/projects").Int("pagination.total"), "/v1/regions": 5, "/v1/profiles": 7, "/v1/sizes": 7, "/v1/images": 7,
		} {
			for _, query := range []string{"limit=3", "limit=7", "limit=200"} {
				byCursor, byPage := walk(t, s, path, query), paged(t, s, path, query)
				if len(byCursor) != count || !slices.Equal(byCursor, byPage) {
					t.Errorf("%s?%s: by cursor %v, by page %v, want the same %d", path, query, byCursor, byPage, count)
				}
			}
		}
		// Aliases are one list: a cursor of one continues the other.
		s.Get("/v1/compute/instances?cursor=" + s.Get("/v1/instances?limit=2").Text("next_cursor")).Wants(200)
		s.Get("/v1/sizes?cursor=" + s.Get("/v1/profiles?limit=2").Text("next_cursor")).Wants(200)
	})
}

// S65: a page and a cursor at once.
func TestPageWithCursorS65(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("docs"))
		cursor := s.Get("/v1/instances?limit=2").Text("next_cursor")
		for _, query := range []string{"page=1&cursor=" + cursor, "cursor=" + cursor + "&page=2&limit=5", "page=1&cursor=nonsense"} {
			r := s.Get("/v1/instances?"+query).Refused(400, "conflicting_parameters")
			const want = `[{"field":"page","location":"query","code":"conflicting_parameters","message":"page cannot be sent with cursor."},` +
				`{"field":"cursor","location":"query","code":"conflicting_parameters","message":"cursor cannot be sent with page."}]`
			if got := detailsOf(r); got != want {
				t.Errorf("%s: %s", query, got)
			}
		}
	})
}

// S65: a cursor is good for the list it was made for, in the workspace and since
// the last reset, and nowhere else; it may be used with another limit and again.
func TestCursorsThatDoNotOpenS65(t *testing.T) {
	const (
		unknown = "The cursor was not made here, or before the sandbox was reset; begin again without one."
		foreign = "The cursor belongs to a list with another path, filters or order, or is from before the sandbox was restored; begin again without one."
	)
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("docs"), emulator.WithKey(emulator.Key{Token: "mine"}),
			emulator.WithKey(emulator.Key{Token: "colleague"}), emulator.WithKey(emulator.Key{Token: "stranger", Workspace: "wsp_stranger"}))
		cursor := s.Get("/v1/instances?limit=2").Text("next_cursor")
		refused := func(s *wire.Server, path, message string) {
			t.Helper()
			r := s.Get(path).Refused(400, "invalid_cursor").Has("error.message", message)
			if got, want := detailsOf(r), `[{"field":"cursor","location":"query","code":"invalid_cursor","message":"`+message+`"}]`; got != want {
				t.Errorf("%s: %s", r.What, got)
			}
		}
		for at := range cursor {
			for _, other := range []byte("A_") {
				if b := []byte(cursor); b[at] != other {
					b[at] = other
					refused(s, "/v1/instances?cursor="+string(b), unknown)
				}
			}
		}
		for _, bad := range []string{"x", "0", "null", cursor[1:], cursor[:len(cursor)-1], cursor + "A", cursor + "=", cursor + "%0A", "%20" + cursor,
			strings.ToUpper(cursor), strings.Repeat("A", 512), "%E2%82%AC"} {
			refused(s, "/v1/instances?cursor="+bad, unknown)
		}
		s.Get("/v1/instances?cursor="+strings.Repeat("A", 513)).Refused(400, "invalid_parameter").Has("error.details.0.code", "too_long")
		refused(s.As("stranger"), "/v1/instances?cursor="+cursor, unknown)
		refused(s, "/v1/instances?cursor="+s.As("stranger").Get("/v1/instances?limit=2").Text("next_cursor"), unknown)

		for _, other := range []string{"status=running", "region=us-east-1", "name=worker-a", "label=role", "label=role:worker", "project_id=prj_platform", "sort=-created_at"} {
			refused(s, "/v1/instances?"+other+"&cursor="+cursor, foreign)
			filtered, _ := s.Get("/v1/instances?limit=1&" + other).Find("next_cursor")
			if c, ok := filtered.(string); ok {
				refused(s, "/v1/instances?cursor="+c, foreign)
				s.Get("/v1/instances?" + other + "&cursor=" + c).Wants(200)
			}
		}
		refused(s, "/v1/images?cursor="+cursor, foreign)
		refused(s, "/v1/instances?cursor="+s.Get("/v1/images?limit=2").Text("next_cursor"), foreign)
		refused(s, "/v1/regions?cursor="+s.Get("/v1/images?limit=2").Text("next_cursor"), foreign)

		// The same list in other words, with another key of the workspace, again.
		for _, same := range []string{"", "&limit=3", "&limit=200", "&sort=created_at", "&unknown=1"} {
			s.As("colleague").Get("/v1/instances?cursor="+cursor+same).Wants(200).Has("data.0.id", s.Get("/v1/instances?limit=1&page=3").Text("data.0.id"))
		}
		for _, begin := range []func(){func() { s.Reset() }, func() { s.Reset(emulator.RestartIDs()) }, func() { _ = s.Restore(s.Snapshot()) }} {
			cursor = s.Get("/v1/instances?limit=2").Text("next_cursor")
			s.Get("/v1/instances?cursor=" + cursor).Wants(200)
			begin()
			refused(s, "/v1/instances?cursor="+cursor, unknown)
		}
	})
}
