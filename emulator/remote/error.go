package remote

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"skystack.dev/sandbox/emulator/sandbox"
)

// Error is a response of the server that refuses a call. Match it with errors.As.
type Error struct {
	// Status is that of the response.
	Status int
	// Code is the stable name of the error, as invalid_state; "" when the response
	// was not sent by a sandbox.
	Code string
	// Message is a readable sentence.
	Message string
	// RequestID is the id that the server gave the request; "" if it sent none.
	RequestID string
	// Details lists each problem separately; empty when the message says everything.
	Details []Detail
}

// Detail is one problem of a refused call.
type Detail struct {
	// Field is the member or parameter; "" when the problem concerns the whole call.
	Field string `json:"field"`
	// Location is body, query, header or path.
	Location string `json:"location"`
	Code     string `json:"code"`
	Message  string `json:"message"`
}

// Error implements error: the message first.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(e.Message, "."))
	for _, d := range e.Details {
		if d.Message == "" || d.Message == e.Message {
			continue
		}
		b.WriteString("; ")
		if d.Field != "" {
			b.WriteString(d.Field + ": ")
		}
		b.WriteString(strings.TrimSuffix(d.Message, "."))
	}
	if e.Code == "" {
		return b.String()
	}
	fmt.Fprintf(&b, " (%d %s", e.Status, e.Code)
	if e.RequestID != "" {
		b.WriteString(", request " + e.RequestID)
	}
	b.WriteByte(')')
	return b.String()
}

// Is lets errors.Is find sandbox.ErrNotFound, sandbox.ErrConflict and
// sandbox.ErrOverBudget, which the same method in the test's own process returns.
func (e *Error) Is(target error) bool {
	switch target {
	case sandbox.ErrNotFound:
		return e.Status == http.StatusNotFound && e.Code != "" && e.Code != noRoute
	case sandbox.ErrConflict:
		return e.Status == http.StatusConflict && e.Code != ""
	case sandbox.ErrOverBudget:
		return e.Code == "budget_exceeded"
	}
	return false
}

// noRoute is the code of a path that the server does not know.
const noRoute = "route_not_found"

// envelope is the body of every refusal. Details of an unknown form do not
// matter.
type envelope struct {
	Error struct {
		Code      string          `json:"code"`
		Message   string          `json:"message"`
		RequestID string          `json:"request_id"`
		Details   json.RawMessage `json:"details"`
	} `json:"error"`
}

// refusal returns the error of a response other than the expected one.
func refusal(c call, resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode, RequestID: resp.Header.Get("X-Request-Id")}
	var in envelope
	if resp.StatusCode >= 400 && json.Unmarshal(body, &in) == nil && in.Error.Code != "" {
		e.Code, e.Message = in.Error.Code, in.Error.Message
		if in.Error.RequestID != "" {
			e.RequestID = in.Error.RequestID
		}
		_ = json.Unmarshal(in.Error.Details, &e.Details)
		return e
	}
	if to := resp.Header.Get("Location"); to != "" && resp.StatusCode/100 == 3 {
		e.Message = fmt.Sprintf("%s returned %s, a redirect to %q; a sandbox never redirects", c, status(resp), excerpt([]byte(to)))
		return e
	}
	e.Message = fmt.Sprintf("%s returned %s", c, status(resp))
	if kind := resp.Header.Get("Content-Type"); kind != "" {
		e.Message += fmt.Sprintf(" with %q", excerpt([]byte(kind)))
	}
	if text := excerpt(body); text != "" {
		e.Message += fmt.Sprintf(": %q", text)
	}
	return e
}

// status returns the status line with the standard reason phrase.
func status(resp *http.Response) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode)))
}

// excerpt returns the beginning of any text, on one line.
func excerpt(body []byte) string {
	const most = 200
	cut := len(body) > 4*most
	if cut {
		body = body[:4*most]
	}
	text := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(string(body), "?"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if r := []rune(text); len(r) > most {
		text, cut = string(r[:most]), true
	}
	if cut {
		text += "…"
	}
	return text
}
