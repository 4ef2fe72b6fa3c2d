package skystack_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// S10; section 4: what a request did and the record of it are one. Whatever copy of
// the world is taken, at whatever moment, it has both or none.
func TestChangeAndRecordAreOneS10(t *testing.T) {
	r := newRig(t, "empty")
	var all sync.WaitGroup
	served := make(chan struct{})
	for n := range 4 {
		all.Go(func() {
			for k := range 60 {
				if w := r.create(r.server, "/v1/instances", bookable, fmt.Sprintf("k-%d-%d", n, k)); w.Code != 201 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
	go func() { all.Wait(); close(served) }()
	for copies := 0; ; copies++ {
		rows := r.tables(t, "instances", "idempotency")
		if len(rows[0]) != len(rows[1]) {
			t.Fatalf("copy %d has %d instances and %d records", copies, len(rows[0]), len(rows[1]))
		}
		select {
		case <-served:
			if n := len(r.rows(t, "idempotency")); n != 240 {
				t.Errorf("%d records", n)
			}
			return
		default:
		}
	}
}

// S10; section 4: when a state comes back between the reservation of a key and the
// handler, and has an outcome of the key, that outcome is repeated. The work is not
// done twice.
func TestRestoredRecordIsRepeatedS10(t *testing.T) {
	r := newRig(t, "empty")
	first := r.create(r.server, "/v1/instances", bookable, "k")
	if first.Code != 201 {
		t.Fatalf("%d %s", first.Code, first.Body)
	}
	kept := r.world.Snapshot()
	for _, tc := range []struct {
		body   string
		status int
		want   string
	}{{bookable, 201, first.Body.String()}, {strings.Replace(bookable, `"n"`, `"m"`, 1), 422, "idempotency_key_reused"}} {
		r.world.Reset()
		server := staged(t, r, "idempotency", func(*httpapi.RequestContext, *httpapi.Server) error { return r.world.Restore(kept) })
		again := r.create(server, "/v1/instances", tc.body, "k")
		if again.Code != tc.status || !strings.Contains(again.Body.String(), tc.want) {
			t.Errorf("%d %s, want %d %s", again.Code, again.Body, tc.status, tc.want)
		}
		if n := len(r.rows(t, "instances")); n != 1 {
			t.Errorf("%d instances", n)
		}
	}
}

// A key that came to its end while its request was on its way does nothing (S34,
// S38), and neither does one that the state of the world has no more.
func TestKeyIsCheckedAgainInItsTransactionS38(t *testing.T) {
	for name, meanwhile := range map[string]struct {
		does func(t *testing.T, r *rig)
		code string
	}{
		"revoked": {func(t *testing.T, r *rig) {
			q := httptest.NewRequest(http.MethodDelete, "http://localhost/v1/tokens/tok_late", nil)
			q.Header.Set("Authorization", "Bearer "+r.key)
			if w := r.serve(q); w.Code != 204 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}, "token_revoked"},
		"gone with a reset": {func(_ *testing.T, r *rig) { r.api.Credentials.Drop(r.world) }, "invalid_token"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "empty")
			late := *r
			late.key = "late"
			r.addKey(t, "late", credential.Key{ID: "tok_late", CreatedBy: "configuration"})
			done := false
			server := staged(t, r, "contract", func(*httpapi.RequestContext, *httpapi.Server) error {
				if !done {
					done = true
					meanwhile.does(t, r)
				}
				return nil
			})
			w := late.create(server, "/v1/instances", bookable, "k")
			if w.Code != 401 || !strings.Contains(w.Body.String(), meanwhile.code) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if rows := r.tables(t, "instances", "idempotency"); len(rows[0])+len(rows[1]) != 0 {
				t.Errorf("instances %v, records %v", rows[0], rows[1])
			}
		})
	}
}
