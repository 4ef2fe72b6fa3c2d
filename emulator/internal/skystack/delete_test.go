package skystack_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// DELETE removes an instance at once, from every status (S56,
// S59), and cancels what was running.
func TestDeleteFromEveryStatus(t *testing.T) {
	var instances []string
	for status := range passing {
		instances = append(instances, "id: ins_"+status+", status: "+status)
	}
	for _, status := range []string{"running", "stopped", "error"} {
		instances = append(instances, "id: ins_"+status+", status: "+status)
	}
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), withInstances(instances...))
		left := len(instances)
		for _, i := range instances {
			id := strings.TrimSuffix(strings.Fields(i)[1], ",")
			before := s.Get("/v1/instances/" + id).Wants(200)
			r := s.Delete("/v1/instances/" + id).Wants(204)
			if len(r.Body) != 0 || r.Head.Get("Content-Type") != "" || r.Head.Get("ETag") != "" {
				t.Errorf("%s: the 204 has %q and %v", id, r.Body, r.Head)
			}
			if status := before.Text("status"); status == "deleting" { // it is in flight already
				s.Get("/v1/instances/" + id).Wants(200)
				continue
			}
			left--
			s.Get("/v1/instances").Has("pagination.total", left)
			for _, path := range []string{"/v1/instances/", "/v1/compute/instances/"} {
				s.Get(path+id).Refused(404, "instance_not_found")
				s.Patch(path+id, `{"name":"x"}`).Refused(404, "instance_not_found")
				s.Post(path+id+"/actions", `{"type":"start"}`).Refused(404, "instance_not_found")
				s.Get(path+id+"/actions").Refused(404, "instance_not_found")
			}
			if action, running := before.Find("pending_action"); running && action != nil {
				s.Get("/v1/actions/"+action.(string)).Wants(200).Has("status", "cancelled").Has("completed_at", "2026-03-19T10:22:44Z").
					Has("error", nil).Has("instance_id", id)
			}
		}
		advanceClock(s, 24*time.Hour) // no booked end brings anything back
		s.Get("/v1/instances").Has("pagination.total", 0)
	})
}

// A repeated DELETE succeeds for 24 hours; what never was, or is another
// workspace's, is not found (S57).
func TestRepeatedDelete(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		other := emulator.Key{Token: "another-key", Workspace: "wsp_other"}
		s := start(frozen(), emulator.WithFixture("empty"), emulator.WithKey(emulator.Key{Token: "a-key"}), emulator.WithKey(other))
		id := made(s, "a", "")
		s.As("another-key").Delete("/v1/instances/"+id).Refused(404, "instance_not_found")
		s.Delete("/v1/instances/" + id).Wants(204)
		s.As("another-key").Delete("/v1/instances/"+id).Refused(404, "instance_not_found")
		for range 3 {
			s.Delete("/v1/instances/" + id).Wants(204)
			s.Delete("/v1/compute/instances/"+id, "If-Match", `"x"`).Wants(204)
			s.Delete("/v1/instances/ins_never").Refused(404, "instance_not_found")
		}
		advanceClock(s, 24*time.Hour-1)
		s.Delete("/v1/instances/" + id).Wants(204) // and the day does not begin anew
		advanceClock(s, 1)
		s.Delete("/v1/instances/"+id).Refused(404, "instance_not_found")
	})
	s := wire.Start(t, emulator.WithRepeatedDelete404(), emulator.WithFixture("empty"))
	id := made(s, "a", "")
	s.Delete("/v1/instances/" + id).Wants(204)
	s.Delete("/v1/instances/"+id).Refused(404, "instance_not_found")
	project := s.Post("/v1/projects", `{"name":"p"}`).Text("id")
	s.Delete("/v1/projects/" + project).Wants(204)
	s.Delete("/v1/projects/"+project).Refused(404, "project_not_found")
}

// After the headers of a 204 nothing follows on the wire (S58).
func TestNothingFollowsA204(t *testing.T) {
	s := wire.Start(t, emulator.WithFixture("empty"))
	id := made(s, "a", "")
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, err = fmt.Fprintf(c, "DELETE /v1/instances/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", id, u.Host, s.Key())
	if err != nil {
		t.Fatal(err)
	}
	wireBytes, err := io.ReadAll(bufio.NewReader(c))
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ended := strings.Cut(string(wireBytes), "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 204 No Content\r\n") || !ended || rest != "" {
		t.Errorf("got %q", wireBytes)
	}
	for _, name := range []string{"Content-Type:", "Content-Length:", "Transfer-Encoding:"} {
		if strings.Contains(head, name) {
			t.Errorf("the 204 has %s", name)
		}
	}
}

