package skystack_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/redact"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/fixtures"
)

// rig is a sandbox put together by hand, for tests that look behind the wire: at
// the saved world and at the log.
type rig struct {
	schema *engine.Schema
	world  *engine.World
	api    *skystack.API
	server *httpapi.Server
	log    *bytes.Buffer
	key    string
}

// testTime is where the frozen clocks of these tests stand.
func testTime() time.Time { return time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC) }

// newRig serves a fixture with a frozen clock and logs everything there is.
func newRig(t testing.TB, fixture string) *rig {
	t.Helper()
	f, err := fixtures.Load(fixture, 1)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{log: &bytes.Buffer{}, key: fixtures.DefaultKey}
	log := slog.New(redact.NewHandler(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	registry, schema := engine.NewRegistry(), engine.NewSchema()
	r.schema = schema
	r.api = skystack.New(schema, skystack.Config{Registry: registry, Home: f.Workspace.ID, Build: "test", Fixture: fixture, Log: log})
	r.world, err = engine.NewWorld(schema, engine.Config{ID: f.Workspace.ID, Seed: 1, Clock: engine.Clock{Mode: engine.Frozen, Now: testTime()}, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.world.Close)
	if err := registry.Add(r.world); err != nil {
		t.Fatal(err)
	}
	if err := r.api.Seed(r.world, f, skystack.Settings{}); err != nil {
		t.Fatal(err)
	}
	r.addKey(t, r.key, credential.Key{ID: "tok_default", Name: "default"})
	described, err := r.api.HTTP()
	if err != nil {
		t.Fatal(err)
	}
	r.server, err = httpapi.NewServer(httpapi.Options{Home: r.world, CheckResponses: true, Log: log}, described)
	if err != nil {
		t.Fatal(err)
	}
	r.world.SetBaseline()
	return r
}

func (r *rig) addKey(t testing.TB, secret string, token credential.Key) {
	t.Helper()
	if err := r.api.Credentials.Add(r.world, credential.Registration{Secret: secret, Key: token}); err != nil {
		t.Fatal(err)
	}
}

// serve responds to a request. Of a stream it takes what comes at once.
func (r *rig) serve(request *http.Request) *httptest.ResponseRecorder {
	ctx, cancel := context.WithCancel(request.Context())
	defer cancel()
	w := flushOnly{httptest.NewRecorder(), cancel}
	r.server.ServeHTTP(w, request.WithContext(ctx))
	return w.ResponseRecorder
}

// flushOnly goes away with the second piece of a stream; the first is empty.
type flushOnly struct {
	*httptest.ResponseRecorder
	leave func()
}

func (h flushOnly) Flush() {
	if h.ResponseRecorder.Flush(); h.Body.Len() > 0 {
		h.leave()
	}
}

// saved is the world as a file would hold it.
func (r *rig) saved(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.world.Snapshot().Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// savedWorld is the part of a saved world that these tests read.
type savedWorld struct {
	Counters map[string]uint64 `json:"counters"`
	Agenda   []struct {
		Step    string `json:"step"`
		Subject string `json:"subject"`
	} `json:"agenda"`
	Tables []struct {
		Name string `json:"name"`
		Rows []struct {
			ID    string         `json:"id"`
			Value jsontext.Value `json:"value"`
		} `json:"rows"`
	} `json:"tables"`
}

// row is a row of the saved world, nil if there is none.
func (r *rig) row(t testing.TB, table, id string) map[string]any {
	t.Helper()
	return r.rows(t, table)[id]
}

// rows are the rows of a table of the saved world, by id.
func (r *rig) rows(t testing.TB, table string) map[string]map[string]any {
	t.Helper()
	return r.tables(t, table)[0]
}

// tables are the rows of some tables of the saved world.
func (r *rig) tables(t testing.TB, names ...string) []map[string]map[string]any {
	t.Helper()
	var world savedWorld
	if err := json.Unmarshal([]byte(r.saved(t)), &world); err != nil {
		t.Fatal(err)
	}
	out := make([]map[string]map[string]any, len(names))
	for _, table := range world.Tables {
		n := slices.Index(names, table.Name)
		if n < 0 {
			continue
		}
		out[n] = map[string]map[string]any{}
		for _, row := range table.Rows {
			var value map[string]any
			if err := json.Unmarshal(row.Value, &value); err != nil {
				t.Fatal(err)
			}
			out[n][row.ID] = value
		}
	}
	return out
}

// lasting is what the world holds beyond who used it and when: a refused request
// leaves it as it was.
func (r *rig) lasting(t testing.TB) string {
	t.Helper()
	var world savedWorld
	if err := json.Unmarshal([]byte(r.saved(t)), &world); err != nil {
		t.Fatal(err)
	}
	delete(world.Counters, "id/req")
	delete(world.Counters, "id/stranger")
	kept := world.Tables[:0]
	for _, table := range world.Tables {
		if table.Name != "ledgers" && table.Name != "idempotency" {
			kept = append(kept, table)
		}
	}
	world.Tables = kept
	booked := world.Agenda[:0]
	for _, event := range world.Agenda {
		if event.Step != "idempotency.forget" {
			booked = append(booked, event)
		}
	}
	world.Agenda = booked
	b, err := json.Marshal(world, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
