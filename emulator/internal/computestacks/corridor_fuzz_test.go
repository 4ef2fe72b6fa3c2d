package computestacks

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// FuzzCorridor sends anything to any operation of a world in which something was ordered:
// the response is one of the document (the rig checks that), never a 5xx, and an error lists
// messages. A refused request changes no row of the API.
func FuzzCorridor(f *testing.F) {
	for op := range 60 {
		f.Add(uint8(op), "1", "2", "page=0&per_page=9", `{"order":{"project_name":"x","containers":[{"image_id":4,"product_id":1}]}}`, uint8(op%3))
	}
	f.Add(uint8(0), "-1", "\xff", "filter=%zz", "[", uint8(1))
	f.Add(uint8(7), "9223372036854775808", "a/b", "find_by_external_id=true", `{"project":{"name":null}}`, uint8(0))
	c, err := contract()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, n uint8, id, other, query, body string, as uint8) {
		op := c.Operations[int(n)%len(c.Operations)]
		if strings.HasPrefix(op.Path, oauthPrefix) {
			return // FuzzOAuth
		}
		r := deployed(t)
		switch as % 3 {
		case 1:
			r = r.user(2)
		case 2:
			r = r.token(1, "public", "project_read")
		}
		path := strings.NewReplacer("{id}", escaped(id), "{action}", escaped(other)).Replace(op.Path)
		for strings.Contains(path, "{") {
			before, rest, _ := strings.Cut(path, "{")
			_, after, _ := strings.Cut(rest, "}")
			path = before + escaped(other) + after
		}
		before := rows(r)
		var sent any
		if op.Method != "GET" {
			sent = body
		}
		a := r.send(op.Method, path+"?"+escapedQuery(query), sent)
		if a.Status >= 400 {
			var e errorBody
			if json.Unmarshal([]byte(a.Body), &e) != nil || e.Errors == nil {
				t.Errorf("%s %s: %d %s", op.Method, path, a.Status, a.Body)
			}
			if after := rows(r); after != before && a.Status != 422 { // an offline node is a 422 with an event
				t.Errorf("%s %s: %d changed the world", op.Method, path, a.Status)
			}
		}
		r.advance(time.Hour)
	})
}

// rows is a text of what requests can change.
func rows(r *rig) (all string) {
	_ = r.w.Do(func(tx *engine.Tx) error {
		for _, list := range []any{
			rowsOf(tx, r.a.users, nil), rowsOf(tx, r.a.images, nil), rowsOf(tx, r.a.orders, nil), rowsOf(tx, r.a.projects, nil), rowsOf(tx, r.a.services, nil),
			rowsOf(tx, r.a.containers, nil), rowsOf(tx, r.a.rules, nil), rowsOf(tx, r.a.domains, nil), rowsOf(tx, r.a.volumes, nil), rowsOf(tx, r.a.registries, nil),
			rowsOf(tx, r.a.collaborations, nil), rowsOf(tx, r.a.events, nil), rowsOf(tx, r.a.subscriptions, nil), rowsOf(tx, r.a.bastions, nil),
		} {
			text, err := json.Marshal(list)
			if err != nil {
				return err
			}
			all += string(text)
		}
		return nil
	})
	return all
}

// escaped is a text as an element of a path: never empty, and without what httptest
// refuses.
func escaped(text string) string {
	if text == "" {
		return "0"
	}
	var b strings.Builder
	for _, c := range []byte(text) {
		const digits = "0123456789ABCDEF"
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' {
			b.WriteByte(c)
			continue
		}
		b.WriteString("%" + digits[c>>4:c>>4+1] + digits[c&15:c&15+1])
	}
	return b.String()
}

// escapedQuery is a query without what a request line cannot have.
func escapedQuery(text string) string {
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c > '~' || c == '#' {
			return -1
		}
		return c
	}, text)
}
