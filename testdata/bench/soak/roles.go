package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// role is one way of using a sandbox, in a workspace of its own that is replaced now
// and then.
type role struct {
	name  string
	setup string
	round func(c *call) error
	keeps bool // the rounds need one workspace for the whole time
}

const (
	frozen    = `{"clock":{"mode":"frozen"},"rate_limit":{"per_minute":null,"per_day":null},"quota":null}`
	following = `{"clock":{"mode":"real"},"rate_limit":{"per_minute":null,"per_day":null},"quota":null}`
	limited   = `{"clock":{"mode":"real"},"rate_limit":{"per_minute":120,"per_day":1000000},"quota":null}`
)

func roles() []role {
	return []role{
		{name: "lifecycle", setup: frozen, round: lifecycle},
		{name: "polling", setup: following, round: polling},
		{name: "webhooks", setup: frozen, round: webhooks},
		{name: "stream", setup: following, round: stream},
		{name: "reset", setup: frozen, round: reset},
		{name: "fork", setup: frozen, round: fork},
		{name: "snapshot", setup: frozen, round: snapshots},
		{name: "advance", setup: frozen, round: advance},
		{name: "limits", setup: limited, round: limits(), keeps: true},
		{name: "hostile", setup: frozen, round: hostile},
	}
}

// call is a round of a role.
type call struct {
	ctx   context.Context
	s     *sandbox
	w     *workspace
	r     *receiver
	tally *tally
	role  string
	n     int
}

// send makes a request in the role's workspace.
func (c *call) send(method, path, body string) (int, []byte, error) {
	began := time.Now()
	status, out, err := c.s.do(c.ctx, method, path, c.w.key, body)
	c.tally.request(c.role, time.Since(began))
	return status, out, err
}

// want is send for a request that must get the status.
func (c *call) want(status int, method, path, body string) ([]byte, error) {
	got, out, err := c.send(method, path, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if got != status {
		return nil, fmt.Errorf("%s %s: %d instead of %d: %.300s", method, path, got, status, out)
	}
	return out, nil
}

// all runs requests one after another: status, method, path, body.
func (c *call) all(requests ...[4]string) error {
	for _, r := range requests {
		var status int
		_, _ = fmt.Sscan(r[0], &status)
		if _, err := c.want(status, r[1], r[2], r[3]); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) make(path, body string) (id string, err error) {
	out, err := c.want(http.StatusCreated, http.MethodPost, path, body)
	if err != nil {
		return "", err
	}
	return member(out, "id"), nil
}

func member(body []byte, name string) string {
	var object map[string]any
	_ = json.Unmarshal(body, &object)
	text, _ := object[name].(string)
	return text
}

func (c *call) instance() (string, error) {
	return c.make("/v1/instances", fmt.Sprintf(`{"name":"soak-%d","region":"us-east-1","size":"standard-2","labels":{"round":"%d"}}`, c.n, c.n))
}

// lifecycle takes instances through their states.
func lifecycle(c *call) error {
	id, err := c.instance()
	if err != nil {
		return err
	}
	path := "/v1/instances/" + id
	return c.all(
		[4]string{"200", "POST", "/_sandbox/clock/advance", `{"by":"5s"}`},
		[4]string{"202", "POST", path + "/actions", `{"type":"stop"}`},
		[4]string{"200", "POST", "/_sandbox/clock/advance", `{"until":"idle"}`},
		[4]string{"200", "PATCH", path, `{"labels":{"patched":"yes"}}`},
		[4]string{"200", "GET", "/v1/instances?status=stopped&label=patched:yes", ""},
		[4]string{"202", "POST", path + "/actions", `{"type":"start"}`},
		[4]string{"200", "POST", "/_sandbox/clock/advance", `{"by":"1h"}`},
		[4]string{"204", "DELETE", path, ""},
		[4]string{"404", "GET", path, ""},
		[4]string{"400", "POST", "/v1/instances", `{"name":5}`},
		[4]string{"404", "GET", "/v1/nothing", ""},
	)
}

// polling waits for real time to pass, as clients do.
func polling(c *call) error {
	id, err := c.instance()
	if err != nil {
		return err
	}
	for status := ""; status != "running"; {
		out, err := c.want(http.StatusOK, http.MethodGet, "/v1/instances/"+id, "")
		if err != nil {
			return err
		}
		status = member(out, "status")
		select {
		case <-c.ctx.Done():
			return nil
		case <-time.After(50 * time.Millisecond):
		}
	}
	return c.all([4]string{"204", "DELETE", "/v1/instances/" + id, ""})
}

// webhooks has events delivered, some of them only when tried again.
func webhooks(c *call) error {
	path := fmt.Sprintf("/hook/%d", c.n)
	out, err := c.want(http.StatusCreated, http.MethodPost, "/v1/webhooks", fmt.Sprintf(`{"url":"%s%s","event_types":["*"]}`, c.r.url, path))
	if err != nil {
		return err
	}
	id := member(out, "id")
	c.r.expect(path, member(out, "secret"))
	for range 5 {
		if _, err := c.instance(); err != nil {
			return err
		}
	}
	err = c.all(
		[4]string{"200", "POST", "/_sandbox/clock/advance", `{"by":"24h"}`},
		[4]string{"204", "DELETE", "/v1/webhooks/" + id, ""},
		[4]string{"204", "POST", "/_sandbox/reset", ""},
	)
	if received, bad := c.r.forget(path); err == nil && (received < 10 || bad > 0) {
		return fmt.Errorf("%d messages were received, %d with a wrong signature", received, bad)
	}
	return err
}

// stream reads events, goes away, and resumes.
func stream(c *call) error {
	last, seen := "", 0
	for range 2 {
		ctx, cancel := context.WithTimeout(c.ctx, 5*time.Second)
		err := c.listen(ctx, &last, &seen)
		cancel()
		if err != nil {
			return err
		}
	}
	if seen < 2 && c.ctx.Err() == nil {
		return fmt.Errorf("%d events of two instances were received", seen)
	}
	return nil
}

func (c *call) listen(ctx context.Context, last *string, seen *int) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.s.url+"/v1/events/stream", http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+c.w.key)
	if *last != "" {
		r.Header.Set("Last-Event-ID", *last)
	}
	resp, err := (&http.Client{}).Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := c.instance(); err != nil {
		return err
	}
	for lines, n := bufio.NewScanner(resp.Body), 0; n < 3 && lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			*last = id
			n++
			*seen++
		}
	}
	return nil
}

