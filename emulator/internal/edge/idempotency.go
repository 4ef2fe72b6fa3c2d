package edge

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

const (
	idempotencyLife = 24 * time.Hour
	maxRecords      = 10_000
	forgetStep      = "idempotency.forget"
)

// Idempotency answers a repeated request with the answer the first one got
// (section 4; S10). Its records belong to the world; what is still running does
// not, for it would never end in a copy.
type Idempotency struct {
	records *engine.Table[record]

	mu      sync.Mutex
	running map[runningKey]bool
}

type runningKey struct {
	world *engine.World
	id    string
}

// record is an answer kept for repetitions.
type record struct {
	Fingerprint string `json:"fingerprint"`
	Status      int    `json:"status"`
	Body        []byte `json:"body"`
	ETag        string `json:"etag"`
	Location    string `json:"location"`
	RetryAfter  string `json:"retry_after"`
	// Holder is the id of the credential whose request was answered with a secret,
	// "" if the answer holds none. Body is empty then, for secrets are not saved
	// (S24); what the world remembers while it lives is in secret.
	Holder string `json:"holder"`
	secret []byte
}

// Bookkeeping implements engine.Bookkeeping.
func (record) Bookkeeping() bool { return true }

// CheckSaved implements engine.Checker.
func (r record) CheckSaved(string) error {
	if r.Status < http.StatusOK || r.Status > 599 {
		return fmt.Errorf("status: %d is that of no answer", r.Status)
	}
	return nil
}

// pledge is the key a running request holds.
type pledge struct {
	keeper      *Idempotency
	key         runningKey
	fingerprint string
}

// NewIdempotency adds the records to a schema.
func NewIdempotency(schema *engine.Schema) *Idempotency {
	i := &Idempotency{running: map[runningKey]bool{}}
	i.records = engine.AddTable[record](schema, "idempotency", nil)
	schema.AddBookkeeping(forgetStep, func(tx *engine.Tx, id string) { i.records.Delete(tx, id) })
	return i
}

// LookUp is the stage that replays a known answer, refuses a key that is in use
// or was used for another request, or notes that this request holds the key.
func (i *Idempotency) LookUp(x *Exchange) error {
	lines := x.Request.Header["Idempotency-Key"]
	if len(lines) == 0 || !x.Op.changes() || x.dryRun() { // what has not happened is not repeated
		return nil
	}
	key, ok := idempotencyKey(lines)
	if !ok {
		d := fault(fail.Header, "Idempotency-Key", "invalid_format", "Idempotency-Key must be given once, with 1 to 255 visible ASCII characters.")
		return &fail.Error{Kind: fail.Invalid, Code: "invalid_idempotency_key", Message: d.Message, Details: []fail.Detail{d}}
	}
	if err := x.readBody(); err != nil {
		return err
	}
	x.Set("Idempotency-Key", key)
	p := &pledge{keeper: i, fingerprint: x.fingerprint()}
	p.key = runningKey{x.World, digest(x.Request.Method, x.Op.Canonical, strings.Join(x.params, "/"), key)}
	var found record
	var known, held bool
	_ = x.World.Do(func(tx *engine.Tx) error { // in one step, so that no answer is kept in between
		found, known = i.records.Get(tx, p.key.id)
		held = !known && i.hold(p.key)
		return nil
	})
	if held {
		x.pledge = p
		return nil
	}
	if !known {
		return &fail.Error{
			Kind: fail.Conflict, Code: "idempotency_in_progress", RetryAfter: time.Second,
			Message: "A request with this Idempotency-Key is still being served; repeat this one later.",
		}
	}
	if found.Fingerprint != p.fingerprint {
		return fail.New(fail.Reused, "idempotency_key_reused",
			"This Idempotency-Key was used for a request with another body, query or version; take a new key for a new request.")
	}
	if found.Holder != "" {
		if found.secret == nil || found.Holder != x.Caller.Token {
			return notRepeated(found.Location)
		}
		found.Body = found.secret
	}
	x.Set("Idempotent-Replayed", "true")
	if found.Holder != "" || found.Status >= http.StatusBadRequest {
		x.Header()["Cache-Control"] = []string{"no-store"}
	}
	x.finish(Answer{Status: found.Status, Body: found.Body, ETag: found.ETag, Location: found.Location, RetryAfter: found.RetryAfter})
	return nil
}

// notRepeated refuses to repeat an answer that held a secret: to another than who
// got it, or because it was not saved. What was made is not made again.
func notRepeated(location string) error {
	return fail.Newf(fail.Conflict, "secret_not_repeated",
		"A request with this Idempotency-Key has made %s, whose secret is shown again only to the key that asked for it and never after the state was saved and loaded. "+
			"Delete it and make another with a new Idempotency-Key.", location)
}

// settle keeps the answer of a request that holds a key, if it is one that a
// repetition must get too.
func (i *Idempotency) settle(x *Exchange) {
	a := x.answer
	_ = x.World.Do(func(tx *engine.Tx) error {
		if i.records.Len(tx) >= maxRecords {
			x.Warn("idempotency_full: this answer is not kept")
			return nil
		}
		r := record{
			Fingerprint: x.pledge.fingerprint, Status: a.Status, Body: bytes.Clone(a.Body), ETag: a.ETag, Location: a.Location, RetryAfter: a.RetryAfter,
		}
		if x.Op.secret && x.served {
			r.Body, r.secret, r.Holder = nil, r.Body, x.Caller.Token
		}
		i.records.Put(tx, x.pledge.key.id, r)
		tx.After(idempotencyLife, forgetStep, x.pledge.key.id)
		return nil
	})
}

func (i *Idempotency) hold(key runningKey) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running[key] {
		return false
	}
	i.running[key] = true
	return true
}

// release gives the key back that the exchange holds, if any.
func (x *Exchange) release() {
	if p := x.pledge; p != nil {
		x.pledge = nil
		p.keeper.mu.Lock()
		delete(p.keeper.running, p.key)
		p.keeper.mu.Unlock()
	}
}

// keep stores the answer when the request got as far as its handler and was not
// refused as malformed: a corrected repetition may use the key again. What the
// handler did stays done, so whatever became of its answer then is kept too.
func (x *Exchange) keep() {
	if x.pledge == nil || !x.invoked || !x.done {
		return
	}
	if e := x.failed; !x.served && e != nil && (e.Kind == fail.Invalid || e.Kind == fail.Internal) {
		return
	}
	x.pledge.keeper.settle(x)
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
func (x *Exchange) fingerprint() string {
	return digest(x.Request.Method, x.Op.Canonical, strings.Join(x.params, "/"), x.Request.URL.RawQuery, x.Version,
		x.Request.Header.Get("Skystack-Project"), string(x.body))
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
