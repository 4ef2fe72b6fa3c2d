package skystack_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// What each status says to a change of network or storage (S9). same is a patch
// that says what is so already.
const configurable = `
status        network storage same
provisioning  busy    busy       ok
running       ok      notstopped ok
stopping      busy    busy       ok
starting      busy    busy       ok
rebooting     busy    busy       ok
resizing      busy    busy       ok
rebuilding    busy    busy       ok
stopped       ok      ok         ok
error         state   state      ok
deleting      state   state      state
`

var configurations = map[string]string{
	"network": `{"name":"other","network":{"public_ip":true,"subnet":"s2"}}`,
	"storage": `{"labels":{"a":"b"},"storage":[{"size_gb":20},{"size_gb":5,"type":"hdd"}]}`,
	"same":    `{"network":{"subnet":"s1","firewall_ids":["f1"],"public_ip":false},"storage":[{"size_gb":10,"type":"nvme"}]}`,
}

// TestConfigureByStatus holds the 10 statuses by network and storage, in both
// address families and every version, and that a refusal changes nothing, not
// even what came with it (S7, S9, S17).
func TestConfigureByStatus(t *testing.T) {
	rows, columns, instances := grid(configurable, ", subnet: s1, firewall_ids: [f1], storage: [{size_gb: 10, type: nvme}]")
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		for _, way := range [][2]string{
			{"/v1/instances/", "2025-07-01"}, {"/v1/instances/", "2026-01-15"}, {"/v1/compute/instances/", "2026-01-15"}, {"/v1/compute/instances/", "2026-10-01"},
		} {
			s := start(frozen(), withInstances(instances...))
			for _, row := range rows {
				words := strings.Fields(row)
				for n, column := range columns {
					t.Run(way[0]+way[1]+" "+words[0]+" "+column, func(t *testing.T) {
						path := way[0] + "ins_" + words[0] + "x" + column
						checkConfigured(s.With(t), path, way[1], words[0], column, words[n+1])
					})
				}
			}
		}
	})
}

func checkConfigured(s *wire.Server, path, version, status, column, want string) {
	s.T.Helper()
	head := []string{"SkyStack-Version", version}
	before := s.Get(path, head...).Wants(200).Has("status", status)
	r := s.Patch(path, configurations[column], head...)
	switch want {
	case "busy":
		running := passing[status]
		r.Refused(409, "instance_busy").Header("Retry-After", fmt.Sprint(running.seconds))
		if got, want := detailsOf(r), fmt.Sprintf(`[{"action_id":%q,"type":%q,"retry_after":%d}]`, before.Text("pending_action"), running.action, running.seconds); got != want {
			s.T.Errorf("details: got %s, want %s", got, want)
		}
	case "notstopped":
		r.Refused(409, "instance_not_stopped").Lacks("error.details")
	case "state":
		r.Refused(409, "invalid_state").Lacks("error.details")
	case "ok":
		r.Wants(200).Has("status", status)
		switch column {
		case "same":
			r.Has("version", before.Int("version")).Header("ETag", fmt.Sprintf(`"%d.%s"`, before.Int("version"), version))
		case "network":
			r.Has("version", 2).Has("name", "other").Has("network.subnet", "s2").Has("network.firewall_ids", []any{"f1"}).
				Has("network.private_ip", before.Text("ip")).Has("network.state", "attached")
			r.Text("network.public_ip")
		case "storage":
			r.Has("version", 2).Has("labels.a", "b").Has("storage", []any{
				map[string]any{"size_gb": 20.0, "type": "nvme"}, map[string]any{"size_gb": 5.0, "type": "hdd"},
			})
		}
		if got := s.Get(path, head...); string(got.Body) != string(r.Body) {
			s.T.Errorf("PATCH answers\n%s and GET\n%s", r.Body, got.Body)
		}
		return
	}
	if after := s.Get(path, head...); string(after.Body) != string(before.Body) {
		s.T.Errorf("the refusal changed the instance from\n%s to\n%s", before.Body, after.Body)
	}
}

