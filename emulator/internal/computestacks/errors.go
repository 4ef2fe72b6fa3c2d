package computestacks

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// Codes of errors. The API has none on the wire: the record of requests shows them.
const (
	codeInvalid      = "unprocessable"       // 422
	codeBadRequest   = "bad_request"         // 400
	codeNotFound     = "not_found"           // 404
	codeUnauthorized = "unauthorized"        // 401
	codeForbidden    = "forbidden"           // 403
	codeScope        = "insufficient_scope"  // 403
	codeBusy         = "busy"                // 405
	codeVersion      = "unsupported_version" // 422
)

// ErrorCodes lists the codes of errors that the record of requests shows.
func ErrorCodes() []string {
	return append([]string{
		codeInvalid, codeBadRequest, codeNotFound, codeUnauthorized, codeForbidden, codeScope, codeBusy, codeVersion, "rate_limited", "route_not_found",
		"method_not_allowed", "not_acceptable", "payload_too_large", "unsupported_media_type", "invalid_json", "invalid_request", "request_timeout",
		"uri_too_long", "headers_too_large", "host_not_allowed", "internal_error", "budget_exceeded",
	}, oauthCodes()...)
}

// unprocessable returns the 422 with messages.
func unprocessable(messages ...string) error { return refusal(fail.Invalid, codeInvalid, messages...) }

// badRequest returns the 400 with messages.
func badRequest(messages ...string) error { return refusal(fail.Invalid, codeBadRequest, messages...) }

// notFound returns the 404 of an object that does not exist or that the caller does not
// see: the two are not told apart.
func notFound(message string) error { return refusal(fail.NotFound, codeNotFound, message) }

// notAllowed returns the 401 of a collaborator who may not administer an object.
func notAllowed() error {
	return refusal(fail.Unauthenticated, codeUnauthorized, "Not Authorized: only the owner of the object may do this.")
}

// busy returns the 405 of a volume with a running operation.
func busy() error {
	return refusal(fail.Conflict, codeBusy, "Unable to perform while another operation is in progress.")
}

// refusal returns an error whose body lists messages. An error without a message lists
// none: over the container quota, for instance.
func refusal(kind fail.Kind, code string, messages ...string) error {
	e := &fail.Error{Kind: kind, Code: code, Message: strings.Join(messages, " ")}
	for _, m := range messages {
		e.Details = append(e.Details, fail.Detail{Message: m})
	}
	return e
}

