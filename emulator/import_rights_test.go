package emulator_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// editKey is a saved state in which one key has other members.
func editKey(t *testing.T, state []byte, id string, members map[string]any) string {
	t.Helper()
	var file map[string]any
	if err := json.Unmarshal(state, &file); err != nil {
		t.Fatal(err)
	}
	for _, table := range file["tables"].([]any) {
		if table := table.(map[string]any); table["name"] == "tokens" {
			for _, row := range table["rows"].([]any) {
				if row := row.(map[string]any); row["id"] == id {
					for name, value := range members {
						row["value"].(map[string]any)[name] = value
					}
					text, err := json.Marshal(file)
					if err != nil {
						t.Fatal(err)
					}
					return string(text)
				}
			}
		}
	}
	t.Fatalf("there is no key %s in %s", id, state)
	return ""
}

var putState = controlCall{"PUT", "/_sandbox/state"}

// wantImportRefused wants a refusal, and returns its message.
func wantImportRefused(t *testing.T, e *emulator.Emulator, c controlCall, key, body string, want int, code string) string {
	t.Helper()
	status, _, answer := ask(t, e, c, key, body)
	var refusal struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(answer), &refusal); err != nil || status != want || refusal.Error.Code != code {
		t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, status, answer, want, code)
	}
	return refusal.Error.Message
}

// imported puts a state in the place of the workspace's.
func imported(t *testing.T, e *emulator.Emulator, key, file string) {
	t.Helper()
	if status, _, body := ask(t, e, putState, key, file); status != 204 {
		t.Errorf("the import: %d %s", status, body)
	}
}

// A key that expires brings no keys that outlive it, by import or as a fixture, and
// what it may not bring changes nothing. What the workspace has already it may bring
// again.
func TestKeysThatAreBrought(t *testing.T) {
	const noon, hour = "2026-03-19T12:00:00Z", "2026-03-19T13:00:00Z"
	start := func(t *testing.T) (*emulator.Emulator, *wire.Server, string, string) {
		at, err := time.Parse(time.RFC3339, noon)
		if err != nil {
			t.Fatal(err)
		}
		e := emulator.Start(t, emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: at}))
		s := wire.In(t, e)
		lasting := s.Post("/v1/tokens", `{"name":"lasting","scopes":["instances:read"]}`).Wants(201).Text("id")
		expiring := s.Post("/v1/tokens", `{"name":"expiring","expires_at":"`+hour+`"}`).Wants(201).Text("secret")
		return e, s, lasting, expiring
	}
	const digest = "00000000000000000000000000000000000000000000000000000000000000aa"
	for _, tc := range []struct {
		name  string
		write map[string]any // members of the key lasting
		why   string         // "": it is taken
	}{
		{"as it is", nil, ""},
		{"another key that never expires", map[string]any{"digest": digest}, "expires_at: it must be 2026-03-19T13:00:00Z or earlier, when the token expires"},
		{"another that expires later", map[string]any{"digest": digest, "expires_at": "2026-03-19T13:00:01Z"}, "expires_at: it must be 2026-03-19T13:00:00Z or earlier, when the token expires"},
		{"another that expires with it", map[string]any{"digest": digest, "expires_at": hour}, ""},
		{"another that was revoked", map[string]any{"digest": digest, "revoked_at": noon}, ""},
		{"more scopes for a key that is there", map[string]any{"scopes": []string{"*"}}, "expires_at: it must be 2026-03-19T13:00:00Z or earlier, when the token expires"},
		{"more scopes until then", map[string]any{"scopes": []string{"*"}, "expires_at": hour}, ""},
		{"a key of the workspace itself", map[string]any{"digest": digest, "created_by": "configuration"}, "expires_at: it must be 2026-03-19T13:00:00Z or earlier, when the token expires"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, _, lasting, mine := start(t)
			var saved bytes.Buffer
			if err := e.Snapshot().Save(&saved); err != nil {
				t.Fatal(err)
			}
			file, before := editKey(t, saved.Bytes(), lasting, tc.write), e.Dump()
			if tc.why == "" {
				imported(t, e, mine, file)
				return
			}
			want := `tokens "` + lasting + `": ` + tc.why + `. A token brings no others that may do more than it may itself, or longer: leave that one out, or ask with the admin token.`
			if got := wantImportRefused(t, e, putState, mine, file, 403, "insufficient_rights"); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if after := e.Dump(); after != before {
				t.Errorf("what was refused changed something:\n%s", after)
			}
			imported(t, e, e.Key(), file) // a key that never expires may bring it
			e2, _, lasting2, _ := start(t)
			saved.Reset()
			if err := e2.Snapshot().Save(&saved); err != nil {
				t.Fatal(err)
			}
			file = editKey(t, saved.Bytes(), lasting2, tc.write)
			imported(t, e2, e2.AdminToken(), file) // and so may the operator
		})
	}
	t.Run("the key itself", func(t *testing.T) {
		e, s, _, mine := start(t)
		s = s.As(mine)
		var saved bytes.Buffer
		if err := e.Snapshot().Save(&saved); err != nil {
			t.Fatal(err)
		}
		id := s.Get("/v1/tokens?limit=100").Wants(200).Strings("data", "id")[2]
		wantImportRefused(t, e, putState, mine, editKey(t, saved.Bytes(), id, map[string]any{"expires_at": "2027-01-01T00:00:00Z"}), 403, "insufficient_rights")
		imported(t, e, mine, saved.String())
	})
	t.Run("a fixture", func(t *testing.T) {
		e, s, _, mine := start(t)
		seed := func(key string) string {
			text, err := json.Marshal(map[string]string{"data": `{"format":"skystack-sandbox/1","keys":[` + key + `]}`})
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		before := e.Dump()
		seeded := controlCall{"POST", "/_sandbox/seed"}
		wantImportRefused(t, e, seeded, mine, seed(`{"token":"fresh","id":"tok_fresh"}`), 403, "insufficient_rights")
		if after := e.Dump(); after != before {
			t.Errorf("what was refused changed something:\n%s", after)
		}
		s.As("fresh").Get("/v1/instances").Refused(401, "invalid_token")
		wantImportRefused(t, e, seeded, mine, `{"fixture":"docs"}`, 403, "insufficient_rights") // it has keys of its own
		if status, _, body := ask(t, e, seeded, mine, `{"fixture":"default"}`); status != 204 {
			t.Errorf("%d %s", status, body)
		}
	})
}