// A snapshot leaves the status and still keeps the settings from changing; DELETE
// does not mind (S9, S59).
func TestConfigureDuringASnapshot(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a, status: running", "id: ins_b, status: stopped"))
	for _, id := range []string{"ins_a", "ins_b"} {
		action := act(s, id, `{"type":"snapshot"}`)
		for _, patch := range []string{`{"network":{"public_ip":true}}`, `{"storage":[{"size_gb":1}]}`} {
			s.Patch("/v1/instances/"+id, patch).Refused(409, "instance_busy").Has("error.details.0.action_id", action).Header("Retry-After", "4")
		}
		s.Patch("/v1/instances/"+id, `{"name":"free"}`).Wants(200)
	}
	s.Delete("/v1/instances/ins_a").Wants(204)
	advanceClock(s, 4*time.Second)
	s.Patch("/v1/instances/ins_b", `{"storage":[{"size_gb":1}]}`).Wants(200)
}

// The network is merged member by member; null takes away (S7, S9).
func TestNetworkPatch(t *testing.T) {
	type network struct {
		subnet    any
		firewalls []any
		public    bool
	}
	whole := network{"s1", []any{"f1", "f2"}, true}
	for patch, want := range map[string]network{
		`{"network":{}}`:                         whole,
		`{"network":{"subnet":"s2"}}`:            {"s2", whole.firewalls, true},
		`{"network":{"subnet":null}}`:            {nil, whole.firewalls, true},
		`{"network":{"firewall_ids":["f3"]}}`:    {"s1", []any{"f3"}, true},
		`{"network":{"firewall_ids":[]}}`:        {"s1", []any{}, true},
		`{"network":{"firewall_ids":null}}`:      {"s1", []any{}, true},
		`{"network":{"public_ip":false}}`:        {"s1", whole.firewalls, false},
		`{"network":{"public_ip":null}}`:         {"s1", whole.firewalls, false},
		`{"network":{"public_ip":true}}`:         whole,
		`{"network":null}`:                       {nil, []any{}, false},
		`{"name":"x","network":{"unknown":"s"}}`: whole,
	} {
		s := wire.Start(t, frozen(), withInstances("id: ins_a, subnet: s1, firewall_ids: [f1, f2], public_ip: true"))
		before := s.Get("/v1/instances/ins_a")
		r := s.Patch("/v1/instances/ins_a", patch).Wants(200).Has("network.subnet", want.subnet).Has("network.firewall_ids", want.firewalls).
			Has("network.private_ip", before.Text("ip")).Has("ip", before.Text("ip"))
		if want.public {
			r.Has("network.public_ip", before.Text("network.public_ip"))
		} else {
			r.Has("network.public_ip", nil)
		}
		if again := s.Patch("/v1/instances/ins_a", patch).Wants(200); string(again.Body) != string(r.Body) {
			t.Errorf("%s: twice is not once:\n%s\n%s", patch, r.Body, again.Body)
		}
	}
}

// A public address is leased and given back, and no other instance has it meanwhile
// (S9).
func TestPublicAddress(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), withInstances("id: ins_a, status: running", "id: ins_b, status: stopped"))
		s.Get("/v1/instances/ins_a").Has("network.public_ip", nil)
		a := s.Patch("/v1/instances/ins_a", `{"network":{"public_ip":true}}`).Wants(200).Has("version", 2).Text("network.public_ip")
		b := s.Patch("/v1/instances/ins_b", `{"network":{"public_ip":true}}`).Wants(200).Text("network.public_ip")
		if a == b || !strings.HasPrefix(a, "198.1") {
			t.Errorf("the public addresses are %s and %s", a, b)
		}
		s.Patch("/v1/instances/ins_a", `{"network":{"public_ip":true}}`).Has("version", 2).Has("network.public_ip", a)
		act(s, "ins_a", `{"type":"stop"}`)
		advanceClock(s, 2*time.Second)
		s.Get("/v1/instances/ins_a").Has("network.public_ip", a) // kept while stopped
		s.Patch("/v1/instances/ins_a", `{"network":{"public_ip":false}}`).Has("network.public_ip", nil).Has("version", 5)
		if c := s.Patch("/v1/instances/ins_a", `{"network":{"public_ip":true}}`).Text("network.public_ip"); c == a || c == b {
			t.Errorf("the address %s is given out at once again", c) // it comes up after all others
		}
	})
}

