package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

const (
	idempotencyLife = 24 * time.Hour
	maxRecords      = 10_000
	expireStep      = "idempotency.forget"
)

// Idempotency gives a repeated request the outcome of the first one (section 4; S10).
// The records are rows of the world. Each is stored in the transaction of the handler
// that produced the outcome, so no reset, snapshot or fork can separate the two.
// Reservations of running requests are not part of the world, because they would never
// end in a copy.
type Idempotency struct {
	records *engine.Table[record]

	mu      sync.Mutex
	running map[runningKey]bool
}

type runningKey struct {
	world *engine.World
	id    string
}

// record is a stored outcome. live is the outcome of a request that this process
// served. Body is its encoded form in a record that was saved and loaded.
type record struct {
	Fingerprint string `json:"fingerprint"`
	Status      int    `json:"status"`
	Body        []byte `json:"body"`
	ETag        string `json:"etag"`
	Location    string `json:"location"`
	RetryAfter  string `json:"retry_after"`
	// Holder is the id of the credential whose response contained a secret, "" if it
	// contained none. A saved record has no secret (S24).
	Holder string `json:"holder"`

	live *outcome
}

// outcome is the result of a handler, which never changes: its output, or its error.
// The first response and every replay are encoded from it.
type outcome struct {
	output  any
	refusal *fail.Error
	// api and version determine how the output is rendered. request is the id in the
	// body of an error.
	api              *API
	version, request string
}

func (r record) checkSaved(string) error {
	if r.Status < http.StatusOK || r.Status > 599 {
		return fmt.Errorf("status: %d is not a response status", r.Status)
	}
	return nil
}

// MarshalJSON writes the record with the encoded body, unless it contains a secret.
func (r record) MarshalJSON() ([]byte, error) {
	type saved record
	if r.live != nil {
		a, err := r.response(nil)
		if err != nil {
			return nil, err
		}
		r.Status, r.Body, r.RetryAfter = a.Status, a.Body, a.RetryAfter
	}
	if r.Holder != "" {
		r.Body = nil
	}
	return jsonv2.Marshal(saved(r), jsonv2.Deterministic(true))
}

// response encodes the response of the record as the first one was encoded. w is the
// world of the client; nil when the response is not sent.
func (r record) response(w *engine.World) (Response, error) {
	a := Response{Status: r.Status, Body: r.Body, ETag: r.ETag, Location: r.Location, RetryAfter: r.RetryAfter}
	if r.live == nil {
		return a, nil
	}
	x := &RequestContext{World: w, api: r.live.api, Version: r.live.version, ID: r.live.request, header: http.Header{}}
	if r.live.refusal != nil {
		return x.api.RenderError(x, r.live.refusal), nil
	}
	if raw, ok := r.live.output.(Raw); ok {
		a.Type, a.Body = raw.Type, raw.Body
		return a, nil
	}
	var err error
	if a.Status != http.StatusNoContent {
		a.Body, err = x.renderedBody(r.live.output, nil)
	}
	return a, err
}

// reservation is the key that a running request holds.
type reservation struct {
	idempotency *Idempotency
	key         runningKey
	fingerprint string
}

// NewIdempotency adds the table of records to a schema.
func NewIdempotency(schema *engine.Schema) *Idempotency {
	i := &Idempotency{running: map[runningKey]bool{}}
	i.records = engine.AddTable(schema, engine.Kind[record]{Name: "idempotency", Check: record.checkSaved, Internal: engine.Always[record]})
	schema.AddInternal(expireStep, func(tx *engine.Tx, id string) { i.records.Delete(tx, id) })
	return i
}

// LookUp is the stage that replays a stored outcome, rejects a key that is in use or
// was used for another request, or reserves the key for this request.
func (i *Idempotency) LookUp(x *RequestContext) error {
	lines := x.Request.Header["Idempotency-Key"]
	if len(lines) == 0 || !x.Op.changes() || x.dryRun() { // a dry run has no outcome
		return nil
	}
	key, ok := idempotencyKey(lines)
	if !ok {
		d := violation(fail.Header, "Idempotency-Key", "invalid_format", "Idempotency-Key must be given once, with 1 to 255 visible ASCII characters.")
		return &fail.Error{Kind: fail.Invalid, Code: "invalid_idempotency_key", Message: d.Message, Details: []fail.Detail{d}}
	}
	if err := x.readBody(); err != nil {
		return err
	}
	x.Set("Idempotency-Key", key)
	r := &reservation{idempotency: i, fingerprint: x.fingerprint()}
	r.key = runningKey{x.World, digest(x.Request.Method, x.Op.Canonical, strings.Join(x.params, "/"), x.Caller.Project, key)}
	var found record
	var known, held bool
	_ = x.World.Do(func(tx *engine.Tx) error { // in one transaction, so that no outcome is stored in between
		found, known = i.records.Get(tx, r.key.id)
		held = !known && i.reserve(r.key)
		return nil
	})
	if held {
		x.reservation = r
		return nil
	}
	if !known {
		return &fail.Error{
			Kind: fail.Conflict, Code: "idempotency_in_progress", RetryAfter: time.Second,
			Message: "A request with this Idempotency-Key is still being served; repeat this one later.",
		}
	}
	return x.replay(found, r.fingerprint)
}