// Addresses come with the first run, stay while the instance is stopped, rebuilt
// or broken, and go with it (S53, S54).
func TestAddresses(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), withInstances("id: ins_taken, status: running, ip: 10.24.8.32", "id: ins_down, status: stopped",
			"id: ins_broken, status: error", "id: ins_new, status: provisioning, public_ip: true"))
		s.Get("/v1/instances/ins_taken").Has("ip", "10.24.8.32").Has("network.private_ip", "10.24.8.32").Has("network.public_ip", nil).Has("network.state", "attached")
		s.Get("/v1/instances/ins_down").Has("network.state", "attached")
		s.Get("/v1/instances/ins_broken").Has("ip", nil).Has("network.state", "pending")

		id := s.Post("/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-1","network":{"public_ip":true}}`).Wants(201).
			Has("ip", nil).Has("network.state", "pending").Has("network.private_ip", nil).Has("network.public_ip", nil).Text("id")
		path := "/v1/instances/" + id
		advanceClock(s, 3*time.Second)
		r := s.Get(path).Has("network.state", "attached")
		ip, public := r.Text("ip"), r.Text("network.public_ip")
		r.Has("network.private_ip", ip)
		if !strings.HasPrefix(ip, "10.") || !strings.HasPrefix(public, "198.18.") && !strings.HasPrefix(public, "198.19.") {
			t.Errorf("the addresses are %s and %s", ip, public)
		}
		keeps := func(what string) {
			if r := s.Get(path).Wants(200); r.Text("ip") != ip || r.Text("network.public_ip") != public || r.Text("network.state") != "attached" {
				t.Errorf("%s: %s", what, r.Body)
			}
		}
		for _, step := range []string{`{"type":"stop"}`, `{"type":"resize","size":"standard-2"}`, `{"type":"start"}`, `{"type":"reboot"}`, `{"type":"rebuild"}`} {
			act(s, id, step)
			keeps(step)
			advanceClock(s, 10*time.Second)
			keeps("after " + step)
		}
		if err := s.Fail(id, ""); err != nil {
			t.Fatal(err)
		}
		keeps("crashed")
		seen := map[string]bool{ip: true}
		for range 20 {
			other := made(s, "b", "")
			advanceClock(s, 3*time.Second)
			got := s.Get("/v1/instances/" + other).Text("ip")
			if seen[got] || got == "10.24.8.32" || strings.HasSuffix(got, ".0") || strings.HasSuffix(got, ".255") {
				t.Errorf("%s is given out", got)
			}
			seen[got] = true
		}
		act(s, "ins_broken", `{"type":"rebuild"}`)
		advanceClock(s, 5*time.Second)
		if got := s.Get("/v1/instances/ins_broken").Text("ip"); seen[got] {
			t.Errorf("%s is given out twice", got)
		}
	})
}

// An address that was freed may be used again; one in use never is.
func TestFreedAddresses(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a, status: running, ip: 10.24.8.33"))
	first := made(s, "b", "")
	advanceClock(s, 3*time.Second)
	s.Get("/v1/instances/"+first).Has("ip", "10.24.8.32")
	s.Delete("/v1/instances/ins_a").Wants(204)
	second := made(s, "c", "")
	advanceClock(s, 3*time.Second)
	s.Get("/v1/instances/"+second).Has("ip", "10.24.8.33")
}

// A failed create has no addresses until a rebuild brings it up.
func TestFailedCreate(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
	id := made(s, "a", "")
	if err := s.Fail(id, "image_pull_failed"); err != nil {
		t.Fatal(err)
	}
	s.Get("/v1/instances/"+id).Has("status", "error").Has("ip", nil).Has("network.state", "pending").Has("status_reason.code", "image_pull_failed").
		Has("status_reason.message", "The image could not be loaded.")
	act(s, id, `{"type":"rebuild","image":"debian-12"}`)
	advanceClock(s, 5*time.Second)
	s.Get("/v1/instances/"+id).Has("status", "running").Has("image", "debian-12").Has("network.state", "attached")
}

// Whatever stands where an id belongs: it is found or it is not (S55).
func FuzzInstanceID(f *testing.F) {
	for _, id := range []string{"ins_web01", "ins_", "", ".", "..", "a/b", "%", "%2F", "ins_web01/", "\x00", "é", "\xff", strings.Repeat("x", 9000), "ins web", "?", "#", "*", "ins_web01%00", "{id}", ":id", "actions"} {
		f.Add(id)
	}
	r := newRig(f, "default")
	f.Fuzz(func(t *testing.T, id string) {
		r.log.Reset()
		if len(id) > 2000 {
			return // too long for a target
		}
		for _, path := range []string{"/v1/instances/", "/v1/compute/instances/", "/v1/actions/", "/v1/projects/", "/v1/images/"} {
			u := &url.URL{Path: path + id, RawPath: path + url.PathEscape(id)}
			request := &http.Request{Method: http.MethodGet, URL: u, RequestURI: u.RequestURI(), Host: "localhost", Header: http.Header{"Authorization": {"Bearer " + r.key}},
				Body: http.NoBody, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
			w := r.serve(request.WithContext(t.Context()))
			if known := id == "ins_web01" && strings.Contains(path, "instances"); known && w.Code != http.StatusOK {
				t.Fatalf("%s: got %d %s", u, w.Code, w.Body)
			}
			if w.Code == http.StatusNotFound != strings.Contains(w.Body.String(), `_not_found","message":"`) || w.Code != http.StatusNotFound && w.Code != http.StatusOK {
				t.Fatalf("%s: got %d %s", u, w.Code, w.Body)
			}
			if w.Code == http.StatusOK && !strings.Contains(w.Body.String(), strconv.Quote(id)) {
				t.Fatalf("%s: got %s", u, w.Body)
			}
		}
	})
}
