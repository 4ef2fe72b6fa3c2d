package skystack

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// status maps every kind of refusal to its status here. A 422 is only ever a
// reused idempotency key (section 7.3).
func status(k fail.Kind) int {
	switch k {
	case fail.HeadersTooLarge:
		return http.StatusRequestHeaderFieldsTooLarge
	case fail.URITooLong:
		return http.StatusRequestURITooLong
	case fail.Forbidden:
		return http.StatusForbidden
	case fail.NotFound:
		return http.StatusNotFound
	case fail.MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case fail.Unauthenticated:
		return http.StatusUnauthorized
	case fail.RateLimited:
		return http.StatusTooManyRequests
	case fail.NotAcceptable:
		return http.StatusNotAcceptable
	case fail.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fail.UnsupportedMedia:
		return http.StatusUnsupportedMediaType
	case fail.Timeout:
		return http.StatusRequestTimeout
	case fail.Invalid:
		return http.StatusBadRequest
	case fail.Reused:
		return http.StatusUnprocessableEntity
	case fail.Conflict:
		return http.StatusConflict
	case fail.Precondition:
		return http.StatusPreconditionFailed
	case fail.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// envelope is the body of every error (S75).
type envelope struct {
	Error struct {
		Code      string   `json:"code"`
		Message   string   `json:"message"`
		RequestID string   `json:"request_id"`
		Details   []detail `json:"details,omitempty"`
	} `json:"error"`
}

type detail fail.Detail

// MarshalJSON writes the extra members beside the others.
func (d detail) MarshalJSON() ([]byte, error) {
	members := []fail.Member{}
	if d.Location != "" || d.Code != "" {
		var field any
		if d.Field != "" {
			field = d.Field
		}
		members = append(members, fail.Member{Name: "field", Value: field}, fail.Member{Name: "location", Value: d.Location},
			fail.Member{Name: "code", Value: d.Code}, fail.Member{Name: "message", Value: d.Message})
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range append(members, d.Extra...) {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(m.Value)
		if err != nil {
			return nil, err
		}
		b.WriteString(strconv.Quote(m.Name))
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Refuse renders a refusal.
func Refuse(x *httpapi.RequestContext, err *fail.Error) httpapi.Response {
	x.Set("Cache-Control", "no-store")
	if err.Warning != "" {
		x.Warn(err.Warning)
	}
	if err.Challenge != "" {
		x.Set("Www-Authenticate", err.Challenge)
	}
	if len(err.Allow) > 0 {
		x.Set("Allow", strings.Join(err.Allow, ", "))
	}
	a := httpapi.Response{Status: status(err.Kind)}
	if err.RetryAfter > 0 {
		a.RetryAfter = strconv.Itoa(int(math.Ceil(err.RetryAfter.Seconds())))
	}
	body, failed := errorBody(err, x.ID)
	if failed != nil {
		a.Status = http.StatusInternalServerError
	}
	a.Body = body
	return a
}

// errorBody is the envelope of an error; of another one if it cannot be written.
func errorBody(err *fail.Error, request string) ([]byte, error) {
	var e envelope
	e.Error.Code, e.Error.Message, e.Error.RequestID = err.Code, err.Message, request
	for _, d := range err.Details {
		e.Error.Details = append(e.Error.Details, detail(d))
	}
	body, failed := httpapi.EncodeJSON(e)
	if failed != nil { // a detail holds what is not JSON
		body = []byte(`{"error":{"code":"internal_error","message":"The sandbox failed to describe an error.","request_id":"` + request + `"}}`)
	}
	return body, failed
}