// A list replaces the list there was; a volume may grow, come and go, but not
// shrink (S9).
func TestStoragePatch(t *testing.T) {
	for patch, want := range map[string]string{
		`[{"size_gb":10,"type":"nvme"},{"size_gb":20,"type":"hdd"}]`: `[{"size_gb":10,"type":"nvme"},{"size_gb":20,"type":"hdd"}]`,
		`[{"size_gb":11},{"size_gb":20}]`:                            `[{"size_gb":11,"type":"nvme"},{"size_gb":20,"type":"hdd"}]`,
		`[{"size_gb":10},{"size_gb":20},{"size_gb":1}]`:              `[{"size_gb":10,"type":"nvme"},{"size_gb":20,"type":"hdd"},{"size_gb":1,"type":"ssd"}]`,
		`[{"size_gb":10}]`:                                         `[{"size_gb":10,"type":"nvme"}]`,
		`[{"size_gb":20,"type":"hdd"}]`:                            `[{"size_gb":20,"type":"hdd"}]`,
		`[{"size_gb":1,"type":"ssd"},{"size_gb":1,"type":"nvme"}]`: `[{"size_gb":1,"type":"ssd"},{"size_gb":1,"type":"nvme"}]`,
		`[]`:                                   `[]`,
		`null`:                                 `[]`,
		`[{"size_gb":1.0e2},{"size_gb":20.0}]`: `[{"size_gb":100,"type":"nvme"},{"size_gb":20,"type":"hdd"}]`,
		`[{"size_gb":9},{"size_gb":19}]`:       `storage[0].size_gb out_of_range storage[1].size_gb out_of_range`,
		`[{"size_gb":20},{"size_gb":10}]`:      `storage[1].size_gb out_of_range`,
		`[{"size_gb":0},{"size_gb":16385,"type":"tape"},{},7]`: `storage[0].size_gb out_of_range storage[1].size_gb out_of_range storage[1].type unknown_value ` +
			`storage[2].size_gb required storage[3] invalid_type`,
		`{}`: `storage invalid_type`,
		`[` + strings.Repeat(`{"size_gb":30},`, 16) + `{"size_gb":30}]`: `storage too_long`,
	} {
		s := wire.Start(t, frozen(), withInstances("id: ins_a, status: stopped, storage: [{size_gb: 10, type: nvme}, {size_gb: 20, type: hdd}]"))
		before := s.Get("/v1/instances/ins_a")
		r := s.Patch("/v1/instances/ins_a", `{"storage":`+patch+`}`)
		if want[0] != '[' {
			var got []string
			for _, v := range violations(t, r.Refused(400, "invalid_parameter")) {
				got = append(got, v.field+" "+v.code)
			}
			slices.Sort(got)
			if text := strings.Join(got, " "); text != want {
				t.Errorf("%s: got %s, want %s", patch, text, want)
			}
			if after := s.Get("/v1/instances/ins_a"); string(after.Body) != string(before.Body) {
				t.Errorf("%s: refused, and changed\n%s to\n%s", patch, before.Body, after.Body)
			}
			continue
		}
		wantsText(r.Wants(200), `"storage":`+want)
		if again := s.Patch("/v1/instances/ins_a", `{"storage":`+patch+`}`).Wants(200); string(again.Body) != string(r.Body) {
			t.Errorf("%s: twice is not once:\n%s\n%s", patch, r.Body, again.Body)
		}
	}
}

