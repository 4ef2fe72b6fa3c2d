package emulator

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// unread discards a response.
type unread struct {
	header http.Header
	status int
}

func (u *unread) Header() http.Header         { return u.header }
func (u *unread) Write(b []byte) (int, error) { return len(b), nil }
func (u *unread) WriteHeader(status int)      { u.status = status }

// BenchmarkNew is another emulator in a process that has one, with its first 200.
func BenchmarkNew(b *testing.B) {
	r, err := http.NewRequest(http.MethodGet, "http://localhost/readyz", http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		e, err := New()
		if err != nil {
			b.Fatal(err)
		}
		w := unread{header: http.Header{}}
		if e.Handler().ServeHTTP(&w, r); w.status != http.StatusOK {
			b.Fatalf("/readyz answers %d", w.status)
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWorld is what copying a workspace costs, by the number of its
// instances: it should not depend on it.
func BenchmarkWorld(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		e, err := New(WithFixture(fmt.Sprintf("busy=%d", n)), WithClock(Clock{Mode: FrozenClock}))
		if err != nil {
			b.Fatal(err)
		}
		w := e.world
		old := w.Snapshot()
		forks := 0
		for _, op := range []struct {
			name string
			do   func() error
		}{
			{"snapshot", func() error { _ = w.Snapshot(); return nil }},
			{"fork", func() error { forks++; w.Fork(fmt.Sprint("fork-", forks)).Close(); return nil }},
			{"reset", func() error { w.Reset(); return nil }},
			{"rewind", func() error { return w.Restore(old) }},
			// The first change after a copy pays for the nodes it touches.
			{"snapshot-and-change", func() error {
				_ = w.Snapshot()
				return w.Do(func(tx *engine.Tx) error { tx.After(time.Hour, "tombstone.remove", "nobody"); return nil })
			}},
		} {
			b.Run(fmt.Sprintf("%s/%d", op.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := op.do(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAdvance moves 24 hours over 100,000 pending transitions.
func BenchmarkAdvance(b *testing.B) {
	fixture := []byte("format: skystack-sandbox/1\nquota: off\nclock: {mode: frozen, now: 2026-03-19T10:22:44Z}\ninstances:\n")
	for i := range 100_000 {
		fixture = fmt.Appendf(fixture, "  - {name: w-%d, status: provisioning}\n", i)
	}
	e, err := New(WithFixtureData("pending.yaml", fixture))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	for b.Loop() {
		b.StopTimer()
		e.Reset()
		if n := len(e.Agenda()); n != 100_000 {
			b.Fatalf("%d events are booked", n)
		}
		b.StartTimer()
		if err := e.Advance(24 * time.Hour); err != nil {
			b.Fatal(err)
		}
	}
}
