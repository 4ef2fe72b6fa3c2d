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

// Idempotency gives a repeated request the outcome of the first one (section 4;
// S10). Its records belong to the world, and each is made in the transaction of the
// handler whose outcome it is: no reset, snapshot or fork comes between the two. What
// is still being served does not belong to the world, for it would never end in a copy.
type Idempotency struct {
	records *engine.Table[record]

	mu      sync.Mutex
	running map[runningKey]bool
}

type runningKey struct {
	world *engine.World
	id    string
}

// record is an outcome kept for repetitions. What came of a request that this
// process served is in live; Body is its encoded form, of a record that was saved
// and loaded.
type record struct {
	Fingerprint string `json:"fingerprint"`
	Status      int    `json:"status"`
	Body        []byte `json:"body"`
	ETag        string `json:"etag"`
	Location    string `json:"location"`
	RetryAfter  string `json:"retry_after"`
	// Holder is the id of the credential whose request was answered with a secret,
	// "" if the response holds none. A saved record has no secret (S24).
	Holder string `json:"holder"`

	live *outcome
}

// outcome is what a handler returned, which never changes: its output, or else the
// refusal. A response is encoded from it, at first and whenever it is repeated.
type outcome struct {
	output  any
	refusal *fail.Error
	// api and version are how the output is rendered; request is the id that the
	// body of a refusal shows.
	api              *API
	version, request string
}

func (r record) checkSaved(string) error {
	if r.Status < http.StatusOK || r.Status > 599 {
		return fmt.Errorf("status: %d is that of no answer", r.Status)
	}
	return nil
}

// MarshalJSON writes the record as it is saved: with the encoded body, and without
// one that holds a secret.
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

// response is that of the record, encoded as the first one was. The world is
// the one that it is sent from; nil when it is sent to nobody.
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

// reservation is the key that a request holds while it is served.
type reservation struct {
	idempotency *Idempotency
	key         runningKey
	fingerprint string
}

// NewIdempotency adds the records to a schema.
func NewIdempotency(schema *engine.Schema) *Idempotency {
	i := &Idempotency{running: map[runningKey]bool{}}
	i.records = engine.AddTable(schema, engine.Kind[record]{Name: "idempotency", Check: record.checkSaved, Internal: engine.Always[record]})
	schema.AddInternal(expireStep, func(tx *engine.Tx, id string) { i.records.Delete(tx, id) })
	return i
}

// LookUp is the stage that repeats a known outcome, refuses a key that is in use
// or was used for another request, or reserves the key for this request.
func (i *Idempotency) LookUp(x *RequestContext) error {
	lines := x.Request.Header["Idempotency-Key"]
	if len(lines) == 0 || !x.Op.changes() || x.dryRun() { // what has not happened is not repeated
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
	_ = x.World.Do(func(tx *engine.Tx) error { // in one step, so that no outcome is kept in between
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

// secretNotRepeated refuses to repeat a response that held a secret: to another than the
// one who got it, or because it was not saved. What was made is not made again.
func secretNotRepeated(location string) error {
	return fail.Newf(fail.Conflict, "secret_not_repeated",
		"A request with this Idempotency-Key has made %s, whose secret is shown again only to the key that asked for it and never after the state was saved and loaded. "+
			"Delete it and make another with a new Idempotency-Key.", location)
}

// storedOutcome is the outcome that the world has of the request, which came there after
// the key was reserved: with a state that was restored.
func (x *RequestContext) storedOutcome(tx *engine.Tx) (r record, ok bool) {
	if x.reservation == nil {
		return r, false
	}
	return x.reservation.idempotency.records.Get(tx, x.reservation.key.id)
}

// storeOutcome stores what became of a request that holds a key, in the transaction in
// which it happened, and reports whether it did. A request that was wrong, or whose
// caller may not do it, may be sent again with its key; so may one whose refusal
// says when to come back.
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

// release gives the key back that the request holds, if any.
func (x *RequestContext) release() {
	if r := x.reservation; r != nil {
		x.reservation = nil
		r.idempotency.mu.Lock()
		delete(r.idempotency.running, r.key)
		r.idempotency.mu.Unlock()
	}
}

// idempotencyKey reads the header, bare or as a quoted string.
func idempotencyKey(lines []string) (string, bool) {
	key := lines[0]
	if n := len(key); n >= 2 && key[0] == '"' && key[n-1] == '"' {
		key = key[1 : n-1]
	}
	visible := strings.IndexFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
	return key, len(lines) == 1 && key != "" && len(key) <= 255 && visible
}

// fingerprint tells two requests apart that carry the same key.
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
