package webhook_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"skystack.dev/sandbox/emulator/internal/webhook"
)

// BenchmarkSend is signed events through a Sender to a receiver on this machine,
// beside a bare loop of an http.Client that sends the same headers.
func BenchmarkSend(b *testing.B) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()
	m := message()
	m.URL = receiver.URL + "/hooks"
	m.Body = bytes.Repeat([]byte("x"), 2000)

	b.Run("bare", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		b.ReportAllocs()
		for b.Loop() {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, m.URL, bytes.NewReader(m.Body))
			if err != nil {
				b.Fatal(err)
			}
			req.Header = m.Header()
			resp, err := client.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	})
	b.Run("sender", func(b *testing.B) {
		s := &webhook.Sender{}
		defer s.Close()
		b.ReportAllocs()
		for b.Loop() {
			if out := s.Send(b.Context(), m, webhook.Options{}); !out.OK() {
				b.Fatalf("%+v", out)
			}
		}
	})
}