// What only the sandbox sets of the network is refused by name, and what is of
// the wrong type with it (S7, S50).
func TestNetworkPatchViolations(t *testing.T) {
	for _, version := range []string{"2025-07-01", "2026-01-15", "2026-10-01"} {
		s := wire.Start(t, frozen(), withInstances("id: ins_a"))
		r := s.Patch("/v1/instances/ins_a", `{"network":{"state":"detached","private_ip":"10.0.0.1","public_ip":"198.18.0.1","subnet":"","firewall_ids":["",7]},"storage":"x"}`,
			"SkyStack-Version", version).Refused(400, "invalid_parameter")
		var got []string
		for _, v := range violations(t, r) {
			got = append(got, v.field+" "+v.code)
		}
		slices.Sort(got)
		want := "network.firewall_ids[0] too_short network.firewall_ids[1] invalid_type network.private_ip immutable network.public_ip immutable " +
			"network.state immutable network.subnet too_short storage invalid_type"
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: got %s, want %s", version, text, want)
		}
		s.Patch("/v1/instances/ins_a", `{"network":7}`).Refused(400, "invalid_parameter").Has("error.details.0.field", "network")
		if version != "2026-01-15" {
			s.Patch("/v1/instances/ins_a", `{"network":{"vlan":7}}`, "SkyStack-Version", version).Refused(400, "unknown_parameter").Has("error.details.0.field", "network.vlan")
		}
	}
}

// TestAddressesAreHeldOnce changes networks at random and finds every address
// with exactly one instance that lives, and no address with one that does not
// (S9, S54).
func TestAddressesAreHeldOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newLook(t, "empty", skystack.Settings{SlowDelete: rapid.Bool().Draw(rt, "slow")}, engine.Clock{})
		var ids []string
		pick := func(rt *rapid.T) string {
			if len(ids) == 0 {
				rt.Skip("nothing there")
			}
			return rapid.SampledFrom(ids).Draw(rt, "id")
		}
		patch := func(rt *rapid.T, body string) {
			if code, _ := r.ask(http.MethodPatch, "/v1/instances/"+pick(rt), body); code != 200 && code != 409 && code != 404 {
				rt.Fatalf("%s: %d", body, code)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				body := fmt.Sprintf(`{"name":"a","region":"us-east-1","size":"standard-1","network":{"public_ip":%v}}`, rapid.Bool().Draw(rt, "public"))
				if code, _ := r.ask(http.MethodPost, "/v1/instances", body); code != 201 {
					rt.Fatalf("create: %d", code)
				}
				all := r.api.Instances(r.world)
				ids = append(ids, all[len(all)-1].ID)
			},
			"add": func(rt *rapid.T) {
				status := rapid.SampledFrom(skystack.Statuses()).Draw(rt, "status")
				ids = append(ids, r.add(t, sandbox.Instance{Name: "b", Status: string(status), PublicIP: rapid.SampledFrom([]string{"", "auto"}).Draw(rt, "public")}).ID)
			},
			"public":  func(rt *rapid.T) { patch(rt, `{"network":{"public_ip":true}}`) },
			"private": func(rt *rapid.T) { patch(rt, `{"network":{"public_ip":false}}`) },
			"none":    func(rt *rapid.T) { patch(rt, `{"network":null}`) },
			"both": func(rt *rapid.T) {
				patch(rt, `{"network":{"public_ip":true,"subnet":"s"},"storage":[{"size_gb":1}]}`)
			},
			"delete": func(rt *rapid.T) { r.ask(http.MethodDelete, "/v1/instances/"+pick(rt), "") },
			"act": func(rt *rapid.T) {
				r.ask(http.MethodPost, "/v1/instances/"+pick(rt)+"/actions", rapid.SampledFrom([]string{`{"type":"stop"}`, `{"type":"start"}`, `{"type":"rebuild"}`}).Draw(rt, "action"))
			},
			"time": func(rt *rapid.T) { _ = r.world.Advance(2 * time.Second) },
			"fail": func(rt *rapid.T) { _ = r.api.Fail(r.world, pick(rt), "") },
			"":     func(rt *rapid.T) { checkShared(rt, r) },
		})
		checkAddresses(t, rt, r) // what is left behind stays to the end
	})
}

