package emulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// BenchmarkOutbox delivers events to a receiver on this machine, one after the
// other as their order demands, beside a loop that does nothing but sign and post
// the same bodies.
func BenchmarkOutbox(b *testing.B) {
	const events = 1000
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()

	b.Run("sandbox", func(b *testing.B) {
		e := outbox(b, receiver.URL, events)
		for b.Loop() {
			b.StopTimer()
			e.Reset()
			b.StartTimer()
			if err := e.Advance(time.Minute); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("bare", func(b *testing.B) {
		body := []byte(`{"id":"evt_00000AbCdEf","type":"instance.running","data":{"object":{` + strings.Repeat(`"member":"value",`, 45) + `"a":1}}}`)
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for b.Loop() {
			for range events {
				mac := hmac.New(sha256.New, []byte("whsec_c2t5c3RhY2stc2FuZGJveC1leGFtcGxlLXNlY3JldA=="))
				mac.Write(body)
				r, err := http.NewRequest(http.MethodPost, receiver.URL, bytes.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/json; charset=utf-8")
				r.Header.Set("X-Signature", hex.EncodeToString(mac.Sum(nil)))
				resp, err := client.Do(r)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}
		b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
	})
}

// BenchmarkRetries plays all retries of 10,000 deliveries that all fail:
// 140,000 attempts in 24 hours.
func BenchmarkRetries(b *testing.B) {
	e := outbox(b, "http://127.0.0.1:3000/", 10_000, WithWebhookTransport(refusing{}))
	for b.Loop() {
		b.StopTimer()
		e.Reset()
		b.StartTimer()
		if err := e.Advance(24 * time.Hour); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(14*10_000*b.N)/b.Elapsed().Seconds(), "attempts/s")
}

// refusing is a receiver that is down.
type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, Body: http.NoBody}, nil
}

// outbox is a world in which so many instances will be running in a moment, and an
// endpoint that wants to know.
func outbox(b *testing.B, url string, events int, opts ...Option) *Emulator {
	b.Helper()
	fixture := []byte("format: skystack-sandbox/1\nquota: off\nclock: {mode: frozen, now: 2026-03-19T10:22:44Z}\nkeys: [{token: " + DefaultKey + "}]\ninstances:\n")
	for i := range events {
		fixture = fmt.Appendf(fixture, "  - {name: w-%d, status: provisioning}\n", i)
	}
	e, err := New(append(opts, WithFixtureData("pending.yaml", fixture))...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close() })
	r, err := http.NewRequest(http.MethodPost, "/v1/webhooks", strings.NewReader(`{"url":"`+url+`","event_types":["instance.running"]}`))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+e.Key())
	r.Header.Set("Content-Type", "application/json")
	resp, err := e.Client().Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a buffer
	if resp.StatusCode != http.StatusCreated {
		body, _ := io.ReadAll(resp.Body)
		b.Fatalf("%s", body)
	}
	e.world.SetBaseline()
	return e
}
