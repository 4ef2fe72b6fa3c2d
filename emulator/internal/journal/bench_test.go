package journal

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

// typical is a create as SDKs send it.
func typical() *Entry {
	return &Entry{
		ID: "req_01JPQ8Z6M3W5V7Y9A1B2C3D4E5", Key: "tok_123", At: noon, Operation: "createInstance", Method: "POST", Target: "/v1/instances?dry_run=false",
		Status: 201, Stage: "handle",
		Header: http.Header{
			"Accept": {"application/json"}, "Accept-Encoding": {"gzip"}, "Authorization": {"Bearer " + token}, "Content-Length": {"300"},
			"Content-Type": {"application/json"}, "Idempotency-Key": {"7c9e6679-7425-40de-944b-e07fc1f90ae7"},
			"User-Agent": {"skystack-go/1.4.2 (linux; amd64) go1.26"}, "Skystack-Version": {"2026-03-01"},
		},
		RequestBody: []byte(strings.Repeat("{\"name\":\"x\"}", 25)), ResponseBody: []byte(strings.Repeat("{\"id\":\"i\"}", 70)),
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, bc := range []struct {
		name  string
		bytes int
	}{
		{"16 MiB", DefaultMaxBytes},
		{"1 MiB", 1 << 20},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			j, e := New(bc.bytes, nil), typical()
			for b.Loop() {
				j.Add(e)
			}
		})
	}
}

// One request of a new workspace.
func BenchmarkFirst(b *testing.B) {
	b.ReportAllocs()
	e := typical()
	for b.Loop() {
		New(0, nil).Add(e)
	}
}

func BenchmarkRequests(b *testing.B) {
	j, e := New(0, nil), typical()
	for range 20_000 {
		j.Add(e)
	}
	last := j.Dropped() + uint64(j.Len())
	for _, bc := range []struct {
		name  string
		match sandbox.Match
	}{
		{"all", sandbox.Match{}},
		{"none", sandbox.Match{Operation: "getInstance"}},
		{"last", sandbox.Match{Since: last - 1}},
		{"latest", sandbox.Match{Limit: 1, NewestFirst: true}},
		{"first", sandbox.Match{Limit: 1}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				j.Requests(bc.match)
			}
		})
	}
}

const token = "sky_test_4eC39HqLyjWDarjtT1zdp7dcQpRs9XyZ12ab"

var noon = time.Date(2026, 3, 19, 12, 0, 0, 123456789, time.UTC)
