package skystack

import (
	"errors"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/sandbox"
)

// outward is a refusal of the API to whoever did not ask over HTTP: errors.Is
// finds in it what a status would say.
type outward struct{ of *fail.Error }

// Error implements error.
func (r outward) Error() string { return r.of.Message }

// Unwrap returns the API's error.
func (r outward) Unwrap() error { return r.of }

// Is reports whether the refusal is of the kind that target stands for.
func (r outward) Is(target error) bool {
	return target == sandbox.ErrNotFound && r.of.Kind == fail.NotFound || target == sandbox.ErrConflict && r.of.Kind == fail.Conflict
}

// told makes *err, if it is a refusal of the API, one for tests and commands.
func told(err *error) {
	if e, ok := errors.AsType[*fail.Error](*err); ok {
		*err = outward{e}
	}
}