// checkShared finds an address that two instances show.
func checkShared(rt *rapid.T, r *rig) {
	holder := map[string]string{}
	for _, i := range r.api.Instances(r.world) {
		for _, ip := range []string{i.IP, i.PublicIP} {
			if other := holder[ip]; ip != "" && other != "" {
				rt.Fatalf("%s and %s show %s", other, i.ID, ip)
			}
			holder[ip] = i.ID
		}
	}
}

func checkAddresses(t *testing.T, rt *rapid.T, r *rig) {
	saved := r.tables(t, "addresses", "instances")
	holders, rows := saved[0], saved[1]
	held := 0
	for _, i := range r.api.Instances(r.world) {
		for _, ip := range []string{i.IP, i.PublicIP} {
			if ip == "" {
				continue
			}
			held++
			if holder := holders[ip]["instance_id"]; holder != i.ID {
				rt.Fatalf("%s shows %s, which is the address of %v", i.ID, ip, holder)
			}
		}
		row := rows[i.ID]
		if attached := i.Status == "running" || i.Status == "stopped"; attached && (i.IP == "" || (i.PublicIP != "") != (row["wants_public_ip"] == true)) {
			rt.Fatalf("%s is %s with the addresses %q and %q, and wants a public one: %v", i.ID, i.Status, i.IP, i.PublicIP, row["wants_public_ip"])
		}
	}
	if held != len(holders) {
		rt.Fatalf("%d addresses are held, and instances show %d: %v", len(holders), held, holders)
	}
}

// FuzzConfigure: whatever is sent for network and storage of a stopped instance is
// taken or refused, and what is taken once is taken twice without another change
// (S7, S9, S10).
func FuzzConfigure(f *testing.F) {
	for _, seed := range [][2]string{
		{`null`, `null`}, {`{}`, `[]`}, {`{"public_ip":true,"subnet":"s","firewall_ids":["a","a"]}`, `[{"size_gb":1},{"size_gb":2.0,"type":"hdd"}]`},
		{`{"public_ip":null,"subnet":null,"firewall_ids":null}`, `[{"size_gb":16384,"type":null}]`}, {`{"state":1}`, `[null]`}, {`7`, `{}`}, {`{"subnet":"\u0000"}`, `[{"size_gb":1e0}]`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, network, storage string) {
		r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
		r.add(t, sandbox.Instance{ID: "ins_a", Name: "a", Status: "stopped"})
		body := `{"network":` + network + `,"storage":` + storage + `}`
		first, taken := r.ask(http.MethodPatch, "/v1/instances/ins_a", body)
		switch first {
		case 200:
		case 400:
			if i := r.find(t, "ins_a"); i.Version != 1 || i.PublicIP != "" {
				t.Fatalf("%s is refused and changes the instance to %+v", body, i)
			}
			return
		default:
			t.Fatalf("%s: %d %v", body, first, taken)
		}
		again, same := r.ask(http.MethodPatch, "/v1/instances/ins_a", body)
		if again != 200 || same["version"] != taken["version"] || fmt.Sprint(same) != fmt.Sprint(taken) {
			t.Fatalf("%s: %d\n%v, and then\n%d %v", body, first, taken, again, same)
		}
		if _, err := engine.Load(r.schema, strings.NewReader(r.saved(t))); err != nil {
			t.Fatalf("%s: the world cannot be read again: %v", body, err)
		}
	})
}
