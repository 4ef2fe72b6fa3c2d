package skystack_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
)

// recorder runs a script against a sandbox and records every byte that comes back.
type recorder struct {
	t   *testing.T
	e   *emulator.Emulator
	raw bool // over a socket of its own for each request, as it comes
	key string

	sent int
	seen bytes.Buffer
	last []byte // the last body
}

// send sends a request.
func (p *recorder) send(method, path, body string, headers ...string) {
	p.t.Helper()
	p.sent++
	host := strings.TrimPrefix(p.e.URL(), "http://")
	r, err := http.NewRequest(method, p.e.URL()+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Host = "localhost"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if p.key != "" {
		r.Header.Set("Authorization", "Bearer "+p.key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	var answer []byte
	if p.raw {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			p.t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		r.Close = true
		if err := r.Write(conn); err != nil {
			p.t.Fatal(err)
		}
		if answer, err = io.ReadAll(conn); err != nil {
			p.t.Fatal(err)
		}
	} else {
		resp, err := p.e.Client().Do(r)
		if err != nil {
			p.t.Fatal(err)
		}
		answer, err = httputil.DumpResponse(resp, true)
		if err != nil {
			p.t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	fmt.Fprintf(&p.seen, "%s %s\n%s\n", method, path, answer)
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), r)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	p.last, _ = io.ReadAll(resp.Body)
	_ = resp.Body.Close()
}

// member is a member of the last body.
func (p *recorder) member(name string) string {
	p.t.Helper()
	var body map[string]any
	if err := json.Unmarshal(p.last, &body); err != nil {
		p.t.Fatalf("%v: %s", err, p.last)
	}
	s, _ := body[name].(string)
	return s
}

// steps is a long script in parts, so that others can be played in between. What
// a part learns it keeps in the tape's own variables.
func steps() []func(p *recorder, known map[string]string) {
	type known = map[string]string
	return []func(*recorder, known){
		func(p *recorder, k known) {
			p.send("GET", "/v1/instances", "")
			p.send("POST", "/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-2","labels":{"z":"1","a":"2","m":"3"},"metadata":{"y":{"b":1,"a":2},"x":[1,2]}}`, "Idempotency-Key", "k1")
			k["a"], k["action"] = p.member("id"), p.member("pending_action")
			p.send("POST", "/v1/compute/instances", `{"name":"b","region":"eu-central","profile":"c4-standard","autoscale":true,"network":{"public_ip":true}}`)
			k["b"] = p.member("id")
		},
		func(p *recorder, k known) {
			p.send("POST", "/v1/instances", `{"name":"c","region":"eu-west-1","size":"standard-1","storage":[{"size_gb":5}]}`, "SkyStack-Version", "2026-10-01")
			p.send("POST", "/v1/instances", `{"name":"","region":1,"colour":"red","image":"none"}`)
			p.send("POST", "/v1/instances", `{"name":`)
			p.send("GET", "/v1/instances/"+k["a"], "")
			p.send("GET", "/v1/instances/"+k["b"], "", "If-None-Match", `"1.2026-01-15"`)
		},
		func(p *recorder, k known) {
			p.send("GET", "/v1/instances?limit=2", "")
			k["cursor"] = p.member("next_cursor")
			p.send("GET", "/v1/instances?limit=2&cursor="+k["cursor"], "")
			p.send("GET", "/v1/instances?limit=2&page=3&sort=-created_at", "")
			p.send("GET", "/v1/instances?label=role&status=running,stopped", "", "SkyStack-Version", "2025-07-01")
		},
		func(p *recorder, k known) {
			for _, action := range []string{"stop", "reboot", "snapshot", "rebuild", "start"} {
				p.send("POST", "/v1/instances/"+k["a"]+"/actions", `{"type":"`+action+`"}`)
			}
			p.send("GET", "/v1/instances/"+k["a"]+"/actions", "")
			p.send("GET", "/v1/actions/"+k["action"], "")
			p.send("GET", "/v1/images?limit=200", "")
		},
		func(p *recorder, k known) {
			p.send("PATCH", "/v1/instances/"+k["b"], `{"labels":{"q":"1","b":"2"},"metadata":{"n":null,"o":{"z":1,"y":2}},"autoscale":{"enabled":true,"min":2,"max":5}}`)
			p.send("PATCH", "/v1/instances/"+k["b"], `{"name":"stale"}`, "If-Match", `"1.2026-01-15"`)
			p.send("POST", "/v1/projects", `{"name":"p"}`)
			k["p"] = p.member("id")
			p.send("POST", "/v1/instances", `{"name":"in-p","region":"us-east-1","size":"standard-1"}`, "SkyStack-Project", k["p"])
			p.send("DELETE", "/v1/projects/"+k["p"], "")
			p.send("GET", "/v1/projects", "")
		},
		func(p *recorder, k known) {
			p.send("POST", "/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-2","labels":{"z":"1","a":"2","m":"3"},"metadata":{"y":{"b":1,"a":2},"x":[1,2]}}`, "Idempotency-Key", "k1")
			p.send("POST", "/v1/instances", `{}`, "Idempotency-Key", "k1")
			p.send("DELETE", "/v1/instances/"+k["b"], "")
			p.send("DELETE", "/v1/instances/"+k["b"], "")
			p.send("DELETE", "/v1/instances/none", "")
			p.send("HEAD", "/v1/instances/"+k["a"], "")
			p.send("GET", "/v1/instances/"+k["b"], "")
			p.send("GET", "/v1/instances?limit=200", "")
		},
	}
}

func play(t *testing.T, e *emulator.Emulator, raw bool) string {
	p, known := &recorder{t: t, e: e, raw: raw, key: e.Key()}, map[string]string{}
	for _, step := range steps() {
		step(p, known)
		if err := e.Advance(2500 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	for _, public := range []string{"/v1/version", "/healthz", "/readyz", "/v1/none"} {
		p.send("GET", public, "")
	}
	p.key = "unknown"
	p.send("GET", "/v1/instances", "")
	return p.seen.String()
}

// S6: the same seed and the same requests give the same bytes: status lines,
// every header with Date and X-Request-Id, and bodies, by either door.
func TestSameSeedSameBytesS6(t *testing.T) {
	for _, fixture := range []string{"default", "docs", "busy=300"} {
		for _, raw := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, raw %v", fixture, raw), func(t *testing.T) {
				t.Parallel()
				run := func(seed uint64) string {
					return play(t, emulator.Start(t, frozen12(), emulator.WithFixture(fixture), emulator.WithSeed(seed), emulator.WithLimits(), emulator.WithQuota(emulator.Unlimited)), raw)
				}
				first, second, other := run(7), run(7), run(8)
				if first != second {
					t.Errorf("the same seed gave other bytes, from here on:\n%s", difference(first, second))
				}
				if other == first {
					t.Error("another seed gave the same bytes")
				}
				if !strings.Contains(first, "Date: Thu, 19 Mar 2026 12:00:02 GMT\r\n") {
					t.Error("Date does not follow the world's clock")
				}
			})
		}
	}
}

// S6, S71: the responses of a workspace do not depend on others, or when.
func TestWorkspacesDoNotDisturbEachOtherS6(t *testing.T) {
	orders := map[string]string{ // whose step is next
		"one after the other": "AAAAAABBBBBB", "the other way": "BBBBBBAAAAAA", "in turn": "ABABABABABAB", "mixed": "BAABBBABAABA", "A alone": "AAAAAA", "B alone": "BBBBBB",
	}
	for _, raw := range []bool{false, true} {
		want := map[byte]string{}
		for name, order := range orders {
			e := emulator.Start(t, frozen12(), emulator.WithProgression("reads:2"), emulator.WithLimits(),
				emulator.WithKey(emulator.Key{Token: "a"}), emulator.WithKey(emulator.Key{Token: "b", Workspace: "wsp_b"}))
			tapes := map[byte]*recorder{'A': {t: t, e: e, raw: raw, key: "a"}, 'B': {t: t, e: e, raw: raw, key: "b"}}
			known := map[byte]map[string]string{'A': {}, 'B': {}}
			at := map[byte]int{}
			for i := range len(order) {
				who := order[i]
				steps()[at[who]](tapes[who], known[who])
				at[who]++
				// Nor does it depend on those who belong to no workspace.
				for _, path := range []string{"/healthz", "/v1/version", "/v1/none", "/v1/instances"}[i%4:] {
					(&recorder{t: t, e: e, raw: raw}).send("GET", path, "")
				}
			}
			for who, p := range tapes {
				if p.sent == 0 {
					continue
				}
				if want[who] == "" {
					want[who] = p.seen.String()
				}
				if got := p.seen.String(); got != want[who] {
					t.Errorf("%s: %c answered otherwise, from here on:\n%s", name, who, difference(want[who], got))
				}
			}
		}
		if want['A'] == want['B'] {
			t.Error("two workspaces gave the same ids")
		}
	}
}

// difference is where two recordings part.
func difference(a, b string) string {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	from := max(0, at-300)
	return fmt.Sprintf("%s\n--- or ---\n%s", a[from:min(len(a), at+200)], b[from:min(len(b), at+200)])
}
