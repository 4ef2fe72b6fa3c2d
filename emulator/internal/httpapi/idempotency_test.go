package httpapi

import (
	"errors"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// An outcome is kept for the key when it would be the same again. What the sandbox
// itself got wrong, what the client can correct, what is about the caller, and what
// passes with time is not: the key is free for the same request (S10).
func TestOutcomesKept(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		code string
		kept bool
	}{
		"a conflict":         {&fail.Error{Kind: fail.Conflict, Code: "taken"}, "taken", true},
		"not found":          {fail.New(fail.NotFound, "gone", "x"), "gone", true},
		"forbidden":          {fail.New(fail.Forbidden, "quota", "x"), "quota", true},
		"an error of Go":     {errors.New("out of order"), "internal_error", false},
		"an internal error":  {fail.New(fail.Internal, "broken", "x"), "broken", false},
		"invalid":            {fail.New(fail.Invalid, "wrong", "x"), "wrong", false},
		"unauthenticated":    {fail.New(fail.Unauthenticated, "unknown", "x"), "unknown", false},
		"about the caller":   {&fail.Error{Kind: fail.Forbidden, Code: "may_not", OfCaller: true}, "may_not", false},
		"with a Retry-After": {&fail.Error{Kind: fail.Conflict, Code: "busy", RetryAfter: time.Second}, "busy", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTestAPI(t)
			keeper := NewIdempotency(p.schema)
			calls := 0
			p.create = func(_ *Call, in thing) (thing, error) {
				if calls++; calls == 1 {
					return thing{}, tc.err
				}
				return in, nil
			}
			open := func(x *RequestContext) error {
				return x.World.Do(func(tx *engine.Tx) error { x.Open(tx); return nil })
			}
			p.api.Pipeline = append([]Stage{{"open", open}, {"idempotency", keeper.LookUp}}, p.api.Pipeline...)
			s := p.serve(t, Options{})
			first := send(s, "POST", "/things", `{"name":"a"}`, "Idempotency-Key", "k")
			if !strings.Contains(first.Body.String(), `"code":"`+tc.code+`"`) || first.Header().Get("Idempotent-Replayed") != "" {
				t.Fatalf("the first: got %d %v %s", first.Code, first.Header(), first.Body)
			}
			again := send(s, "POST", "/things", `{"name":"a"}`, "Idempotency-Key", "k")
			if !tc.kept {
				if again.Code != 201 || again.Body.String() != `{"name":"a"}` || again.Header().Get("Idempotent-Replayed") != "" || calls != 2 {
					t.Errorf("the second is not served: %d calls, got %d %v %s", calls, again.Code, again.Header(), again.Body)
				}
				return
			}
			if again.Code != first.Code || again.Body.String() != first.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" || calls != 1 {
				t.Errorf("the second is not a repetition: %d calls, got %d %v %s", calls, again.Code, again.Header(), again.Body)
			}
		})
	}
}