// What a saved state says is checked row by row and as a whole, and the error names
// the row.
func TestImportChecksReferences(t *testing.T) {
	e := emulator.Start(t, emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
	s := wire.In(t, e)
	bound := s.Post("/v1/tokens", `{"name":"bound","project_id":"prj_lab"}`).Wants(201).Text("id")
	job := s.Post("/v1/jobs", `{"name":"nightly","project_id":"prj_lab","trigger":{"cron":"0 3 * * *"},"action":{"type":"reboot","target":{"instance_ids":["ins_lab01"]}}}`).Wants(201).Text("id")
	hook := s.Post("/v1/webhooks", `{"project_id":"prj_lab","url":"https://app.test/hooks","event_types":["project.deleted"]}`).Wants(201).Text("id")
	address := s.Get("/v1/instances/ins_web01").Wants(200).Text("ip")
	policy := s.Get("/v1/autoscale-policies").Wants(200).Text("data.0.id")
	var saved bytes.Buffer
	if err := e.Snapshot().SaveSecrets(&saved); err != nil {
		t.Fatal(err)
	}
	before := e.Dump()
	for _, tc := range []struct {
		table, row string
		change     map[string]any // nil: the row goes
		want       string
	}{
		{"tokens", bound, map[string]any{"project_id": "prj_none"}, `/tables: tokens "` + bound + `": project_id: there is no project "prj_none" in the file`},
		{"tokens", bound, map[string]any{"name": strings.Repeat("x", 64)}, `tokens "` + bound + `": name: has 64 characters; write 0 to 63`},
		{"tokens", bound, map[string]any{"project_id": "lab"}, `tokens "` + bound + `": project_id: "lab" is not an id for this place; write prj_ and 1 to 60 letters or digits, as prj_123`},
		{"tokens", bound, map[string]any{"scopes": []string{"root"}}, `tokens "` + bound + `": scopes: "root" is unknown; use some of *, instances:read`},
		{"jobs", job, map[string]any{"project_id": "prj_none"}, `/tables: jobs "` + job + `": project_id: there is no project "prj_none" in the file`},
		{"webhooks", hook, map[string]any{"project_id": "prj_none"}, `/tables: webhooks "` + hook + `": project_id: there is no project "prj_none" in the file`},
		{"webhooks", hook, nil, `/tables: webhook_secrets "` + hook + `": there is no such webhook in the file`},
		{"webhook_secrets", hook, map[string]any{"current": "short"}, `webhook_secrets "` + hook + `": current: `},
		{"webhook_secrets", hook, map[string]any{"until": "2026-01-01T00:00:00Z"}, `webhook_secrets "` + hook + `": until: does not go with previous`},
		{"instances", "ins_web01", map[string]any{"project_id": "prj_none"}, `/tables: instances "ins_web01": project_id: there is no project "prj_none" in the file`},
		{"instances", "ins_web01", map[string]any{"project_id": "prj_lab"}, `/tables: members "prj_web": instances: is `},
		{"instances", "ins_worker01", map[string]any{"policy": "", "autoscale": nil}, `/tables: autoscale_policies "` + policy + `": leader: there is no instance "ins_worker01" in the file that has this policy`},
		{"addresses", address, nil, `/tables: instances "ins_web01": the address ` + address + ` is not among the addresses of the file as that of this instance`},
		{"addresses", address, map[string]any{"instance_id": "ins_lab01"}, `/tables: instances "ins_web01": the address ` + address + ` is not`},
		{"projects", "prj_lab", nil, `/tables: instances "ins_lab01": project_id: there is no project "prj_lab" in the file`},
		{"members", "prj_lab", nil, `/tables: members "prj_lab": is missing: 2 instances of the file are in the project`},
	} {
		var file map[string]any
		if err := json.Unmarshal(saved.Bytes(), &file); err != nil {
			t.Fatal(err)
		}
		changed := false
		for _, table := range file["tables"].([]any) {
			table := table.(map[string]any)
			if table["name"] != tc.table {
				continue
			}
			kept := []any{}
			for _, row := range table["rows"].([]any) {
				row := row.(map[string]any)
				if row["id"] == tc.row {
					changed = true
					if tc.change == nil {
						continue
					}
					for name, value := range tc.change {
						row["value"].(map[string]any)[name] = value
					}
				}
				kept = append(kept, row)
			}
			table["rows"] = kept
		}
		text, err := json.Marshal(file)
		if err != nil || !changed {
			t.Fatalf("%s %s is not in the file: %v", tc.table, tc.row, err)
		}
		message := wantImportRefused(t, e, putState, e.Key(), string(text), 400, "invalid_request")
		if !strings.HasPrefix(message, "saved world: ") || !strings.Contains(message, tc.want) {
			t.Errorf("%s %s %v: %s, want %s", tc.table, tc.row, tc.change, message, tc.want)
		}
	}
	if after := e.Dump(); after != before {
		t.Errorf("what was refused changed something:\n%s", after)
	}
	imported(t, e, e.Key(), saved.String())
}

// A project takes the keys with it that are bound to it.
func TestProjectTakesItsKeysAlong(t *testing.T) {
	s := wire.In(t, emulator.Start(t))
	project := s.Post("/v1/projects", `{"name":"short-lived"}`).Wants(201).Text("id")
	bound := s.Post("/v1/tokens", `{"name":"bound","project_id":"`+project+`"}`).Wants(201)
	s.As(bound.Text("secret")).Get("/v1/projects").Wants(200).Has("pagination.total", 1)
	s.Delete("/v1/projects/" + project).Wants(204)
	s.As(bound.Text("secret")).Get("/v1/projects").Refused(401, "token_revoked")
	s.Get("/v1/tokens/"+bound.Text("id")).Wants(200).Has("status", "revoked")
}
