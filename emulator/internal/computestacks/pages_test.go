package computestacks

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// TestPages covers C9 and C10: sizes, headers and links.
func TestPages(t *testing.T) {
	r := newRig(t)
	r.change(func(tx *engine.Tx) {
		u := row(tx, r.a.users, 1)
		for n := range 250 {
			u.Keys = append(u.Keys, SSHKey{ID: n + 1, Label: "k", CreatedAt: tx.Now(), UpdatedAt: tx.Now()})
		}
		put(tx, r.a.users, 1, u)
	})
	const at = "http://127.0.0.1/api/users/ssh_keys?"
	rels := func(page map[string]string) string {
		var parts []string
		for _, rel := range []string{"first", "prev", "last", "next"} {
			if page[rel] != "" {
				parts = append(parts, "<"+at+page[rel]+`>; rel="`+rel+`"`)
			}
		}
		return strings.Join(parts, ", ")
	}
	for query, want := range map[string]struct {
		size        string
		first, rows int
		links       map[string]string
	}{
		"":                         {"30", 1, 30, map[string]string{"last": "page=9", "next": "page=2"}},
		"page=2":                   {"30", 31, 30, map[string]string{"first": "page=1", "prev": "page=1", "last": "page=9", "next": "page=3"}},
		"page=9":                   {"30", 241, 10, map[string]string{"first": "page=1", "prev": "page=8"}},
		"page=10":                  {"30", 0, 0, map[string]string{"first": "page=1", "prev": "page=9"}},
		"page=9223372036854775807": {"30", 0, 0, map[string]string{"first": "page=1", "prev": "page=9"}},
		"per_page=250":             {"200", 1, 200, map[string]string{"last": "page=2&per_page=250", "next": "page=2&per_page=250"}},
		"per_page=200&page=2":      {"200", 201, 50, map[string]string{"first": "page=1&per_page=200", "prev": "page=1&per_page=200"}},
		"per_page=125&x=%20y":      {"125", 1, 125, map[string]string{"last": "page=2&per_page=125&x=+y", "next": "page=2&per_page=125&x=+y"}},
		"per_page=0":               {"30", 1, 30, map[string]string{"last": "page=9&per_page=0", "next": "page=2&per_page=0"}},
		"per_page=-5&page=-1":      {"30", 1, 30, map[string]string{"last": "page=9&per_page=-5", "next": "page=2&per_page=-5"}},
		"per_page=ten&page=zero":   {"30", 1, 30, map[string]string{"last": "page=9&per_page=ten", "next": "page=2&per_page=ten"}},
		"page=0":                   {"30", 1, 30, map[string]string{"last": "page=9", "next": "page=2"}},
		"page=&per_page=":          {"30", 1, 30, map[string]string{"last": "page=9&per_page=", "next": "page=2&per_page="}},
		"page=1.5":                 {"30", 1, 30, map[string]string{"last": "page=9", "next": "page=2"}},
	} {
		t.Run(query, func(t *testing.T) {
			a := r.get("/api/users/ssh_keys?" + query).wants(200)
			list, _ := a.at("ssh_keys").([]any)
			if len(list) != want.rows || want.rows > 0 && a.text("ssh_keys.0.id") != fmt.Sprint(want.first) {
				t.Errorf("%d rows from %s", len(list), a.text("ssh_keys.0.id"))
			}
			if a.Header.Get("Per-Page") != want.size || a.Header.Get("Total") != "250" || a.Header.Get("Link") != rels(want.links) {
				t.Errorf("the headers are %s, %s\n%s\nwant %s\n%s", a.Header.Get("Per-Page"), a.Header.Get("Total"), a.Header.Get("Link"), want.size, rels(want.links))
			}
		})
	}
	for _, path := range []string{"/api/subscriptions", "/api/subscriptions?page=7"} {
		if a := r.get(path).wants(200); a.Header.Get("Total") != "0" || a.Header["Link"] != nil {
			t.Errorf("the headers of an empty collection are %v", a.Header)
		}
	}
}

// TestCollectionsHavePages covers C9: every collection of the document has pages, but for
// those that are listed here.
func TestCollectionsHavePages(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]struct {
			ID         string `json:"operationId"`
			Parameters []struct {
				Ref string `json:"$ref"`
			} `json:"parameters"`
			Responses map[string]struct {
				Headers map[string]any `json:"headers"`
				Content map[string]struct {
					Schema struct {
						Properties map[string]struct {
							Type string `json:"type"`
						} `json:"properties"`
					} `json:"schema"`
				} `json:"content"`
			} `json:"responses"`
		} `json:"paths"`
	}
	text, err := contractJSON.Text()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	found := 0
	for path, item := range doc.Paths {
		op, ok := item["get"]
		if !ok {
			continue
		}
		collection := false
		for _, member := range op.Responses["200"].Content["application/json"].Schema.Properties {
			collection = collection || member.Type == "array"
		}
		var names []string
		for _, p := range op.Parameters {
			names = append(names, p.Ref[strings.LastIndexByte(p.Ref, '/')+1:])
		}
		headers := op.Responses["200"].Headers
		pages := strings.Contains(strings.Join(names, " "), "Page PerPage") && headers["Per-Page"] != nil && headers["Total"] != nil && headers["Link"] != nil
		if collection {
			found++
		}
		if collection != pages && !strings.HasSuffix(path, "/logs") && !strings.HasSuffix(path, "/processes") && !strings.Contains(path, "/metrics") {
			t.Errorf("%s: a collection is %v, pages are %v", op.ID, collection, pages)
		}
	}
	if found < 38 {
		t.Errorf("%d collections", found)
	}
}