// replay ends the request with the outcome of the first request.
func (x *RequestContext) replay(r record, fingerprint string) error {
	if r.Fingerprint != fingerprint {
		return fail.New(fail.Reused, "idempotency_key_reused",
			"This Idempotency-Key was used for a request with another body, query or version; take a new key for a new request.")
	}
	if r.Holder != "" && (r.live == nil || r.Holder != x.Caller.Token) {
		return secretNotRepeated(r.Location)
	}
	a, err := r.response(x.World)
	if err != nil {
		return err
	}
	x.Set("Idempotent-Replayed", "true")
	if r.Holder != "" || a.Status >= http.StatusBadRequest {
		x.header["Cache-Control"] = []string{"no-store"}
	}
	x.finish(a)
	return nil
}

// secretNotRepeated returns the error for a response that contained a secret, when
// another client repeats the request or the record was saved and loaded.
func secretNotRepeated(location string) error {
	return fail.Newf(fail.Conflict, "secret_not_repeated",
		"A request with this Idempotency-Key has made %s, whose secret is shown again only to the key that asked for it and never after the state was saved and loaded. "+
			"Delete it and make another with a new Idempotency-Key.", location)
}

// storedOutcome returns an outcome that appeared in the world after the key was
// reserved, by a restore.
func (x *RequestContext) storedOutcome(tx *engine.Tx) (r record, ok bool) {
	if x.reservation == nil {
		return r, false
	}
	return x.reservation.idempotency.records.Get(tx, x.reservation.key.id)
}

// storeOutcome stores the outcome of a request with a key in the transaction of its
// handler, and reports whether it did. It does not store outcomes that a retry with
// the same key may change: validation errors, missing rights, and errors with
// Retry-After.
func (x *RequestContext) storeOutcome(tx *engine.Tx, out any, err error) bool {
	if x.reservation == nil {
		return false
	}
	r := record{Fingerprint: x.reservation.fingerprint, live: &outcome{api: x.api, version: x.Version, request: x.ID}}
	if err != nil {
		e := fail.Of(err)
		if e.Kind == fail.Invalid || e.Kind == fail.Internal || e.Kind == fail.Unauthenticated || e.OfCaller || e.RetryAfter > 0 || tx.Dirty() {
			return false
		}
		r.live.refusal = e
	} else {
		if _, endless := out.(Stream); endless {
			return false
		}
		a := x.head(x.statusOf(out), out)
		r.live.output, r.Status, r.ETag, r.Location, r.RetryAfter = out, a.Status, a.ETag, a.Location, a.RetryAfter
		if x.Op.secret {
			r.Holder = x.Caller.Token
		}
	}
	keeper := x.reservation.idempotency
	if keeper.records.Len(tx) >= maxRecords {
		x.Warn("idempotency_full: this answer is not kept")
		return false
	}
	keeper.records.Put(tx, x.reservation.key.id, r)
	tx.After(idempotencyLife, expireStep, x.reservation.key.id)
	return true
}

func (i *Idempotency) reserve(key runningKey) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running[key] {
		return false
	}
	i.running[key] = true
	return true
}

// release releases the key that the request holds, if any.
func (x *RequestContext) release() {
	if r := x.reservation; r != nil {
		x.reservation = nil
		r.idempotency.mu.Lock()
		delete(r.idempotency.running, r.key)
		r.idempotency.mu.Unlock()
	}
}

// idempotencyKey parses the header, bare or as a quoted string.
func idempotencyKey(lines []string) (string, bool) {
	key := lines[0]
	if n := len(key); n >= 2 && key[0] == '"' && key[n-1] == '"' {
		key = key[1 : n-1]
	}
	visible := strings.IndexFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
	return key, len(lines) == 1 && key != "" && len(key) <= 255 && visible
}

// fingerprint returns a hash that differs for different requests with the same key.
func (x *RequestContext) fingerprint() string {
	parts := []string{x.Request.Method, x.Op.Canonical, strings.Join(x.params, "/"), x.Request.URL.RawQuery, x.Version}
	for _, name := range x.api.Headers.Scope {
		parts = append(parts, x.Request.Header.Get(name))
	}
	return digest(append(parts, string(x.body))...)
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
