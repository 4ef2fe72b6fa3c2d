package skystack_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

var update = flag.Bool("update", false, "write what the tests see to testdata/golden")

// golden holds what was seen against a file under testdata/golden.
func golden(t *testing.T, name string, seen []byte) {
	t.Helper()
	file := filepath.Join("..", "..", "..", "testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, seen, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test -update writes it", err)
	}
	if bytes.Equal(seen, want) {
		return
	}
	got, kept := strings.Split(string(seen), "\n"), strings.Split(string(want), "\n")
	for n := range max(len(got), len(kept)) {
		if n >= len(got) || n >= len(kept) || got[n] != kept[n] {
			t.Fatalf("%s differs from line %d on; go test -update accepts that\n%s", file, n+1, strings.Join(got[min(n, len(got)):min(n+3, len(got))], "\n"))
		}
	}
}

// exchange is a request and all of its response as text, headers in order.
func exchange(r *wire.Reply, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "> %s\n", r.What)
	if body != "" {
		fmt.Fprintf(&b, "> %s\n", body)
	}
	fmt.Fprintf(&b, "%d\n", r.Status)
	for _, name := range slices.Sorted(maps.Keys(r.Head)) {
		for _, value := range r.Head[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	if len(r.Body) > 0 {
		fmt.Fprintf(&b, "\n%s\n", r.Body)
	}
	return b.String() + "\n"
}

// S68: the response of each version to the same requests, to the byte. A change of
// these files is a change of the API.
func TestGoldenResponsesOfVersionsS68(t *testing.T) {
	for _, version := range []string{"2025-07-01", "2026-01-15", "2026-10-01"} {
		t.Run(version, func(t *testing.T) {
			s := wire.Start(t, frozen12(), emulator.WithLimits(), emulator.WithFixtureData("golden.yaml", []byte(`
format: skystack-sandbox/1
workspace: {id: wsp_golden}
next_ids: {ins: 100}
keys: [{token: golden, id: tok_golden}]
projects: [{id: prj_web, name: web, description: The shop, created_at: 2026-01-01T00:00:00Z}]
default_project: prj_web
instances:
  - id: ins_full
    name: full
    region: eu-central
    size: c4-standard
    image: debian-12
    ip: 10.1.2.3
    public_ip: true
    subnet: sub_1
    firewall_ids: [fw_1, fw_2]
    storage: [{size_gb: 10}, {size_gb: 20, type: nvme}]
    labels: {role: web, env: prod}
    metadata: {b: [1, 2.5, null], a: {deep: true}}
    autoscale: true
    created_at: 2026-02-01T08:30:00Z
  - {id: ins_bare, name: bare, status: stopped, created_at: 2026-02-02T08:30:00Z}
  - {id: ins_bad, name: bad, status: error, status_reason: {code: host_failure, message: The host failed.}, created_at: 2026-02-03T08:30:00Z}
`)))
			var seen strings.Builder
			for _, step := range []struct{ method, path, body string }{
				{"POST", "/v1/instances", `{"name":"new","region":"us-east-1","size":"standard-2"}`},
				{"GET", "/v1/instances/ins_100", ""},
				{"GET", "/v1/instances/ins_full", ""},
				{"GET", "/v1/instances/ins_bad", ""},
				{"GET", "/v1/instances?limit=2", ""},
				{"GET", "/v1/instances?limit=2&page=2", ""},
				{"GET", "/v1/compute/instances?status=stopped", ""},
				{"POST", "/v1/compute/instances", `{"name":"worker","profile":"c4-standard","region":"eu-central","autoscale":true}`},
				{"POST", "/v1/instances", `{"name":"","region":"nowhere","image":5,"extra":true}`},
				{"POST", "/v1/instances", `{"name":`},
				{"PATCH", "/v1/instances/ins_full", `{"labels":{"env":null,"tier":"1"},"metadata":{"a":{"deep":null,"new":1}}}`},
				{"POST", "/v1/instances/ins_full/actions", `{"type":"stop"}`},
				{"POST", "/v1/instances/ins_full/actions", `{"type":"reboot"}`},
				{"GET", "/v1/instances/ins_full/actions", ""},
				{"DELETE", "/v1/instances/ins_bare", ""},
				{"DELETE", "/v1/instances/ins_none", ""},
				{"GET", "/v1/projects", ""},
				{"GET", "/v1/regions/us-east-1", ""},
			} {
				seen.WriteString(exchange(s.Send(step.method, step.path, step.body, "SkyStack-Version", version), step.body))
			}
			golden(t, "versions/"+version+".txt", []byte(seen.String()))
		})
	}
}