// status returns the status of an error.
func status(err *fail.Error) int {
	switch err.Kind {
	case fail.HeadersTooLarge:
		return http.StatusRequestHeaderFieldsTooLarge
	case fail.URITooLong:
		return http.StatusRequestURITooLong
	case fail.Forbidden:
		return http.StatusForbidden
	case fail.NotFound, fail.MethodNotAllowed:
		return http.StatusNotFound
	case fail.Unauthenticated:
		return http.StatusUnauthorized
	case fail.RateLimited:
		return http.StatusTooManyRequests
	case fail.NotAcceptable:
		return http.StatusNotAcceptable
	case fail.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fail.UnsupportedMedia:
		return http.StatusBadRequest
	case fail.Timeout:
		return http.StatusRequestTimeout
	case fail.Invalid, fail.Reused, fail.Precondition:
		if err.Code == codeBadRequest || err.Code == "invalid_json" || err.Code == "budget_exceeded" || missingWrapper(err) != "" || noObject(err) || asksForDryRun(err) {
			return http.StatusBadRequest
		}
		return http.StatusUnprocessableEntity
	case fail.Conflict:
		return http.StatusMethodNotAllowed
	case fail.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// asksForDryRun reports whether a request was refused because it asks for a dry run, which
// is not served: a client that sends it must not have the effect.
func asksForDryRun(err *fail.Error) bool {
	for _, d := range err.Details {
		if d.Location == fail.Query && (d.Code == "not_served" || d.Code == "unknown_parameter") {
			return true
		}
	}
	return false
}

type errorBody struct {
	Errors []string `json:"errors"`
}

// renderError renders an error in the form of the API, or of RFC 6749 for the OAuth
// endpoints.
func (a *API) renderError(x *httpapi.RequestContext, err *fail.Error) httpapi.Response {
	x.Set("Cache-Control", "no-store")
	if err.Challenge != "" {
		x.Set("Www-Authenticate", err.Challenge)
	}
	if x.Op != nil && strings.HasPrefix(x.Op.Path, oauthPrefix) {
		return renderOAuthError(x, err)
	}
	r := httpapi.Response{Status: status(err)}
	if err.RetryAfter > 0 {
		r.RetryAfter = strconv.Itoa(int(math.Ceil(err.RetryAfter.Seconds())))
	}
	r.Body, _ = httpapi.EncodeJSON(errorBody{messages(err)}) // strings always encode
	return r
}

// messages returns what an error says to the client.
func messages(err *fail.Error) []string {
	switch {
	case err.Kind == fail.Internal:
		return []string{"The sandbox failed; its log says why."}
	case err.Kind == fail.MethodNotAllowed || err.Code == "route_not_found":
		return []string{"Unknown API Call. Please check the documentation."}
	case missingWrapper(err) != "":
		return []string{"param is missing or the value is empty: " + missingWrapper(err)}
	}
	out := []string{}
	for _, d := range err.Details {
		if text := messageOf(d); text != "" {
			out = append(out, text)
		}
	}
	if len(out) == 0 && err.Message != "" {
		out = append(out, err.Message)
	}
	return out
}

// missingWrapper returns the name of the outermost object that the body lacks, as
// "order"; "" if it lacks none.
func missingWrapper(err *fail.Error) string {
	for _, d := range err.Details {
		if d.Location == fail.Body && d.Field != "" && !strings.ContainsAny(d.Field, ".[") && (d.Keyword == "required" || d.Keyword == "type" || d.Keyword == "nullable" || d.Keyword == "minProperties") {
			return d.Field
		}
	}
	return ""
}

// noObject reports whether the body is no object, so that it has no member that could be
// the outermost object of the request.
func noObject(err *fail.Error) bool {
	return len(err.Details) == 1 && err.Details[0].Location == fail.Body && err.Details[0].Field == "" && err.Details[0].Code == "invalid_type"
}

// messageOf words a violation like Rails: "Label can't be blank".
func messageOf(d fail.Detail) string {
	if d.Keyword == "" {
		return d.Message
	}
	name := humanize(d.Field)
	switch d.Keyword {
	case "required", "nullable":
		return name + " can't be blank"
	case "minLength":
		if d.Bound == "1" {
			return name + " can't be blank"
		}
		return fmt.Sprintf("%s is too short (minimum is %s characters)", name, d.Bound)
	case "maxLength":
		return fmt.Sprintf("%s is too long (maximum is %s characters)", name, d.Bound)
	case "enum":
		return name + " is not included in the list"
	case "minimum":
		return name + " must be greater than or equal to " + d.Bound
	case "maximum":
		return name + " must be less than or equal to " + d.Bound
	case "type":
		if strings.Contains(d.Message, "a whole number") || strings.Contains(d.Message, "a number,") {
			return name + " is not a number"
		}
	case "pattern", "format":
		return name + " is invalid"
	}
	return name + strings.TrimSuffix(strings.TrimPrefix(d.Message, d.Field), ".")
}

// humanize returns the last part of a path as Rails writes an attribute: "param_type" is
// "Param type", and "container_image_id" is "Container image".
func humanize(field string) string {
	name := field[strings.LastIndexByte(field, '.')+1:]
	name, _, _ = strings.Cut(name, "[")
	text := []rune(strings.ReplaceAll(strings.TrimSuffix(name, "_id"), "_", " "))
	if len(text) == 0 {
		return "The body"
	}
	text[0] = unicode.ToUpper(text[0])
	return string(text)
}
