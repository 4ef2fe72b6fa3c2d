package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

func TestRequestsCommand(t *testing.T) {
	e := frozen(t)
	s := wire.In(t, e)
	s.Post("/v1/instances", newInstance).Wants(201)
	s.Get("/v1/instances?limit=0").Wants(400)
	s.Get("/v1/nowhere").Wants(404)
	s.Get("/v1/projects").Wants(200)
	for _, tc := range []struct {
		flags string
		want  []string // how its lines begin
	}{
		{"", []string{"1 POST /v1/instances -> 201 createInstance", "2 GET /v1/instances?limit=0 -> 400 listInstances (", "3 GET /v1/nowhere -> 404 (", "4 GET /v1/projects -> 200 listProjects"}},
		{"-n 1", []string{"4 "}},
		{"-n 0", nil},
		{"-n 0 --order=desc", nil},
		{"--last=2", []string{"3 ", "4 "}},
		{"--since=2", []string{"3 ", "4 "}},
		{"--operation=createInstance", []string{"1 "}},
		{"--status=4xx", []string{"2 ", "3 "}},
		{"--status=404", []string{"3 "}},
		{"--unmatched", []string{"3 "}},
		{"--method=post", []string{"1 "}},
		{"--path=/v1/instances", []string{"1 ", "2 "}},
		{"--path=/v1/instances --status=2XX", []string{"1 "}},
		{"--operation=getInstance", nil},
	} {
		code, out, message := runAgainst(t, e, append([]string{"requests"}, strings.Fields(tc.flags)...)...)
		var got []string
		for line := range strings.Lines(out) {
			got = append(got, line)
		}
		if code != 0 || message != "" || len(got) != len(tc.want) {
			t.Errorf("%s: exit code %d, %s%s", tc.flags, code, out, message)
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i], tc.want[i]) {
				t.Errorf("%s: got %s, want %s", tc.flags, got[i], tc.want[i])
			}
		}
	}
	code, out, message := runAgainst(t, e, "requests", "--output=json", "--operation=createInstance")
	var r emulator.Request
	if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil || strings.Count(out, "\n") != 1 || r.RequestBody != newInstance || r.Status != 201 {
		t.Errorf("exit code %d, %v, %s%s", code, err, out, message)
	}
	if strings.Contains(out, e.Key()) {
		t.Error("the key is shown")
	}
}

// The command says how many requests were dropped.
func TestRequestsSaysWhatIsMissing(t *testing.T) {
	e := frozen(t, emulator.WithJournal(64<<10))
	for e.Dropped() == 0 {
		wire.In(t, e).Get("/v1/projects").Wants(200)
	}
	if code, _, message := runAgainst(t, e, "requests"); code != 0 || !strings.HasSuffix(message, " older requests are no longer on record\n") {
		t.Errorf("exit code %d, %s", code, message)
	}
}

// With --follow each request is printed as it comes, until the user has had
// enough.
func TestRequestsFollow(t *testing.T) {
	e := frozen(t)
	ctx, enough := context.WithCancel(t.Context())
	lines, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		c := requestsCommand{Follow: true, Last: everything, Method: http.MethodGet, connection: connection{endpoint: endpoint{URL: e.URL(), Key: e.Key()}}}
		err := requests(ctx, c, nil, out, io.Discard)
		_ = out.Close()
		ended <- err
	}()
	printed := bufio.NewReader(lines)
	wants := func(want string) {
		t.Helper()
		if line, err := printed.ReadString('\n'); err != nil || line != want+"\n" {
			t.Fatalf("got %q, %v, want %s", line, err, want)
		}
	}
	s := wire.In(t, e)
	s.Get("/v1/projects").Wants(200)
	wants("1 GET /v1/projects -> 200 listProjects")
	s.Post("/v1/instances", newInstance).Wants(201)
	s.Get("/v1/regions").Wants(200)
	wants("3 GET /v1/regions -> 200 listRegions")
	enough()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// With -n 0, --follow prints new requests only, as tail does.
func TestRequestsFollowNewOnly(t *testing.T) {
	e := frozen(t)
	s := wire.In(t, e)
	s.Get("/v1/projects").Wants(200)
	lines, out := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		c := requestsCommand{Follow: true, connection: connection{endpoint: endpoint{URL: e.URL(), Key: e.Key()}}}
		ended <- requests(ctx, c, nil, out, io.Discard)
	}()
	printed := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(lines).ReadString('\n')
		printed <- line
	}()
	for line := ""; line == ""; { // until the command has seen what was there before
		s.Get("/v1/regions").Wants(200)
		select {
		case line = <-printed:
			if !strings.HasSuffix(line, " GET /v1/regions -> 200 listRegions\n") {
				t.Errorf("printed %q", line)
			}
		case <-time.After(10 * time.Millisecond):
		}
	}
	stop()
	_ = lines.Close() // a command that is printing gets an error, which is an interruption by then
	if err := <-ended; err != nil && !errors.Is(err, io.ErrClosedPipe) && err.Error() != "interrupted" {
		t.Error(err)
	}
}

// When the sandbox ends, --follow says so, and not that there was no request.
func TestRequestsFollowEndsWithTheSandbox(t *testing.T) {
	e := frozen(t)
	lines, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		c := requestsCommand{Follow: true, Last: everything, connection: connection{endpoint: endpoint{URL: e.URL(), Key: e.Key()}}}
		err := requests(t.Context(), c, nil, out, io.Discard)
		_ = out.Close()
		ended <- err
	}()
	wire.In(t, e).Get("/v1/projects").Wants(200)
	if line, err := bufio.NewReader(lines).ReadString('\n'); err != nil || line != "1 GET /v1/projects -> 200 listProjects\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err, want := <-ended, "the sandbox at "+e.URL()+" has stopped, or can no longer be reached"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestStatusOf(t *testing.T) {
	for s, want := range map[string]int{"404": 404, "100": 100, "599": 599, "4xx": 4, "5XX": 5, "": -1, "600": -1, "99": -1, "0404": -1, "+404": -1, "6xx": -1, "xx": -1, "44xx": -1, "-4xx": -1, "4x": -1} {
		n, ok := statusOf(s)
		if ok != (want > 0) || ok && n != want {
			t.Errorf("%q: got %d, %v, want %d", s, n, ok, want)
		}
	}
}

// No text is taken for a status that the server would not know.
func FuzzStatusOf(f *testing.F) {
	for _, s := range []string{"404", "4xx", "5XX", "", "0", "+10", "-1xx", "１００"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := statusOf(s); ok && (n < 1 || n > 5) && (n < 100 || n > 599) {
			t.Fatalf("%q is %d", s, n)
		}
	})
}