func reset(c *call) error {
	for range 20 {
		if _, err := c.instance(); err != nil {
			return err
		}
	}
	return c.all(
		[4]string{"200", "POST", "/_sandbox/clock/advance", `{"by":"10m"}`},
		[4]string{"204", "POST", "/_sandbox/reset", ""},
		[4]string{"204", "POST", "/_sandbox/seed", `{"fixture":"docs"}`},
		[4]string{"200", "GET", "/v1/instances?limit=200", ""},
	)
}

// fork works in a copy of the workspace, which must not show here.
func fork(c *call) error {
	other, err := c.s.workspace(`{"fork_of":"` + c.w.id + `"}`)
	if err != nil {
		return err
	}
	defer c.s.remove(other)
	there := *c
	there.w = other
	id, err := there.instance()
	if err != nil {
		return err
	}
	return errors.Join(
		there.all([4]string{"200", "POST", "/_sandbox/clock/advance", `{"by":"1h"}`}, [4]string{"200", "GET", "/v1/instances/" + id, ""}),
		c.all([4]string{"404", "GET", "/v1/instances/" + id, ""}),
	)
}

// snapshots takes one, changes the workspace, goes back, saves and loads.
func snapshots(c *call) error {
	snap, err := c.make("/_sandbox/snapshots", "")
	if err != nil {
		return err
	}
	id, err := c.instance()
	if err != nil {
		return err
	}
	saved, err := c.want(http.StatusOK, http.MethodGet, "/_sandbox/state", "")
	if err != nil {
		return err
	}
	if err := c.all(
		[4]string{"204", "POST", "/_sandbox/snapshots/" + snap + "/restore", ""},
		[4]string{"404", "GET", "/v1/instances/" + id, ""},
	); err != nil {
		return err
	}
	return c.all(
		[4]string{"204", "PUT", "/_sandbox/state", string(saved)},
		[4]string{"200", "GET", "/v1/instances/" + id, ""},
		[4]string{"204", "DELETE", "/v1/instances/" + id, ""},
		[4]string{"204", "DELETE", "/_sandbox/snapshots/" + snap, ""},
	)
}

// advance plays the runs of many jobs while others read.
func advance(c *call) error {
	if c.n%50 == 0 {
		if err := c.all([4]string{"204", "POST", "/_sandbox/reset", ""}); err != nil {
			return err
		}
		for n := range 20 {
			if _, err := c.make("/v1/jobs", fmt.Sprintf(`{"name":"job-%d","trigger":{"cron":"* * * * *"},"action":{"type":"stop","target":{"labels":{"none":"such"}}}}`, n)); err != nil {
				return err
			}
		}
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.want(http.StatusOK, http.MethodPost, "/_sandbox/clock/advance", `{"by":"6h"}`)
		done <- err
	}()
	for {
		select {
		case err := <-done:
			return err
		default:
			if err := c.all([4]string{"200", "GET", "/v1/instances", ""}, [4]string{"200", "GET", "/healthz", ""}); err != nil {
				<-done
				return err
			}
		}
	}
}

// limits counts what a key is served: never more than 120 in a minute.
func limits() func(c *call) error {
	type served struct{ began, ended time.Time }
	var admitted []served
	return func(c *call) error {
		began := time.Now()
		status, out, err := c.send(http.MethodGet, "/v1/projects", "")
		if err != nil {
			return err
		}
		switch status {
		case http.StatusOK:
			admitted = append(admitted, served{began, time.Now()})
		case http.StatusTooManyRequests:
			select {
			case <-c.ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
			return nil
		default:
			return fmt.Errorf("%d %s", status, out)
		}
		if n := len(admitted); n > 120 {
			if gap := admitted[n-1].ended.Sub(admitted[n-121].began); gap < time.Minute {
				return fmt.Errorf("121 requests were served within %v", gap)
			}
			admitted = admitted[n-121:]
		}
		return nil
	}
}

// hostile sends what no good client sends.
func hostile(c *call) error {
	if status, _, err := c.s.do(c.ctx, http.MethodGet, "/v1/instances", "sky_test_nobody", ""); err != nil || status != http.StatusUnauthorized {
		return fmt.Errorf("a wrong key: %d, %w", status, err)
	}
	host := strings.TrimPrefix(c.s.url, "http://")
	for _, half := range []string{
		"GET /v1/inst",
		"POST /v1/instances HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + c.w.key + "\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n{",
		"\x16\x03\x01",
		"GET / HTTP/1.1\r\n\r\n",
	} {
		conn, err := (&net.Dialer{}).DialContext(c.ctx, "tcp", host)
		if err != nil {
			return err
		}
		_, _ = conn.Write([]byte(half))
		_ = conn.Close()
	}
	_, err := c.want(http.StatusBadRequest, http.MethodPost, "/v1/instances", strings.Repeat("[", 100_000))
	return err
}
