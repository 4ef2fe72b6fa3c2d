package wire

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Frame is an event of a stream, as an EventSource dispatches it.
type Frame struct {
	ID, Type, Data string
}

// Stream is an open stream of server-sent events, read as the HTML standard says.
type Stream struct {
	T testing.TB
	// ID is what the client would come back with.
	ID    string
	begun bool // the first event said when to come back
	// Head is the header of the response.
	Head http.Header
	// Comments counts the comments so far.
	Comments int

	body io.ReadCloser
	in   *bufio.Reader
	end  context.CancelFunc
}

// Stream opens a stream; headers are names and values in turn. It ends with the
// test.
func (s *Server) Stream(path string, headers ...string) *Stream {
	s.T.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	r.Header.Set("Accept", "text/event-stream")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.T.Fatalf("GET %s: %v", path, err)
	}
	out := &Stream{T: s.T, Head: resp.Header, body: resp.Body, in: bufio.NewReader(resp.Body), end: cancel}
	s.T.Cleanup(out.Close)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		s.T.Fatalf("GET %s: %d %s\n%s", path, resp.StatusCode, resp.Header.Get("Content-Type"), text)
	}
	if first, _ := out.in.ReadString('\n'); first != ":\n" {
		s.T.Fatalf("the stream begins with %q", first)
	}
	out.Comments++
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Last-Event-ID" { // a client keeps what it came with
			out.ID = headers[i+1]
		}
	}
	return out
}

// Close drops the connection.
func (st *Stream) Close() {
	st.end()
	_ = st.body.Close()
}

// Next is the next event; it fails when the stream ends.
func (st *Stream) Next() (Frame, error) {
	for {
		var f Frame
		if err := st.block(&f); err != nil {
			return f, err
		}
		if f.Data != "" {
			f.ID = st.ID
			return f, nil
		}
	}
}

// Wants is the next event, which must be of the type.
func (st *Stream) Wants(eventType string) Frame {
	st.T.Helper()
	f, err := st.Next()
	if err != nil || f.Type != eventType {
		st.T.Fatalf("the stream goes on with %+v (%v), want %s", f, err, eventType)
	}
	return f
}

// Ends asserts that the stream is over.
func (st *Stream) Ends() {
	st.T.Helper()
	if f, err := st.Next(); !errors.Is(err, io.EOF) {
		st.T.Errorf("the stream goes on with %+v (%v), want its end", f, err)
	}
}

// block reads up to the next empty line.
func (st *Stream) block(f *Frame) error {
	for {
		line, err := st.in.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			return nil
		case name == "":
			st.Comments++
		case name == "id":
			st.ID = value
		case name == "retry" && value == "1000" && f != nil && !st.begun:
			st.begun = true
		case f == nil:
		case name == "event":
			f.Type = value
		case name == "data" && f.Data == "":
			f.Data = value
		default:
			st.T.Errorf("a line of the stream is %q", line)
		}
	}
}

// Has asserts a member of the data by its path.
func (f Frame) Has(t *testing.T, path string, want any) Frame {
	t.Helper()
	f.reply(t).Has(path, want)
	return f
}

// Text is a member of the data that is a string.
func (f Frame) Text(t *testing.T, path string) string {
	t.Helper()
	return f.reply(t).Text(path)
}

// Int is a member of the data that is a whole number.
func (f Frame) Int(t *testing.T, path string) int {
	t.Helper()
	return f.reply(t).Int(path)
}

func (f Frame) reply(t *testing.T) *Reply {
	t.Helper()
	if !json.Valid([]byte(f.Data)) {
		t.Fatalf("the data of %s is no JSON: %s", f.Type, f.Data)
	}
	return &Reply{T: t, What: "event " + f.Type, Body: []byte(f.Data)}
}
