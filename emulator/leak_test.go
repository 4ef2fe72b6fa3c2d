package emulator_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"skystack.dev/sandbox/emulator"
)

// Nothing of an emulator runs on after Close, whatever it was used for.
func TestNothingIsLeftRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	day := time.Hour * 24
	for name, use := range map[string]func(t *testing.T, e *emulator.Emulator){
		"nothing": func(*testing.T, *emulator.Emulator) {},
		"a client in the process": func(t *testing.T, e *emulator.Emulator) {
			get(t, e.Client(), "/healthz")
		},
		"an answer that is never read": func(t *testing.T, e *emulator.Emulator) {
			resp, err := e.Client().Get("/openapi.yaml")
			if err != nil {
				t.Fatal(err)
			}
			_ = resp // left open on purpose
		},
		"a request given up": func(t *testing.T, e *emulator.Emulator) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "/healthz", nil)
			if resp, err := e.Client().Do(r); err == nil {
				_ = resp.Body.Close()
			}
		},
		"streams and those that wait": func(t *testing.T, e *emulator.Emulator) {
			ask := func(client *http.Client, url string) *http.Response {
				r, err := http.NewRequest(http.MethodGet, url, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer "+e.Key())
				resp, err := client.Do(r)
				if err != nil || resp.StatusCode != 200 {
					t.Fatalf("%v, %v", resp, err)
				}
				return resp
			}
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			_ = ask(e.Client(), "/v1/events/stream") // left open on purpose
			_ = ask(client, e.URL()+"/v1/events/stream").Body.Close()
			open := ask(client, e.URL()+"/v1/events/stream")
			go func() { // both end with the emulator
				_, _ = io.Copy(io.Discard, open.Body)
				_ = open.Body.Close()
			}()
			go func() {
				if resp, err := e.Client().Do(waiting(e)); err == nil {
					_ = resp.Body.Close()
				}
			}()
		},
		"a socket": func(t *testing.T, e *emulator.Emulator) {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			get(t, client, e.URL()+"/healthz")
		},
		"a socket in the middle of a request": func(t *testing.T, e *emulator.Emulator) {
			conn := raw(t, e)
			send(t, conn, "POST /v1/instances HTTP/1.1\r\n"+authorized+"Content-Length: 100\r\n\r\n{")
		},
		"two listeners of its own": func(t *testing.T, e *emulator.Emulator) {
			for range 2 {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				go func() { _ = e.Serve(l) }()
			}
			_ = e.URL()
		},
		"a world that moves by itself": func(t *testing.T, e *emulator.Emulator) {
			r, _ := http.NewRequest(http.MethodPost, "/v1/instances", strings.NewReader(create))
			r.Header.Set("Authorization", "Bearer "+e.Key())
			r.Header.Set("Content-Type", "application/json")
			resp, err := e.Client().Do(r)
			if err != nil || resp.StatusCode != 201 {
				t.Fatalf("%v, %v", resp, err)
			}
			_ = resp.Body.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := emulator.New(emulator.WithResetEvery(day))
			if err != nil {
				t.Fatal(err)
			}
			use(t, e)
			for range 2 { // the second changes nothing
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			}
			if _, err := e.Client().Get("/healthz"); err == nil {
				t.Error("a closed emulator answers")
			}
			noneRuns(t, before)
		})
	}
}

// A faulty option leaves nothing behind either.
func TestNothingIsLeftOfAFailure(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for _, o := range []emulator.Option{
		emulator.WithFixture("/no/such/file"), emulator.WithKey(emulator.Key{Token: "x", Project: "prj_none"}), emulator.WithKey(emulator.Key{Token: "sk_live_x", Workspace: "wsp_b"}),
	} {
		if e, err := emulator.New(o, emulator.WithResetEvery(time.Hour)); err == nil {
			_ = e.Close()
			t.Error("a wrong option was taken")
		}
	}
	noneRuns(t, before)
}

// noneRuns fails the test if there are goroutines that were not there before. Half
// a second, all that goleak gives those that are about to end, is little for
// connections on a busy machine.
func noneRuns(t *testing.T, before goleak.Option) {
	t.Helper()
	var err error
	for range 20 {
		if err = goleak.Find(before); err == nil {
			return
		}
	}
	t.Error(err)
}

func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%d %s: %v", resp.StatusCode, body, err)
	}
	_ = resp.Body.Close()
	return string(body)
}

// waiting is a request that waits for an event.
func waiting(e *emulator.Emulator) *http.Request {
	r, _ := http.NewRequest(http.MethodGet, "/v1/events?type=job.run.failed&wait=30s", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+e.Key())
	return r
}
