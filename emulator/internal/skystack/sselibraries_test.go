package skystack_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	r3labs "github.com/r3labs/sse/v2"
	tmaxmax "github.com/tmaxmax/go-sse"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// received is what a library hands to its user.
type received struct{ id, kind, data string }

// subscribe reads a stream with a library until the context ends; last is the id of
// the event seen before, "" for none.
type subscribe func(ctx context.Context, s *wire.Server, last string, to chan<- received) error

func withR3labs(ctx context.Context, s *wire.Server, last string, to chan<- received) error {
	c := r3labs.NewClient(s.URL() + "/v1/events/stream?from=start")
	c.Headers["Authorization"] = "Bearer " + s.Key()
	if last != "" {
		c.LastEventID.Store([]byte(last))
	}
	return c.SubscribeRawWithContext(ctx, func(m *r3labs.Event) { to <- received{string(m.ID), string(m.Event), string(m.Data)} })
}

func withTmaxmax(ctx context.Context, s *wire.Server, last string, to chan<- received) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/v1/events/stream?from=start", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.Key())
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	c := tmaxmax.NewConnection(r)
	c.SubscribeToAll(func(e tmaxmax.Event) { to <- received{e.LastEventID, e.Type, e.Data} })
	return c.Connect()
}

// S15: the SSE libraries of Go hand out exactly the events, none of them empty, and
// resume with the id of the last.
func TestLibrariesReadTheStreamS15(t *testing.T) {
	for name, read := range map[string]subscribe{"r3labs": withR3labs, "tmaxmax": withTmaxmax} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
			take := func(last string, n int) (out []received) {
				ctx, enough := context.WithTimeout(t.Context(), time.Minute)
				defer enough()
				to, ended := make(chan received), make(chan error, 1)
				go func() { ended <- read(ctx, s, last, to) }()
				for len(out) < n {
					select {
					case e := <-to:
						out = append(out, e)
					case err := <-ended:
						t.Fatalf("the stream ended after %d events: %v", len(out), err)
					}
				}
				return out
			}
			made(s, "a", "")
			made(s, "b", "")
			want := s.Get("/v1/events?limit=200").Wants(200).Strings("data", "type")
			all := take("", len(want))
			var kinds []string
			for _, e := range all {
				kinds = append(kinds, e.kind)
				if e.id == "" || e.data == "" || e.data[0] != '{' {
					t.Errorf("an event came as %+v", e)
				}
			}
			if !slices.Equal(kinds, want) {
				t.Errorf("%q came, want %q", kinds, want)
			}
			if rest := take(all[0].id, len(want)-1); !slices.Equal(rest, all[1:]) {
				t.Errorf("after the first came %+v, want %+v", rest, all[1:])
			}
		})
	}
}
