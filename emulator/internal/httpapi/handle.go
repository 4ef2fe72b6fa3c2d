package httpapi

import (
	"context"
	"reflect"
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// Call is what a handler knows of the request beyond its input: the world, as a
// transaction, and who is calling.
type Call struct {
	*engine.Tx // nil for a handler made by Act
	Caller
	// RequestID names the request in answers and logs.
	RequestID string
	// Version is the API version the caller speaks.
	Version string

	x *RequestContext
}

// Workspace is the world of the caller, for a handler made by Act.
func (c *Call) Workspace() *engine.World { return c.x.World }

// Do runs f in a transaction, for a function made by Act.
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

// RequestHeader is a header of the request, "" if it was not sent.
func (c *Call) RequestHeader(name string) string { return c.x.Request.Header.Get(name) }

// IdempotencyKey is the key of the request, "" if it has none.
func (c *Call) IdempotencyKey() string {
	if key := c.x.header["Idempotency-Key"]; len(key) > 0 { // the stage that looks it up echoes it
		return key[0]
	}
	return ""
}

// Operation is the one that is served.
func (c *Call) Operation() *Operation { return c.x.Op }

// Param is a path parameter, "" if the route has none of the name.
func (c *Call) Param(name string) string { return c.x.Param(name) }

// Body is the body of the request by its members; nil if it has none.
func (c *Call) Body() Fields { return c.x.fields() }

// RawQuery is a query parameter as it was sent, "" if it was not.
func (c *Call) RawQuery(name string) string { return c.x.Query(name) }

// Admission is what the stage that authenticates left for the handlers.
func (c *Call) Admission() any { return c.x.Admission }

// Warn tells the sender about something that was tolerated.
func (c *Call) Warn(text string) { c.x.Warn(text) }

// Fields is a request body by its members, whatever their types.
type Fields map[string]any

// Text is a member if it is a string; "" otherwise.
func (f Fields) Text(name string) string {
	s, _ := f[name].(string)
	return s
}

// Handler serves one operation.
type Handler struct {
	operation     string
	serve         func(x *RequestContext) (any, error)
	unlocked      bool // made by Act
	check         func(c *Call, body Fields) []fail.Detail
	present       presence
	handlesDryRun bool // says itself what it would do, instead of doing it on a copy
}

// Nothing is the output of an operation without a body.
type Nothing struct{}

// Handle makes a function the handler of an operation. Fields of In tagged
// `path:"name"` and `query:"name"` are filled from the route and the query, the
// others from the body, whose schema has been checked before.
func Handle[In, Out any](operation string, f func(c *Call, in In) (Out, error)) Handler {
	params := parametersOf(reflect.TypeFor[In]())
	h := Handler{operation: operation, handlesDryRun: slices.ContainsFunc(params, func(p field) bool { return p.from == "query" && p.name == dryRun })}
	h.serve = func(x *RequestContext) (any, error) {
		for tries := 0; ; tries++ {
			in, err := input[In](x, params)
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
						in, err = input[In](x, params)
					}
					if err != nil {
						return nil, err
					}
				}
				if check := x.Op.handler.check; check != nil {
					if details := check(c, x.fields()); len(details) > 0 {
						return nil, fail.Parameters(details...)
					}
				}
				if err := x.checkBudget(c.Tx); err != nil {
					return nil, err
				}
				out, err := f(c, in)
				x.ObserveTime(c.Now()) // which the function may have moved
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
	return h
}

// HandleWithoutWorld is Handle for what concerns no workspace: its Call has no transaction,
// so that nobody waits for a world.
func HandleWithoutWorld[In, Out any](operation string, f func(c *Call, in In) (Out, error)) Handler {
	params := parametersOf(reflect.TypeFor[In]())
	return Handler{operation: operation, serve: func(x *RequestContext) (any, error) {
		in, err := input[In](x, params)
		if err != nil {
			return nil, err
		}
		return f(x.call(nil), in)
	}}
}

// transact runs a handler's function in its transaction, with all that belongs into
// the same one: that the caller may still do it, the outcome that a repetition gets,
// and the record of it.
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
			return nil // what is kept of a refusal is no change that the handler made
		}
		return err
	})
	if found != nil {
		err = x.replay(*found, x.reservation.fingerprint)
	}
	return out, err
}

