package remote

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/sandbox"
)

var (
	take = exchange{want: "POST /_sandbox/snapshots", status: 201, body: `{"id":"snp_1","at":"2026-03-19T12:00:00Z"}`}
	drop = exchange{want: "DELETE /_sandbox/snapshots/snp_1", status: 204}
)

// A snapshot stays at the server and goes back from there; only another
// workspace gets it over the wire.
func TestSnapshot(t *testing.T) {
	f, w := connected(t, take)
	s := w.Snapshot()
	f.then(
		exchange{want: "GET /_sandbox/snapshots/snp_1", status: 200, body: `{"format":"x"}`},
		exchange{want: "GET /_sandbox/snapshots/snp_1/dump", status: 200, kind: "text/plain", body: "a\n"},
		exchange{want: "POST /_sandbox/snapshots/snp_1/restore", status: 204},
	)
	var b bytes.Buffer
	if err := s.Save(&b); err != nil || b.String() != `{"format":"x"}` {
		t.Error(err, b.String())
	}
	if s.Dump() != "a\n" {
		t.Error("another dump")
	}
	if err := w.Restore(s); err != nil {
		t.Error(err)
	}
	// The other workspace is at the same server, reached on its own.
	f.then(hello)
	second, err := dial(t, f.URL)
	if err != nil {
		t.Fatal(err)
	}
	second.id = "wsp_b"
	f.then(
		exchange{want: "GET /_sandbox/snapshots/snp_1", status: 200, body: `{"format":"x"}`},
		exchange{want: `PUT /_sandbox/state {"format":"x"}`, status: 204},
		exchange{want: "GET /_sandbox/snapshots/snp_1", status: 404, body: refused("snapshot_not_found", "No.")},
		exchange{want: `PUT /_sandbox/state {}`, status: 409, body: refused("conflict", "Damaged.")},
	)
	if err := second.Restore(s); err != nil {
		t.Error(err)
	}
	if err := second.Restore(s); err == nil || err.Error() != "the snapshot cannot be saved: No (404 snapshot_not_found, request ctl_9)" {
		t.Error(err)
	}
	if err := second.Restore(saved("{}")); err == nil || err.Error() != "Damaged (409 conflict, request ctl_9)" {
		t.Error(err)
	}
	full := errors.New("full")
	f.then(
		exchange{want: "GET /_sandbox/snapshots/snp_1", status: 200, body: `{"format":"x"}`},
		exchange{want: drop.want, status: 503, body: refused("service_unavailable", "Later.")}, drop,
	)
	if err := s.Save(&failingWriter{full}); !errors.Is(err, full) {
		t.Error(err)
	}
	if err := s.(io.Closer).Close(); err == nil || err.Error() != "Later (503 service_unavailable, request ctl_9)" {
		t.Error(err)
	}
	for range 2 { // the second asks nothing
		if err := s.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	}
}

type saved string

func (s saved) Save(w io.Writer) error { _, err := io.WriteString(w, string(s)); return err }
func (s saved) Dump() string           { return string(s) }

func (s saved) WriteDump(w io.Writer) error { return s.Save(w) }

func (s saved) SaveSecrets(w io.Writer) error { return s.Save(w) }

type failingWriter struct{ err error }

func (w *failingWriter) Write([]byte) (int, error) { return 0, w.err }

// A snapshot that could not be taken is one that fails.
func TestNoSnapshot(t *testing.T) {
	f, w := connected(t)
	for _, tc := range []struct {
		answer exchange
		want   string
	}{
		{exchange{want: take.want, status: 409, body: refused("too_many_snapshots", "100 are kept.")}, "100 are kept (409 too_many_snapshots, request ctl_9)"},
		{exchange{want: take.want, status: 201, body: `{}`}, "the server named no snapshot"},
	} {
		w.err = nil
		f.then(tc.answer)
		s := w.Snapshot()
		if w.Err() == nil || w.Err().Error() != "Snapshot: "+tc.want {
			t.Error(w.Err())
		}
		for _, err := range []error{s.Save(io.Discard), w.Restore(s)} {
			if err == nil || err.Error() != "there is no snapshot: "+tc.want {
				t.Error(err)
			}
		}
		if err := s.(*Snapshot).Close(); s.Dump() != "" || err != nil {
			t.Error(s.Dump(), err)
		}
	}
}

