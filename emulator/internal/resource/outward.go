package resource

import (
	"errors"
	"strings"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/sandbox"
)

// outward is a request error for callers of the Go API: errors.Is
// finds in it what a status would say.
type outward struct{ of *fail.Error }

// Error implements error.
func (r outward) Error() string {
	if len(r.of.Details) < 2 || r.of.Code != "invalid_parameter" {
		return r.of.Message
	}
	var all []string
	for _, d := range r.of.Details {
		all = append(all, strings.TrimSuffix(d.Message, "."))
	}
	return strings.Join(all, "; ")
}

// Unwrap returns the API's error.
func (r outward) Unwrap() error { return r.of }

// Is reports whether the refusal is of the kind of target.
func (r outward) Is(target error) bool {
	return target == sandbox.ErrNotFound && r.of.Kind == fail.NotFound || target == sandbox.ErrConflict && r.of.Kind == fail.Conflict
}

// Outward makes *err, if it is a refusal of an API, one for tests and commands.
func Outward(err *error) {
	if e, ok := errors.AsType[*fail.Error](*err); ok {
		*err = outward{e}
	}
}