// admitted asks the API again, in the transaction in which the caller acts, whether
// it may: the world can have changed since the request was authenticated.
func (x *RequestContext) admitted(c *Call) error {
	if x.api.Admitted == nil {
		return nil
	}
	return x.api.Admitted(c)
}

// within asks the API whether what the request is about lies where the caller may go.
func (x *RequestContext) within(c *Call) error {
	if x.api.Within == nil {
		return nil
	}
	return x.api.Within(c)
}

// visible refuses a caller who may not see what the request is about. Whatever reads
// the world on behalf of a request asks it first, so that a violation of the request
// tells nothing either.
func (x *RequestContext) visible(c *Call) error {
	if err := x.admitted(c); err != nil {
		return err
	}
	return x.within(c)
}

// HandleUnlocked is Handle for a function that must not hold the world: because it moves
// time, replaces the world or waits. Its Call has no transaction. It may take as
// long as it takes; the context ends when the client goes away. A field of In
// tagged `body:"raw"` gets the body as it was sent, where the contract says
// x-raw-body; it is the function's only until it returns. Where the contract says
// x-stream-body the field is an io.Reader, and the body is read by the function.
func HandleUnlocked[In, Out any](operation string, f func(ctx context.Context, c *Call, in In) (Out, error)) Handler {
	params := parametersOf(reflect.TypeFor[In]())
	return Handler{operation: operation, unlocked: true, serve: func(x *RequestContext) (any, error) {
		in, err := input[In](x, params)
		if err != nil {
			return nil, err
		}
		defer x.withoutDeadlines()()
		return f(x.Request.Context(), x.call(nil), in)
	}}
}

// input is what the request says, in the handler's type.
func input[In any](x *RequestContext, params []field) (in In, err error) {
	if x.value != nil {
		if err := x.decode(&in); err != nil {
			return in, err
		}
	}
	if len(params) > 0 {
		fill(x, reflect.ValueOf(&in).Elem(), params)
	}
	return in, nil
}

// WithCheck adds a check of what only the world can tell, such as names that must
// exist. Its violations are reported together with those the contract finds, so it
// sees a body that may break the contract. It must change nothing.
func (h Handler) WithCheck(check func(c *Call, body Fields) []fail.Detail) Handler {
	h.check = check
	return h
}

// Call is the request for a stage, which has no transaction.
func (x *RequestContext) Call() *Call { return x.call(nil) }

func (x *RequestContext) call(tx *engine.Tx) *Call {
	return &Call{Tx: tx, Caller: x.Caller, RequestID: x.ID, Version: x.Version, x: x}
}

func (x *RequestContext) fields() Fields {
	object, _ := x.value.(map[string]any)
	return object
}

func (x *RequestContext) furtherViolations() (details []fail.Detail) {
	_ = x.World.Do(func(tx *engine.Tx) error {
		c := x.call(tx)
		if err := x.visible(c); err != nil {
			return err
		}
		details = x.Op.handler.check(c, x.fields())
		return nil
	})
	return details
}

// Invoke is the stage that runs the handler in a transaction.
func Invoke(x *RequestContext) error {
	out, err := x.Op.handler.serve(x)
	if err != nil || x.done { // done: the outcome of an earlier request was repeated
		return err
	}
	x.served, x.output, x.response.Status = true, out, x.statusOf(out)
	return nil
}

// statusOf is the status of the response with an output.
func (x *RequestContext) statusOf(out any) int {
	if s, ok := out.(StatusCoder); ok {
		return s.ResponseStatus()
	}
	return x.Op.status
}
