package httpapi

import (
	"context"
	"reflect"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// Call is the request for a handler: a transaction on the world, and the caller.
type Call struct {
	*engine.Tx // nil for a handler made by HandleUnlocked
	Caller
	// RequestID is the id of the request in responses and logs.
	RequestID string
	// Version is the API version of the request.
	Version string

	x *RequestContext
}

// Workspace returns the world of the caller, for a handler made by HandleUnlocked.
func (c *Call) Workspace() *engine.World { return c.x.World }

// Do runs f in a transaction, for a function made by HandleUnlocked.
func (c *Call) Do(f func(c *Call) error) error {
	return c.x.World.Do(func(tx *engine.Tx) error {
		inside := *c
		inside.Tx = tx
		defer func() { c.x.ObserveTime(tx.Now()) }()
		if err := c.x.visible(&inside); err != nil {
			return err
		}
		return f(&inside)
	})
}

// Precondition checks If-Match against the version of the object (S7).
func (c *Call) Precondition(version int) error {
	lines := c.x.Request.Header.Values("If-Match")
	if len(lines) == 0 || matches(lines, c.x.etag(version), false) {
		return nil
	}
	return fail.Newf(fail.Precondition, "precondition_failed", "If-Match names another version; the object is at %s now.", c.x.etag(version))
}

// RequestHeader returns a header of the request, "" if it was not sent.
func (c *Call) RequestHeader(name string) string { return c.x.Request.Header.Get(name) }

// IdempotencyKey returns the key of the request, "" if it has none.
func (c *Call) IdempotencyKey() string {
	if key := c.x.header["Idempotency-Key"]; len(key) > 0 { // Idempotency.LookUp sets it
		return key[0]
	}
	return ""
}

// Address returns the IP address of the client, "" if it has none.
func (c *Call) Address() string { return hostOf(c.x.Request.RemoteAddr) }

// URL returns the URL of the request with one query parameter replaced.
func (c *Call) URL(name, value string) string {
	r := c.x.Request
	q := r.URL.Query()
	q.Set(name, value)
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + r.URL.EscapedPath() + "?" + q.Encode()
}

// Operation returns the operation of the request.
func (c *Call) Operation() *Operation { return c.x.Op }

// Param returns a path parameter, "" if the route has none of the name.
func (c *Call) Param(name string) string { return c.x.Param(name) }

// Body tells which members the client sent. Before the contract is checked, nothing is
// known of their types.
func (c *Call) Body() Body { return Body{value: c.x.value, unread: c.x.unread} }

// Decode reads the body, which has been validated, into the type of in. Without a body
// it changes nothing.
func (c *Call) Decode(in any) error {
	if c.x.value == nil {
		return nil
	}
	return c.x.decode(in)
}

// DecodeMember is Decode for one member of the body, whatever the others are. Without it,
// it changes nothing.
func (c *Call) DecodeMember(name string, in any) error {
	var members map[string]jsontext.Value
	if err := c.Decode(&members); err != nil || members[name] == nil {
		return err
	}
	return decode(members[name], in)
}

// RawQuery returns a query parameter as it was sent, "" if it was not.
func (c *Call) RawQuery(name string) string { return c.x.Query(name) }

// Admission returns the value that the authenticating stage passed on.
func (c *Call) Admission() any { return c.x.Admission }

// Warn adds a warning for the client about something that was tolerated.
func (c *Call) Warn(text string) { c.x.Warn(text) }

// Handler serves one operation.
type Handler struct {
	operation string
	serve     func(x *RequestContext) (any, error)
	unlocked  bool // made by HandleUnlocked
	// check prepares the checks for a request that has violations already; nil for none.
	check         func(x *RequestContext) func(c *Call) []fail.Detail
	present       presence
	handlesDryRun bool // the handler implements dry_run itself instead of running on a copy
}

// Nothing is the output of an operation without a body.
type Nothing struct{}

// Check finds violations that the contract cannot express, because they depend on the
// world or on several members. They are reported together with those of the contract,
// so the input of a check may break the contract. Members of the wrong type are left
// out of it; Call.Body tells them from members that were not sent. A check must change
// nothing.
type Check[In any] = func(c *Call, in In) []fail.Detail

// function is the function of a handler without its types, so that the code that runs
// handlers is in the binary once and not once for each type of input.
type function struct {
	input  reflect.Type
	params []field
	// call runs the function; in points to the input.
	call func(c *Call, in any) (any, error)
	// check runs the checks; nil for none.
	check func(c *Call, in any) []fail.Detail
}

// erase makes a function that has no types of its own from one that has.
func erase[In, Out any](f func(c *Call, in In) (Out, error)) function {
	of := reflect.TypeFor[In]()
	return function{of, parametersOf(of), func(c *Call, in any) (any, error) { return f(c, *in.(*In)) }, nil}
}

// Handle makes a function the handler of an operation. Fields of In with the tag
// `path:"name"` or `query:"name"` are set from the route and the query, the others
// from the body, which has been validated before.
func Handle[In, Out any](operation string, f func(c *Call, in In) (Out, error), checks ...Check[In]) Handler {
	of := erase(f)
	if len(checks) > 0 {
		of.check = func(c *Call, in any) (details []fail.Detail) {
			for _, check := range checks {
				details = append(details, check(c, *in.(*In))...)
			}
			return details
		}
	}
	return of.handler(operation)
}

func (f *function) handler(operation string) Handler {
	h := Handler{operation: operation, serve: f.serve}
	h.handlesDryRun = slices.ContainsFunc(f.params, func(p field) bool { return p.from == "query" && p.name == dryRun })
	if f.check != nil {
		h.check = func(x *RequestContext) func(c *Call) []fail.Detail {
			in := f.readable(x)
			return func(c *Call) []fail.Detail { return f.check(c, in) }
		}
	}
	return h
}

// serve runs the function in a transaction.
func (f *function) serve(x *RequestContext) (any, error) {
	for tries := 0; ; tries++ {
		in, err := f.read(x)
		if err != nil {
			return nil, err
		}
		var moved *baseChange
		out, err := x.transact(func(c *Call) (any, error) {
			if moved = x.baseChanged(c); moved != nil {
				if tries < maxRereads {
					return nil, errBaseChanged
				}
				err := x.recheck(moved)
				if moved = nil; err == nil {
					reflect.ValueOf(in).Elem().SetZero()
					err = f.readInto(x, in)
				}
				if err != nil {
					return nil, err
				}
			}
			if f.check != nil {
				if details := f.check(c, in); len(details) > 0 {
					return nil, fail.Parameters(details...)
				}
			}
			if err := x.checkBudget(c.Tx); err != nil {
				return nil, err
			}
			out, err := f.call(c, in)
			x.ObserveTime(c.Now()) // the function may have advanced time
			return out, err
		})
		if moved == nil {
			return out, err
		}
		if err := x.recheck(moved); err != nil {
			return nil, err
		}
	}
}

// HandleWithoutWorld is Handle for an operation that concerns no workspace. Its Call
// has no transaction, so that it waits for no world.
func HandleWithoutWorld[In, Out any](operation string, f func(c *Call, in In) (Out, error)) Handler {
	of := erase(f)
	return Handler{operation: operation, serve: of.serveWithoutWorld}
}

func (f *function) serveWithoutWorld(x *RequestContext) (any, error) {
	in, err := f.read(x)
	if err != nil {
		return nil, err
	}
	return f.call(x.call(nil), in)
}

// transact runs a handler's function in a transaction. The same transaction checks
// that the caller is still allowed, looks for the outcome of an earlier request with
// the same key, and stores the outcome.
func (x *RequestContext) transact(f func(c *Call) (any, error)) (out any, err error) {
	do := x.World.Do
	if x.onCopy() {
		do = x.World.Try
	}
	var found *record
	_ = do(func(tx *engine.Tx) error {
		c := x.call(tx)
		if err = x.admitted(c); err != nil {
			return err
		}
		if r, ok := x.storedOutcome(tx); ok {
			found = &r
			return nil
		}
		if err = x.within(c); err == nil {
			out, err = f(c)
		}
		if x.storeOutcome(tx, out, err) {
			return nil // storing an error is no change of the handler
		}
		return err
	})
	if found != nil {
		err = x.replay(*found, x.reservation.fingerprint)
	}
	return out, err
}

// admitted checks the caller again in the transaction of the handler: the world can
// have changed since the request was authenticated.
func (x *RequestContext) admitted(c *Call) error {
	if x.api.Admitted == nil {
		return nil
	}
	return x.api.Admitted(c)
}

// within checks that the object of the request lies in the part of the world that the
// caller may use.
func (x *RequestContext) within(c *Call) error {
	if x.api.Within == nil {
		return nil
	}
	return x.api.Within(c)
}

// visible returns an error if the caller may not see the object of the request. Every
// transaction that reads the world for a request calls it first, so that a validation
// error reveals nothing either.
func (x *RequestContext) visible(c *Call) error {
	if err := x.admitted(c); err != nil {
		return err
	}
	return x.within(c)
}

// HandleUnlocked is Handle for a function that must not hold the lock of the world
// because it advances time, replaces the state or waits. Its Call has no transaction.
// The function may run for any time; its context ends when the client disconnects. A
// field of In with the tag `body:"raw"` gets the body as it was sent, where the
// contract has x-raw-body; it is valid until the function returns. Where the contract
// has x-stream-body, the field is an io.Reader and the function reads the body.
func HandleUnlocked[In, Out any](operation string, f func(ctx context.Context, c *Call, in In) (Out, error)) Handler {
	of := erase(func(c *Call, in In) (Out, error) { return f(c.x.Request.Context(), c, in) })
	return Handler{operation: operation, unlocked: true, serve: of.serveUnlocked}
}

func (f *function) serveUnlocked(x *RequestContext) (any, error) {
	in, err := f.read(x)
	if err != nil {
		return nil, err
	}
	defer x.withoutDeadlines()()
	return f.call(x.call(nil), in)
}

// read converts the request to the type of the function, and returns a pointer to it.
func (f *function) read(x *RequestContext) (in any, err error) {
	in = reflect.New(f.input).Interface()
	return in, f.readInto(x, in)
}

func (f *function) readInto(x *RequestContext, in any) error {
	if x.value != nil {
		if err := x.decode(in); err != nil {
			return err
		}
	}
	if len(f.params) > 0 {
		fill(x, reflect.ValueOf(in).Elem(), f.params)
	}
	return nil
}

// Call returns the request as a Call without a transaction, for stages.
func (x *RequestContext) Call() *Call { return x.call(nil) }

func (x *RequestContext) call(tx *engine.Tx) *Call {
	return &Call{Tx: tx, Caller: x.Caller, RequestID: x.ID, Version: x.Version, x: x}
}

// furtherViolations runs the checks of the handler on a request that breaks the contract.
func (x *RequestContext) furtherViolations() (details []fail.Detail) {
	check := x.Op.handler.check(x)
	_ = x.World.Do(func(tx *engine.Tx) error {
		c := x.call(tx)
		if err := x.visible(c); err != nil {
			return err
		}
		details = check(c)
		return nil
	})
	return details
}

// Invoke is the stage that runs the handler in a transaction.
func Invoke(x *RequestContext) error {
	out, err := x.Op.handler.serve(x)
	if err != nil || x.done { // done: the outcome of an earlier request was replayed
		return err
	}
	x.served, x.output, x.response.Status = true, out, x.statusOf(out)
	return nil
}

// statusOf returns the status of a response with an output.
func (x *RequestContext) statusOf(out any) int {
	if s, ok := out.(StatusCoder); ok {
		return s.ResponseStatus()
	}
	if raw, ok := out.(Raw); ok && raw.Status != 0 {
		return raw.Status
	}
	return x.Op.status
}
