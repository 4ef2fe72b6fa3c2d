package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

const (
	// maxBody is the largest body of a response that is held in memory, in bytes.
	maxBody = 64 << 20
	// maxRefusal is what is read of a response that is not the expected one.
	maxRefusal = 1 << 20
	// round is how long the server holds a question that has no response yet.
	round = 10 * time.Second
)

var (
	errClosed  = errors.New("the workspace is closed")
	errTimeout = errors.New("the sandbox did not respond in time")
	errForm    = errors.New("the response is not one of the control API")
)

// call is one request of the control API.
type call struct {
	method, path string
	query        url.Values
	admin        bool // sent with the admin token, about no single workspace
	in           any  // an io.Reader, or what becomes JSON; nil for no body
	want         int  // the status of success
	out          any  // an io.Writer, or where the JSON goes; nil for no body
	text         bool // the response is plain text
	lasting      bool // it takes as long as what it asks for
	whole        bool // the response is streamed to its writer, whatever its length
}

// unbounded lets the response be as long as it is, and take as long.
func (c *call) unbounded() { c.whole, c.lasting = true, true }

// String is how messages call it. The query is left out.
func (c call) String() string { return c.method + " " + c.path }

func get(path string, out any) call {
	return call{method: http.MethodGet, path: path, want: http.StatusOK, out: out}
}

func post(path string, in any, want int, out any) call {
	return call{method: http.MethodPost, path: path, in: in, want: want, out: out}
}

func put(path string, in any, want int, out any) call {
	return call{method: http.MethodPut, path: path, in: in, want: want, out: out}
}

func remove(path string) call {
	return call{method: http.MethodDelete, path: path, want: http.StatusNoContent}
}

// line is the way to one workspace.
type line struct {
	*host
	token     string          // what authorizes its calls
	workspace string          // what ?workspace= says; "" for the token's own
	life      context.Context // ends all calls
}

// do makes a call, and returns when its response is complete.
func (l line) do(ctx context.Context, c call) error {
	if l.life.Err() != nil {
		return fmt.Errorf("%s: %w", c, errClosed)
	}
	limit := l.timeout
	if c.query.Has("wait") {
		limit += round
	}
	if !c.lasting {
		var end context.CancelFunc
		ctx, end = context.WithTimeoutCause(ctx, limit, errTimeout)
		defer end()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.life, func() { cancel(errClosed) })()

	r, err := l.request(ctx, c)
	if err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	resp, err := l.control.Do(r)
	if err == nil {
		err = l.read(c, resp)
		_ = resp.Body.Close()
	}
	var refused *Error
	switch {
	case err == nil || errors.As(err, &refused):
		return err
	case context.Cause(ctx) != nil:
		return fmt.Errorf("%s: %w", c, context.Cause(ctx))
	}
	return l.discreet(l.unreachable(c, err))
}

func (l line) request(ctx context.Context, c call) (*http.Request, error) {
	var body io.Reader
	switch in := c.in.(type) {
	case nil:
	case io.Reader:
		body = in
	default:
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	token, query := l.token, c.query
	if c.admin {
		token = l.admin
	} else if l.workspace != "" {
		if query == nil {
			query = url.Values{}
		}
		query.Set("workspace", l.workspace)
	}
	target := l.base.String() + c.path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, c.method, target, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// read takes the response in.
func (l line) read(c call, resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	expected := "application/json"
	if c.text {
		expected = "text/plain"
	}
	if resp.StatusCode != c.want || c.out != nil && kind != expected {
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		if err != nil && resp.StatusCode == c.want {
			return err
		}
		e := refusal(c, resp, l.hide(body))
		e.Message = string(l.hide([]byte(e.Message)))
		return e
	}
	if c.out == nil {
		_, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxRefusal))
		return err
	}
	if w, stream := c.out.(io.Writer); stream && c.whole {
		_, err := io.Copy(w, resp.Body)
		return err
	}
	most := l.most
	from := &io.LimitedReader{R: resp.Body, N: int64(most) + 1}
	if w, stream := c.out.(io.Writer); stream {
		if _, err := io.Copy(w, from); err != nil {
			return err
		}
		return tooLong(from, most)
	}
	body, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	if err := tooLong(from, most); err != nil {
		return err
	}
	if err := json.Unmarshal(body, c.out); err != nil {
		return fmt.Errorf("%w: %w: %q", errForm, err, excerpt(l.hide(body)))
	}
	return nil
}

func tooLong(from *io.LimitedReader, most int) error {
	if from.N > 0 {
		return nil
	}
	return fmt.Errorf("the response is longer than %d bytes", most)
}

// discreet is an error whose text may repeat what the server sent, such as a
// header that cannot be read, without the tokens in it.
func (l line) discreet(err error) error {
	text := err.Error()
	if hidden := string(l.hide([]byte(text))); hidden != text {
		return &hiddenError{err, hidden}
	}
	return err
}

// hiddenError is an error with another text.
type hiddenError struct {
	error
	text string
}

func (e *hiddenError) Error() string { return e.text }
func (e *hiddenError) Unwrap() error { return e.error }

// hide takes the tokens out of a text that the server chose.
func (l line) hide(text []byte) []byte {
	for _, token := range []string{l.token, l.admin} {
		if token != "" {
			text = bytes.ReplaceAll(text, []byte(token), []byte("…"))
		}
	}
	return text
}

// list is the form of all lists.
type list[T any] struct {
	Data []T `json:"data"`
	// Next is where the next page begins; "" at the end, and of a list that has no
	// pages.
	Next string `json:"next_cursor"`
}

// pageLimit is how many items a page has at most.
const pageLimit = 1000

// maxWalks is how often a list is read anew that was replaced meanwhile.
const maxWalks = 5

// walk reads a list page by page. If the workspace is reset or restored meanwhile,
// it begins again.
func walk[T any](ctx context.Context, l line, path string, query url.Values) ([]T, error) {
	for n := 1; ; n++ {
		all, err := walkOnce[T](ctx, l, path, query)
		var e *Error
		if errors.As(err, &e) && e.Status == http.StatusBadRequest && n < maxWalks && slices.ContainsFunc(e.Details, func(d Detail) bool { return d.Code == "invalid_cursor" }) {
			continue
		}
		return all, err
	}
}

func walkOnce[T any](ctx context.Context, l line, path string, query url.Values) ([]T, error) {
	all := []T{}
	for cursor := ""; ; {
		var page list[T]
		c := get(path, &page)
		c.query = url.Values{"limit": {strconv.Itoa(pageLimit)}}
		for name, values := range query {
			c.query[name] = values
		}
		if cursor != "" {
			c.query.Set("cursor", cursor)
		}
		if err := l.do(ctx, c); err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if page.Next == "" {
			return all, nil
		}
		if len(page.Data) == 0 || page.Next == cursor {
			return nil, fmt.Errorf("%s: %w: a page leads nowhere", c, errForm)
		}
		cursor = page.Next
	}
}

// UnmarshalJSON implements json.Unmarshaler. An object that is no list is not
// taken for an empty one.
func (l *list[T]) UnmarshalJSON(text []byte) error {
	var in struct {
		Data *[]T   `json:"data"`
		Next string `json:"next_cursor"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	if in.Data == nil {
		return errors.New("it has no data")
	}
	l.Data, l.Next = *in.Data, in.Next
	return nil
}

// item is the path of a member of a collection. It refuses an empty id, which
// would be another path.
func item(collection, kind, id string) (string, error) {
	if id == "" {
		return "", fmt.Errorf("the id of the %s is empty", kind)
	}
	return collection + "/" + url.PathEscape(id), nil
}
