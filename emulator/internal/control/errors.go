package control

import (
	"encoding/json"
	"errors"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/sandbox"
)

// refusal converts an error of a workspace to a request error. It is never an internal
// error.
func refusal(err error) error {
	var refused *fail.Error
	var over *engine.OverBudget
	var unread *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unread): // its text names Go types
		return invalidMember(fail.Body, unread.Field, "invalid_type", unread.Field+" has a value that cannot be read here.")
	case errors.As(err, &over): // package httpapi converts it for all APIs
		return err
	case errors.As(err, &refused) && refused.Kind != fail.Internal:
		return err
	case errors.Is(err, sandbox.ErrNotFound):
		return fail.New(fail.NotFound, "not_found", trimSuffixError(err, sandbox.ErrNotFound))
	case errors.Is(err, sandbox.ErrClosed):
		return fail.New(fail.Unavailable, "unavailable", err.Error())
	case errors.Is(err, sandbox.ErrConflict):
		return fail.New(fail.Conflict, "conflict", trimSuffixError(err, sandbox.ErrConflict))
	default:
		return fail.New(fail.Invalid, "invalid_request", err.Error())
	}
}

// trimSuffixError returns the text of err without that of the error it wraps at the
// end: the status of the response says the same.
func trimSuffixError(err, end error) string {
	return strings.TrimSuffix(err.Error(), ": "+end.Error())
}

func noWorkspace(id string) error {
	return fail.Newf(fail.NotFound, "workspace_not_found", "There is no workspace %q.", fail.Clip(id))
}

func noInstance(id string) error {
	return fail.Newf(fail.NotFound, "instance_not_found", "There is no instance %q.", fail.Clip(id))
}

// invalidMember returns the error for an invalid member or parameter.
func invalidMember(in fail.Location, field, code, message string) error {
	return fail.Parameters(fail.Detail{Field: field, Location: in, Code: code, Message: message})
}

// selfParsed is a body of a type with its own UnmarshalJSON. It stores the error for
// the handler, because that error is more precise than a decoder's.
type selfParsed[T any] struct {
	value T
	err   error
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *selfParsed[T]) UnmarshalJSON(data []byte) error {
	p.err = json.Unmarshal(data, &p.value)
	return nil
}
