package emulator_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// heap is how many bytes are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Memory grows with the bytes that come and not with those that are announced:
// here 60 requests of one byte each announce almost 4 GiB.
func TestHostileAnnouncedBodies(t *testing.T) {
	for _, tc := range []struct {
		name, head string
		length     int
	}{
		{"a state", "PUT /_sandbox/state HTTP/1.1\r\n", 64 << 20},
		{"a fixture", "POST /_sandbox/seed HTTP/1.1\r\n", 4 << 20},
		{"an instance", "POST /v1/instances HTTP/1.1\r\n", 1 << 20},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := emulator.Start(t, emulator.WithLogger(slog.New(slog.DiscardHandler)))
			exchange(t, raw(t, e), "GET /_sandbox/clock HTTP/1.1\r\n"+authorized+"\r\n") // makes the control API
			before := heap()
			for range 60 {
				conn := raw(t, e)
				send(t, conn, tc.head+authorized+fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", tc.length))
				if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
					t.Fatalf("%q, %v", line, err)
				}
				send(t, conn, "{")
			}
			if grown := heap() - before; grown > 8<<20 {
				t.Errorf("60 requests of one byte take %d bytes", grown)
			}
		})
	}
}

// Bodies that are large are read at most 16 MiB at a time. Further ones wait, and
// are told in the end; small ones never notice (10.2, row 9).
func TestHostileLargeBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := emulator.Start(t, emulator.WithLogger(slog.New(slog.DiscardHandler)))
		l := newPipeListener()
		go func() { _ = e.Serve(l) }()
		const length = 1 << 20
		begin := func() net.Conn {
			conn := l.dial()
			send(t, conn, fmt.Sprintf("POST /v1/instances HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n", authorized, length))
			go func() { _, _ = io.WriteString(conn, strings.Repeat(" ", length-1)) }() // all but the last byte
			return conn
		}
		finish := func(conn net.Conn) *http.Response {
			send(t, conn, " ")
			return answer(t, bufio.NewReader(conn))
		}
		var reading []net.Conn
		for range 16 {
			reading = append(reading, begin())
		}
		synctest.Wait()

		// There is no room for a seventeenth.
		late := begin()
		resp := answer(t, bufio.NewReader(late))
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || !strings.HasPrefix(string(body), `{"error":{"code":"service_unavailable","message":"Other requests with large bodies `) {
			t.Errorf("%s %v %s", resp.Status, resp.Header, body)
		}
		_ = late.Close()
		<-time.After(time.Second) // net/http gives the response to it that long

		// Small ones are served at once.
		small := l.dial()
		if got := exchange(t, small, fmt.Sprintf("POST /v1/instances HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", authorized, 60<<10, create+strings.Repeat(" ", 60<<10-len(create)))).StatusCode; got != 201 {
			t.Errorf("a small body: %d", got)
		}
		_ = small.Close()

		// One that waits is read as soon as another is done.
		waiting := begin()
		synctest.Wait()
		if got := finish(reading[0]).StatusCode; got != 400 {
			t.Errorf("a body of spaces: %d", got)
		}
		synctest.Wait()
		reading[0] = waiting
		for _, conn := range reading {
			if got := finish(conn).StatusCode; got != 400 {
				t.Errorf("a body of spaces: %d", got)
			}
		}
		for _, conn := range reading {
			_ = conn.Close()
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What large bodies took is not kept for small ones.
func TestHostileBuffersAreNotKept(t *testing.T) {
	e := emulator.Start(t, emulator.WithLogger(slog.New(slog.DiscardHandler)))
	large := `{"name":"` + strings.Repeat("x", 1<<20-20) + `"}`
	post := func(body string) {
		fetch(t, e.Client(), "POST", "/v1/instances", emulator.DefaultKey, body)
	}
	post(large)
	before := heap()
	for range 20 {
		post(large)
	}
	if grown := heap() - before; grown > 4<<20 { // the record keeps 64 KiB of each
		t.Errorf("%d bytes are kept of 20 requests", grown)
	}
}

// Neither unauthenticated requests nor many rejections push the owner's requests out of the
// record, and the record says what it lacks (S37).
func TestHostileRecord(t *testing.T) {
	e := emulator.Start(t, emulator.WithJournal(256<<10), emulator.WithRateLimit(emulator.RateLimit{PerMinute: 3, PerDay: emulator.Unlimited}),
		emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
	s := wire.In(t, e)
	s.Post("/v1/instances", create).Wants(201)
	s.Get("/v1/instances").Wants(200)
	s.Get("/v1/computers").Wants(404)
	s.Get("/v1/projects").Wants(200)
	for range 300 {
		s.Post("/v1/projects", `{"name":"a"}`).Refused(429, "rate_limited")
		s.As("").Get("/v1/instances").Wants(401)
		s.As("sky_live_abcdefgh").Get("/v1/regions").Wants(401)
		s.As("").Get("/v1/nothing").Wants(404)
		s.As("").Get("/v1/instances", "Host", "evil.test").Wants(403)
	}
	if e.Dropped() == 0 {
		t.Fatal("nothing was dropped")
	}
	all := e.Requests(emulator.Match{Limit: 4})
	for i, want := range []string{"POST /v1/instances -> 201 createInstance", "GET /v1/instances -> 200 listInstances", "GET /v1/computers -> 404", "GET /v1/projects -> 200 listProjects"} {
		if i >= len(all) || !strings.HasPrefix(all[i].String(), fmt.Sprint(i+1, " ", want)) {
			t.Errorf("number %d is missing: %v", i+1, all)
		}
	}
	e.AssertRequested(t, "createInstance", 1)
	e.AssertRequested(t, "listProjects", 1)
	e.AssertRequested(t, "deleteInstance", 0)
	said := &failing{T: t}
	e.AssertRequested(said, "createProject", 0)
	if n := e.DroppedOf(emulator.Match{Operation: "createProject"}); n == 0 || !strings.Contains(said.text, "createProject was requested ") {
		t.Errorf("%d dropped; %s", n, said.text)
	}
	said.text = ""
	e.AssertRequested(said, "createProject", 300)
	if !strings.Contains(said.text, "createProject: unknown: ") {
		t.Error(said.text)
	}
	if kept, lost := len(e.Requests(emulator.Match{})), e.Dropped(); uint64(kept)+lost != 4+5*300 {
		t.Errorf("%d kept and %d dropped of %d", kept, lost, 4+5*300)
	}
}

// failing is a test that may fail.
type failing struct {
	*testing.T
	text string
}

// Errorf implements emulator.TB.
func (f *failing) Errorf(format string, args ...any) { f.text += fmt.Sprintf(format, args...) }

// Every violation of a refused request is on record, and printed.
func TestRecordHasAllViolations(t *testing.T) {
	e := emulator.Start(t)
	s := wire.In(t, e)
	s.Post("/v1/instances", `{"name":"\u001b[31m","region":3,"size":"standard-1","labels":{"a":7}}`).Wants(400)
	labels := make([]string, 40)
	for i := range labels {
		labels[i] = fmt.Sprintf(`"l%02d":%d`, i, i)
	}
	s.Post("/v1/instances", `{"name":"a","region":"eu-central","size":"standard-1","labels":{`+strings.Join(labels, ",")+`}}`).Wants(400)
	s.Get("/v1/instances?limit=0").Wants(400)
	all := e.Requests(emulator.Match{})
	first := all[0].String()
	for _, want := range []string{"(contract: ", "\n      body: labels.a must be ", "\n      body: name must match ", "\n      body: region must be "} {
		if strings.Count(first, want) != 1 {
			t.Errorf("no %q in %s", want, first)
		}
	}
	if strings.Contains(first, "\x1b") || len(all[0].Violations) != strings.Count(first, "\n") {
		t.Errorf("%q", first)
	}
	if second := all[1].String(); len(all[1].Violations) != 40 || strings.Count(second, "\n") != 21 || !strings.HasSuffix(second, "\n      and 20 more") {
		t.Errorf("%d violations: %s", len(all[1].Violations), second)
	}
	if third := all[2]; len(third.Violations) != 1 || third.Violations[0].Field != "limit" || third.Violations[0].Location != "query" || strings.Contains(third.String(), "\n") {
		t.Errorf("%+v", third)
	}
}
