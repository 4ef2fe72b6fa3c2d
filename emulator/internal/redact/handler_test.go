package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/slogtest"
	"time"
)

// A handler of ours is still a handler by the rules of log/slog.
func TestHandlerConforms(t *testing.T) {
	var buf bytes.Buffer
	err := slogtest.TestHandler(NewHandler(slog.NewJSONHandler(&buf, nil)), func() []map[string]any {
		var records []map[string]any
		dec := json.NewDecoder(&buf)
		for {
			var m map[string]any
			if err := dec.Decode(&m); errors.Is(err, io.EOF) {
				return records
			} else if err != nil {
				t.Fatal(err)
			}
			records = append(records, m)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

type (
	valuer   struct{ v any }
	stringer struct{ s string }
	text     struct{ s string }
	object   struct{ Token string }
	failing  struct{ s string }
	panicker struct{ s string }
	raw      []byte
)

func (v valuer) LogValue() slog.Value           { return slog.AnyValue(v.v) }
func (s stringer) String() string               { return s.s }
func (t text) MarshalText() ([]byte, error)     { return []byte(t.s), nil }
func (text) MarshalJSON() ([]byte, error)       { return []byte(`"json"`), nil }
func (text) String() string                     { return "text" }
func (f failing) MarshalJSON() ([]byte, error)  { return nil, errors.New(f.s) }
func (failing) String() string                  { return "failing" }
func (p panicker) MarshalJSON() ([]byte, error) { panic(p.s) }
func (panicker) String() string                 { return "panicker" }

// attrs is every way of putting the secret s into the attributes of a record.
func attrs(s string) []slog.Attr {
	return []slog.Attr{
		slog.String("a", s),
		slog.String(s, "a"),
		slog.Group("g", slog.Int("n", 1), slog.Group("h", slog.String("a", s))),
		slog.Group(s, slog.Int("n", 1)),
		slog.Any("a", errors.New(s)),
		slog.Any("a", fmt.Errorf("outer: %w", errors.Join(errors.New("x"), errors.New(s)))),
		slog.Any("a", stringer{s}),
		slog.Any("a", &stringer{s}),
		slog.Any("a", text{s}),
		slog.Any("a", failing{s}),
		slog.Any("a", panicker{s}),
		slog.Any("a", []byte(s)),
		slog.Any("a", raw(s)),
		slog.Any("a", json.RawMessage(`"`+s+`"`)),
		slog.Any("a", []string{"x", s}),
		slog.Any("a", map[string]any{"x": []any{s}}),
		slog.Any("a", struct{ Name string }{s}),
		slog.Any("a", struct{ Inner *stringer }{&stringer{s}}),
		slog.Any("a", &struct{ Inner *object }{&object{s}}),
		slog.Any("a", http.Header{"X-Any": {s}}),
		slog.Any("a", valuer{s}),
		slog.Any("a", valuer{valuer{errors.New(s)}}),
		slog.Any("a", valuer{slog.GroupValue(slog.String("a", s))}),
		slog.Any("a", []slog.Attr{slog.String("a", s)}),
	}
}

// handlers are the two of the standard library, into w.
func handlers(w io.Writer) []slog.Handler {
	options := &slog.HandlerOptions{AddSource: true, Level: slog.LevelDebug}
	return []slog.Handler{slog.NewTextHandler(w, options), slog.NewJSONHandler(w, options)}
}

// S41, S74: by whatever door it comes in, a secret does not come out.
func TestNothingGetsThrough(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, form := range forms {
		hidden := secret(r)
		planted := plant(form, hidden)
		var buf bytes.Buffer
		for i := range handlers(&buf) {
			for _, a := range attrs(planted) {
				buf.Reset()
				log := slog.New(NewHandler(handlers(&buf)[i]))
				log.Info("message " + planted)
				log.LogAttrs(t.Context(), slog.LevelInfo, "m", slog.Int("n", 1), a)
				log.With("b", 1, a).WithGroup("in "+planted).With(a).Debug("m", a)
				if strings.Contains(buf.String(), hidden[:len(hidden)-4]) {
					t.Errorf("%T, %s kept the secret:\n%s", handlers(&buf)[i], a, buf.String())
				}
				if n := strings.Count(buf.String(), "\n"); n != 3 {
					t.Errorf("%d lines, want 3:\n%s", n, buf.String())
				}
			}
		}
	}
}

func logged(t *testing.T, message string, args ...any) string {
	t.Helper()
	var buf bytes.Buffer
	log := slog.New(NewHandler(slog.NewTextHandler(&buf, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	})))
	log.Info(message, args...)
	return strings.TrimSuffix(buf.String(), "\n")
}

func TestHandlerOutput(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []any
		want string
	}{
		{"plain", []any{"status", 201, "took", time.Second, "ok", true, "id", "ins_1"}, `status=201 took=1s ok=true id=ins_1`},
		{"key", []any{"used", testKey}, `used=sky_test_…WQpT`},
		{"credential", []any{"token", "YOUR_API_TOKEN"}, `token=…`},
		{"credential, test key", []any{"Token", testKey}, `Token=sky_test_…WQpT`},
		{"credential header", []any{"Authorization", "bearer " + testKey}, `Authorization="Bearer sky_test_…WQpT"`},
		{"credential, other scheme", []any{"proxy-authorization", "Basic abc"}, `proxy-authorization=…`},
		{"credential list", []any{"set-cookie", []string{"a=b"}}, `set-cookie=…`},
		{"credential number", []any{"password", 1234}, `password=…`},
		{"credential, none", []any{"token", "", "cookie", nil}, `token="" cookie=<nil>`},
		{"credential group", []any{slog.Group("token", "id", "tok_1", "secret", "abc")}, `token.id=tok_1 token.secret=…`},
		{"credential valuer", []any{"token", valuer{"abc"}}, `token=…`},
		{"struct", []any{"key", object{"abc"}}, `key={Token:…`},
		{"error", []any{"error", errors.New("refused Bearer abc today")}, `error="refused Bearer … today"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, want := logged(t, "m", tc.args...), "msg=m "+tc.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	if got := logged(t, "used "+testKey); got != `msg="used sky_test_…WQpT"` {
		t.Errorf("message: %s", got)
	}
}

// A value without secrets arrives as what it was, so that the handler behind
// still sees an error or a struct.
func TestPlainValuesStay(t *testing.T) {
	for _, v := range []any{errors.New("x"), stringer{"x"}, struct{ Name string }{"x"}, []byte("x"), 1, nil, time.Unix(0, 0)} {
		in := slog.Any("a", v)
		out, changed := attr(in)
		if changed || fmt.Sprintf("%T", out.Value.Any()) != fmt.Sprintf("%T", in.Value.Any()) {
			t.Errorf("%T became %T", in.Value.Any(), out.Value.Any())
		}
	}
}

func TestLevelIsTheInnerHandlers(t *testing.T) {
	h := NewHandler(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if h.Enabled(t.Context(), slog.LevelInfo) || !h.Enabled(t.Context(), slog.LevelWarn) {
		t.Error("want warnings and no infos")
	}
}

func BenchmarkHandler(b *testing.B) {
	log := slog.New(NewHandler(slog.NewJSONHandler(io.Discard, nil)))
	b.ReportAllocs()
	for b.Loop() {
		log.LogAttrs(b.Context(), slog.LevelInfo, "request",
			slog.String("method", "GET"), slog.String("path", "/v1/instances/ins_1"), slog.Int("status", 200),
			slog.String("request_id", "req_1"), slog.Duration("took", time.Millisecond))
	}
}
