package emulator_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	labstack "github.com/labstack/echo/v4"

	"skystack.dev/sandbox/emulator"
)

// fanOut is how many streams are open.
const fanOut = 100

// BenchmarkStreams is how many events a second reach 100 streams together, beside
// a bare Echo handler that gets the same bytes from a channel per stream.
func BenchmarkStreams(b *testing.B) {
	e, err := emulator.New(emulator.WithFixture("docs"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	var frame []byte
	b.Run("sandbox", func(b *testing.B) {
		frames := make(chan []byte, 1)
		stop, arrived := listen(b, e.URL()+"/v1/events/stream", e.Key(), b.N, frames)
		defer stop()
		b.ResetTimer()
		for range b.N {
			if _, err := e.Trigger(emulator.Trigger{Type: "instance.updated", Object: "ins_123"}); err != nil {
				b.Fatal(err)
			}
		}
		arrived.Wait()
		b.ReportMetric(float64(b.N*fanOut)/b.Elapsed().Seconds(), "events/s")
		frame = <-frames
	})
	b.Run("echo", func(b *testing.B) {
		var mu sync.Mutex
		var subscribers []chan []byte
		server := labstack.New()
		server.GET("/", func(c labstack.Context) error {
			feed := make(chan []byte, 128)
			mu.Lock()
			subscribers = append(subscribers, feed)
			mu.Unlock()
			w := c.Response()
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = w.Write([]byte(": open\n\n"))
			w.Flush()
			for {
				select {
				case frame := <-feed:
					if _, err := w.Write(frame); err != nil {
						return err
					}
					w.Flush()
				case <-c.Request().Context().Done():
					return nil
				}
			}
		})
		s := httptest.NewServer(server)
		defer s.Close()
		stop, arrived := listen(b, s.URL, "", b.N, make(chan []byte, 1))
		defer stop()
		b.ResetTimer()
		for range b.N {
			for _, feed := range subscribers {
				feed <- frame
			}
		}
		arrived.Wait()
		b.ReportMetric(float64(b.N*fanOut)/b.Elapsed().Seconds(), "events/s")
	})
}

// listen opens the streams; each of them waits for so many events. The first event
// of one stream is sent to first.
func listen(b *testing.B, url, key string, events int, first chan<- []byte) (stop func(), arrived *sync.WaitGroup) {
	ctx, cancel := context.WithCancel(b.Context())
	arrived = new(sync.WaitGroup)
	transport := &http.Transport{}
	for n := range fanOut {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		resp, err := transport.RoundTrip(r)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp, err)
		}
		in := bufio.NewReaderSize(resp.Body, 32<<10)
		for line := []byte("?"); len(line) > 1; { // it is open when its first block has come
			if line, err = in.ReadSlice('\n'); err != nil {
				b.Fatal(err)
			}
		}
		arrived.Go(func() {
			defer func() { _ = resp.Body.Close() }()
			var frame []byte
			for left := events; left > 0; {
				line, err := in.ReadSlice('\n')
				if err != nil {
					b.Error(fmt.Errorf("%d events are missing: %w", left, err))
					return
				}
				if n == 0 && left == events {
					frame = append(frame, line...)
				}
				if bytes.HasPrefix(line, []byte("data: ")) {
					if left--; left == events-1 && n == 0 {
						first <- append(frame, '\n')
					}
				}
			}
		})
	}
	return func() { cancel(); transport.CloseIdleConnections() }, arrived
}
