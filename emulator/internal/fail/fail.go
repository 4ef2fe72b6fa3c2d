// Package fail has the errors with which packages of the sandbox reject a request.
// They are independent of an API; each API encodes them in its own format.
package fail

import (
	"errors"
	"fmt"
	"time"
)

// Kind classifies an error. Each API maps every kind to one status.
type Kind int

// The kinds, in the order in which a request is checked for them.
const (
	Internal         Kind = iota // a bug of the sandbox
	HeadersTooLarge              // the header block is over the limit
	URITooLong                   // the request target is over the limit
	Forbidden                    // the caller may not do this
	NotFound                     // no such route or object
	MethodNotAllowed             // the route exists, but not with this method
	Unauthenticated              // no credential, or one that is not valid
	RateLimited                  // too many requests
	NotAcceptable                // no response in a type that the client accepts
	TooLarge                     // the body is over the limit
	UnsupportedMedia             // the body is of another type
	Timeout                      // the body did not arrive in time
	Invalid                      // the request breaks the contract
	Reused                       // an idempotency key met another request
	Conflict                     // the object's state does not allow it
	Precondition                 // If-Match names another version
	Unavailable                  // cannot be served now
	kinds                        // their number
)

// Kinds lists every kind.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// Error is a request error. Functions return it as error; match it with errors.As.
type Error struct {
	Kind Kind
	// Code is the stable name that programs switch on, in snake_case.
	Code string
	// Message is a sentence for people: what is wrong and what would be right.
	Message string
	// Details names each violation on its own; empty when there is nothing to add.
	Details []Detail
	// RetryAfter is how long a client should sleep before another try, by the wall
	// clock; 0 when that is not known.
	RetryAfter time.Duration
	// Warning is sent in the header SkyStack-Sandbox-Warning; "" for none.
	Warning string
	// Challenge is the WWW-Authenticate value of an Unauthenticated error, and
	// of a Forbidden one about scopes.
	Challenge string
	// Allow lists the methods of a MethodNotAllowed error.
	Allow []string
	// OfCaller says that the error depends on the caller and not on the request:
	// another caller, or the same one with other rights, may be allowed.
	OfCaller bool
	// Cause is logged and never shown; nil when there is none.
	Cause error
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Location is the part of a request that a detail is about.
type Location string

// The parts of a request.
const (
	Body   Location = "body"
	Query  Location = "query"
	Header Location = "header"
	Path   Location = "path"
)

// Detail is one violation of a request.
type Detail struct {
	// Field is the member or parameter, as in storage[0].size_gb; "" when the
	// violation is about the whole location.
	Field string
	// Location is "" when the detail is not about a part of the request.
	Location Location
	Code     string
	Message  string
	// Extra are further members of the detail, in this order.
	Extra []Member
	// Keyword is the keyword of the contract that the value breaks, as "minLength", and
	// Bound its value, if it is a number; both are "" for other violations. They are for
	// APIs that word violations themselves.
	Keyword, Bound string
}

// Member is a named value of a detail; the value must encode as JSON.
type Member struct {
	Name  string
	Value any
}

// New returns an error of the kind.
func New(kind Kind, code, message string) error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// Newf is New with a formatted message.
func Newf(kind Kind, code, format string, args ...any) error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Parameters returns the error for violations in members and parameters; there must be
// at least one.
func Parameters(details ...Detail) error {
	message := details[0].Message
	if n := len(details); n > 1 {
		message = fmt.Sprintf("The request has %d violations; each is listed in details.", n)
	}
	return &Error{Kind: Invalid, Code: "invalid_parameter", Message: message, Details: details}
}

// Of returns err as an *Error. Any other error becomes an internal one, whose text is
// not sent to clients.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Internal, Code: "internal_error", Message: "The sandbox failed to answer this request; its log says why.", Cause: err}
}
