package emulator_test

import (
	"net/http"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
)

// discardResponse discards a response.
type discardResponse struct{ header http.Header }

func (d discardResponse) Header() http.Header         { return d.header }
func (d discardResponse) Write(b []byte) (int, error) { return len(b), nil }
func (d discardResponse) WriteHeader(int)             {}

// BenchmarkRequest measures what a request costs without the network.
func BenchmarkRequest(b *testing.B) {
	const create = `{"name":"worker-b","region":"us-east-1","size":"standard-2","labels":{"env":"bench"},"metadata":{"owner":"ci"}}`
	for _, bb := range []struct{ name, method, path, body string }{
		{"get", http.MethodGet, "/v1/instances/ins_123", ""},
		{"create", http.MethodPost, "/v1/instances", create},
		{"list", http.MethodGet, "/v1/instances?limit=20", ""},
	} {
		b.Run(bb.name, func(b *testing.B) {
			e, err := emulator.New(emulator.WithFixture("docs"), emulator.WithClock(emulator.Clock{Mode: emulator.RealClock}),
				emulator.WithRateLimit(emulator.RateLimit{PerMinute: 1 << 30, PerDay: 1 << 30}))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = e.Close() }()
			body := strings.NewReader(bb.body)
			r, err := http.NewRequest(bb.method, "http://localhost"+bb.path, body)
			if err != nil {
				b.Fatal(err)
			}
			r.RequestURI, r.RemoteAddr = bb.path, "127.0.0.1:1234"
			r.Header.Set("Authorization", "Bearer "+e.Key())
			if bb.body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			h := e.Handler()
			w := discardResponse{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(bb.body)
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	}
}