// Close deletes the snapshots, and says if that fails.
func TestCloseDeletesSnapshots(t *testing.T) {
	for _, tc := range []struct {
		status       int
		answer, want string
	}{
		{204, "", ""},
		{404, refused("snapshot_not_found", "No."), ""},
		{404, refused("route_not_found", "No."), "Close: No (404 route_not_found, request ctl_9)"},
		{500, refused("internal_error", "Oh."), "Close: Oh (500 internal_error, request ctl_9)"},
	} {
		f, w := connected(t, take, exchange{want: take.want, status: 201, body: `{"id":"snp_2"}`}, exchange{want: take.want, status: 201, body: `{"id":"snp_3"}`})
		w.Snapshot()
		two, three := w.Snapshot(), w.Snapshot()
		f.then(exchange{want: "DELETE /_sandbox/snapshots/snp_2", status: 204})
		if err := two.(*Snapshot).Close(); err != nil {
			t.Error(err)
		}
		script := []exchange{{want: drop.want, status: tc.status, body: tc.answer}}
		if tc.want == "" {
			script = append(script, exchange{want: "DELETE /_sandbox/snapshots/snp_3", status: 204})
		}
		f.then(script...)
		if err := w.Close(); tc.want == "" && err != nil || tc.want != "" && (err == nil || err.Error() != tc.want) {
			t.Errorf("%v, want %s", err, tc.want)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if err := three.(*Snapshot).Close(); err != nil {
			t.Error(err)
		}
		if err := three.Save(io.Discard); !errors.Is(err, errClosed) {
			t.Error(err)
		}
	}
}

// Import sends what the reader gives and stops where the reader stops.
func TestImport(t *testing.T) {
	f, w := connected(t)
	f.then(exchange{want: "PUT /_sandbox/state " + strings.Repeat("a", 100_000), status: 204})
	if err := w.Import(bytes.NewReader(bytes.Repeat([]byte("a"), 100_000))); err != nil {
		t.Error(err)
	}
	broken := errors.New("the disk is gone")
	w = endless(t)
	if err := w.Import(&failing{[]byte("{"), broken}); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := w.Restore(unsavable{broken}); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "the snapshot cannot be saved: ") {
		t.Error(err)
	}
}

// unsavable is a snapshot that cannot be saved.
type unsavable struct{ err error }

func (b unsavable) Save(w io.Writer) error {
	if _, err := io.WriteString(w, "{"); err != nil {
		return err
	}
	return b.err
}
func (b unsavable) SaveSecrets(w io.Writer) error { return b.Save(w) }
func (b unsavable) Dump() string                  { return "" }
func (b unsavable) WriteDump(io.Writer) error     { return b.err }

// The reader is left alone as soon as Import has returned.
func TestImportStopsReading(t *testing.T) {
	s := &source{r: strings.NewReader("abc")}
	one := make([]byte, 1)
	if n, err := s.Read(one); n != 1 || err != nil {
		t.Error(n, err)
	}
	s.end()
	if n, err := s.Read(one); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Error(n, err)
	}
}

// A response without end is not read to its end.
func TestEndlessAnswers(t *testing.T) {
	w := endless(t)
	w.most = 1000
	for name, err := range map[string]error{
		"JSON":   w.Advance(1),
		"a list": func() error { w.Instances(); return errors.Unwrap(w.Err()) }(),
	} {
		if err == nil || !strings.HasSuffix(err.Error(), " at "+w.URL()+": the response is longer than 1000 bytes") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// One of no content is not read at all.
	if err := w.Refill(); err != nil {
		t.Error(err)
	}
}

// endless is a workspace at a server that takes everything, and whose responses do
// not end once there is a workspace.
func endless(t *testing.T) *Workspace {
	t.Helper()
	w, err := dial(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/_sandbox/workspace":
			_, _ = io.WriteString(w, described)
			return
		case "/_sandbox/rate-limits/reset":
			w.WriteHeader(http.StatusNoContent)
			return
		case "/_sandbox/dump":
			w.Header().Set("Content-Type", "text/plain")
		}
		for chunk := make([]byte, 1<<20); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// failing gives its text and then its error; without an error it never ends.
type failing struct {
	text []byte
	err  error
}

func (r *failing) Read(b []byte) (int, error) {
	if r.err == nil {
		return len(b), nil
	}
	n := copy(b, r.text)
	if r.text = r.text[n:]; n == 0 {
		return 0, r.err
	}
	return n, nil
}

var _ sandbox.Snapshot = saved("")
