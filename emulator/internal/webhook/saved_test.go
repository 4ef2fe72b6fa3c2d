package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/webhook"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Every row of a saved state is checked before the state is used.
func TestOutboxChecksSavedRows(t *testing.T) {
	a := newSmallAPI(t, nil)
	e := a.add("p1")
	a.status = http.StatusInternalServerError
	a.post("p1")
	var file strings.Builder
	if err := a.world.Snapshot().SaveSecrets(&file); err != nil {
		t.Fatal(err)
	}
	member := func(name string, v any) func(row map[string]any) { return func(row map[string]any) { row[name] = v } }
	fault := func(name string, v any) func(row map[string]any) {
		return func(row map[string]any) { row["sandbox"].(map[string]any)[name] = v }
	}
	for _, tc := range []struct {
		table  string
		change func(row map[string]any)
		want   string // part of the error; "" for none
	}{
		{"webhooks", member("id", "whk_other"), `id is "whk_other"`},
		{"webhooks", member("url", "no url"), "url: "},
		{"webhooks", member("disabled", "tired"), `disabled: "tired" is unknown`},
		{"webhooks", member("disabled", webhook.DisabledGone), ""},
		{"webhooks", member("signature_format", "rot13"), `signature_format: "rot13" is unknown`},
		{"webhooks", member("max_in_flight", 0), "max_in_flight: is 0, not at least 1"},
		{"webhooks", fault("duplicates", 1.5), "sandbox.duplicates: is 1.5; it must be between 0 and 1"},
		{"webhooks", fault("reorder", -0.5), "sandbox.reorder: is -0.5"},
		{"webhooks", fault("rotation", 1), ""},
		{"webhook_secrets", member("current", "secret"), "current: "},
		{"webhook_secrets", member("previous", "whsec_"), "previous: "},
		{"webhook_secrets", member("previous", webhook.NewSecret([32]byte{1})), "until: does not go with previous"},
		{"webhook_secrets", member("until", "2026-03-01T00:00:00Z"), "until: does not go with previous"},
		{"webhook_secrets", func(row map[string]any) {
			row["previous"], row["until"] = webhook.NewSecret([32]byte{1}), "1969-01-01T00:00:00Z"
		}, "until: is in the year 1969; use one from 1970 to 9999"},
		{"webhook_secrets", func(row map[string]any) {
			row["previous"], row["until"] = webhook.NewSecret([32]byte{1}), "2026-03-01T00:00:00Z"
		}, ""},
		{"deliveries", member("id", "dlv_other"), `id is "dlv_other"`},
		{"deliveries", member("status", "lost"), `status "lost" is unknown`},
		{"deliveries", member("tries", -1), "-1 tries and 1 attempts are more than there can be"},
		{"deliveries", member("tries", webhook.Attempts+1), "tries and 1 attempts are more than there can be"},
		{"deliveries", member("attempts", make([]struct{}, 4*webhook.Attempts+1)), "attempts are more than there can be"},
		{"deliveries", func(row map[string]any) { row["next"] = row["id"] }, "next is the delivery itself"},
		{"deliveries", func(row map[string]any) {
			row["attempts"].([]any)[0].(map[string]any)["status"] = 99
		}, "an attempt's status 99 is not an HTTP status"},
		{"deliveries", func(row map[string]any) { row["attempts"].([]any)[0].(map[string]any)["status"] = 0 }, ""},
	} {
		var state map[string]any
		if err := json.Unmarshal([]byte(file.String()), &state); err != nil {
			t.Fatal(err)
		}
		for _, table := range state["tables"].([]any) {
			if of := table.(map[string]any); of["name"] == "small_"+tc.table {
				row := of["rows"].([]any)[0].(map[string]any)["value"].(map[string]any)
				before := maps.Clone(row)
				if tc.change(row); len(before) > len(row) {
					t.Fatalf("%s: %v", tc.table, row)
				}
			}
		}
		changed, err := json.Marshal(state)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.world.Load(strings.NewReader(string(changed)))
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s of %s: got %v, want %q", tc.table, e.ID, err, tc.want)
		}
	}
	orphan := strings.Replace(file.String(), e.ID, "whk_none", 1) // the first is the endpoint's own
	if _, err := a.world.Load(strings.NewReader(orphan)); err == nil {
		t.Error("a state whose rows name no endpoint was loaded")
	}
}

// What is no listener is refused as one, and so is a report that nothing waits for.
func TestListenersAreChecked(t *testing.T) {
	a := newSmallAPI(t, nil)
	sent := a.add("p1")
	var listener webhook.Endpoint
	a.do(func(tx *engine.Tx) {
		listener = a.outbox.Add(tx, webhook.Endpoint{ProjectID: "p1", URL: "http://p1.localhost/", EventTypes: []string{"made"}, Listener: true}, webhook.RandomSecret(tx))
	})
	ended, end := context.WithCancelCause(t.Context())
	reason := errors.New("the client has gone")
	end(reason)
	if _, err := a.outbox.NextMessage(ended, a.world, listener.ID); !errors.Is(err, reason) {
		t.Errorf("a client that has gone: %v", err)
	}
	for _, id := range []string{"whk_none", sent.ID} {
		_, next := a.outbox.NextMessage(t.Context(), a.world, id)
		for what, err := range map[string]error{
			"next": next, "answer": a.outbox.AnswerMessage(a.world, id, "dlv_1_1", sandbox.Answer{Status: 200}), "stop": a.outbox.StopListening(a.world, id),
		} {
			if code(err) != "listener_not_found" {
				t.Errorf("%s of %s: %v", what, id, err)
			}
		}
	}
	for want, answer := range map[string]sandbox.Answer{
		"attempt_not_found": {Status: 200}, "invalid_status": {Status: 99}, "invalid_error": {Error: "boredom"},
	} {
		if err := a.outbox.AnswerMessage(a.world, listener.ID, "dlv_1_1", answer); code(err) != want {
			t.Errorf("%+v: %v, want %s", answer, err, want)
		}
	}
	if err := a.outbox.AnswerMessage(a.world, listener.ID, "dlv_1_1", sandbox.Answer{Status: 1000}); code(err) != "invalid_status" {
		t.Errorf("status 1000: %v", err)
	}
	if err := a.outbox.StopListening(a.world, listener.ID); err != nil {
		t.Fatal(err)
	}
	if err := a.outbox.StopListening(a.world, listener.ID); code(err) != "listener_not_found" {
		t.Errorf("a listener that was removed: %v", err)
	}
}

func code(err error) string {
	if e, ok := errors.AsType[*fail.Error](err); ok {
		return e.Code
	}
	return ""
}
