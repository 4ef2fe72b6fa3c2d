package emulator_test

import (
	"net/http"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
)

// BenchmarkMetrics measures what a query of 500 points costs, of one metric and of
// all six, without the network.
func BenchmarkMetrics(b *testing.B) {
	for name, query := range map[string]string{"one": "&names=net_in", "all": ""} {
		b.Run(name, func(b *testing.B) {
			e, err := emulator.New(emulator.WithFixture("empty"), emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = e.Close() }()
			end := e.Now().Truncate(time.Minute)
			i, err := e.CreateInstance(emulator.Instance{Name: "old", CreatedAt: end.Add(-48 * time.Hour)})
			if err != nil {
				b.Fatal(err)
			}
			path := "/v1/instances/" + i.ID + "/metrics?start=" + end.Add(-500*time.Minute).UTC().Format(time.RFC3339) + "&end=" + end.UTC().Format(time.RFC3339) + query
			r, err := http.NewRequest(http.MethodGet, "http://localhost"+path, http.NoBody)
			if err != nil {
				b.Fatal(err)
			}
			r.RequestURI, r.RemoteAddr = path, "127.0.0.1:1234"
			r.Header.Set("Authorization", "Bearer "+e.Key())
			h, w := e.Handler(), discardResponse{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	}
}
