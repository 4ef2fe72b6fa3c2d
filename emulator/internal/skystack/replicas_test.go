package skystack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// grownPolicy is a policy with two replicas that run, and are wanted.
func grownPolicy(s *wire.Server) (h policyRig, first, second string) {
	s.T.Helper()
	h = newPolicyRig(s, `{"cooldown_seconds":60}`)
	h.load(h.leader, 100)
	advanceClock(s, 61*time.Second)
	h.load(h.replicas()[0], 100)
	advanceClock(s, 65*time.Second)
	ids := h.replicas()
	if len(ids) != 2 {
		s.T.Fatalf("replicas %v", ids)
	}
	h.load(ids[1], 100)
	return h, ids[0], ids[1]
}

// A replica that is deleted stays away until the next evaluation, and only comes
// back if the load asks for it, with the first name that is free.
func TestDeletedReplicaS17(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		h, first, second := grownPolicy(s)
		s.Get("/v1/instances/"+second).Has("name", "web-3")
		s.Delete("/v1/instances/" + first).Wants(204)
		if n := h.members(); n != 2 {
			t.Errorf("%d members at once", n)
		}
		advanceClock(s, time.Minute)
		ids := h.replicas()
		if len(ids) != 2 || ids[0] != second {
			t.Fatalf("replicas %v", ids)
		}
		s.Get("/v1/instances/"+ids[1]).Has("name", "web-2")
		h.load(h.leader, 40)
		h.load(second, 0)
		s.Delete("/v1/instances/" + ids[1]).Wants(204)
		advanceClock(s, time.Hour)
		if n := h.members(); n != 1 {
			t.Errorf("%d members without a load", n)
		}
	})
}

// The policy ends with its leader, and with autoscale set to false or null; its
// replicas go with it, the newest first.
func TestPolicyEndsS17(t *testing.T) {
	for name, end := range map[string]func(s *wire.Server, h policyRig){
		"deleted": func(s *wire.Server, h policyRig) { s.Delete("/v1/instances/" + h.leader).Wants(204) },
		"false": func(s *wire.Server, h policyRig) {
			s.Patch("/v1/instances/"+h.leader, `{"autoscale":false}`).Wants(200).Has("autoscale", false).Has("autoscale_policy", nil)
		},
		"null": func(s *wire.Server, h policyRig) { s.Patch("/v1/instances/"+h.leader, `{"autoscale":null}`).Wants(200) },
	} {
		for _, slow := range []bool{false, true} {
			t.Run(fmt.Sprint(name, slow), func(t *testing.T) {
				opts := []emulator.Option{frozen12(), emulator.WithFixture("empty")}
				if slow {
					opts = append(opts, emulator.WithSlowDelete())
				}
				s := wire.Start(t, opts...)
				h, first, second := grownPolicy(s)
				end(s, h)
				s.Get("/v1/autoscale-policies/"+h.policy).Refused(404, "autoscale_policy_not_found")
				s.Get("/v1/autoscale-policies/"+h.policy+"/history").Refused(404, "autoscale_policy_not_found")
				if slow {
					for _, id := range []string{first, second} {
						s.Get("/v1/instances/"+id).Wants(200).Has("status", "deleting")
					}
					advanceClock(s, 5*time.Second)
				}
				var left []string
				for _, i := range s.Instances() {
					left = append(left, i.ID)
				}
				if want := []string{h.leader}; name != "deleted" && !slices.Equal(left, want) || name == "deleted" && len(left) != 0 {
					t.Errorf("left are %v", left)
				}
				dump := s.Dump()
				if first, second := strings.Index(dump, "tombstones "+first), strings.Index(dump, "tombstones "+second); second < 0 || first < second {
					t.Error("the older one went first")
				}
				if strings.Contains(dump, "autoscale_history") {
					t.Error("the history is left")
				}
				s.Get("/v1/projects/prj_default").Wants(200)
				if err := s.AdvanceUntilIdle(); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// A patch of the numbers changes the policy and keeps its id; true brings the
// standard back. Disabled, it leaves everything as it is.
func TestPolicyPatch(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	h, _, second := grownPolicy(s)
	s.Patch("/v1/instances/"+h.leader, `{"autoscale":{"enabled":false}}`).Wants(200).Has("autoscale_policy.id", h.policy)
	h.load(h.leader, 0)
	h.load(second, 0)
	advanceClock(s, time.Hour)
	if n := h.members(); n != 3 {
		t.Errorf("disabled, and yet %d members", n)
	}
	s.Patch("/v1/instances/"+h.leader, `{"autoscale":{"enabled":true,"max":2}}`).Wants(200)
	r := s.Get("/v1/autoscale-policies/"+h.policy).Wants(200).Has("max", 2).Has("members", 3).Has("updated_at", frozenNow().Add(time.Hour+126*time.Second).Format(time.RFC3339))
	if r.Text("created_at") != frozenNow().Format(time.RFC3339) {
		t.Errorf("created at %s", r.Text("created_at"))
	}
	advanceClock(s, time.Minute)
	if n := h.members(); n != 2 {
		t.Errorf("%d members, and two are allowed", n)
	}
	s.Patch("/v1/instances/"+h.leader, `{"autoscale":true}`).Wants(200).Has("autoscale_policy.id", h.policy).Has("autoscale_policy.max", 3).Has("autoscale_policy.cooldown_seconds", 300)
	s.Patch("/v1/instances/"+h.leader, `{"autoscale":{"min":3}}`).Wants(200)
	advanceClock(s, 10*time.Minute)
	if got, want := h.history()[2:], []string{"13:03:00Z 3>2 above_max", "13:04:00Z 2>3 below_min"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// A replica has no policy of its own.
	replica := h.replicas()[0]
	s.Patch("/v1/instances/"+replica, `{"autoscale":true}`).Refused(409, "invalid_state")
	s.Patch("/v1/instances/"+replica, `{"autoscale":false,"name":"mine"}`).Wants(200).Has("name", "mine")
	if n := h.members(); n != 3 {
		t.Errorf("%d members", n)
	}
}

// The quota stops a policy and fails nothing: the history says so once, and there
// is another try when an instance makes room.
func TestPolicyAndQuota(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"), emulator.WithQuota(3))
		other := made(s, "other", "")
		h := newPolicyRig(s, `{"min":3,"max":5,"cooldown_seconds":60}`)
		if err := s.AdvanceUntilIdle(); err != nil {
			t.Fatal(err)
		}
		want := []string{"12:01:00Z 1>2 below_min", "12:02:00Z 2>2 quota_exceeded"}
		if got := h.history(); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		h.load(h.leader, 80)
		advanceClock(s, time.Hour)
		if got := h.history(); !slices.Equal(got, want) {
			t.Errorf("an hour on: got %v, want %v", got, want)
		}
		s.Post("/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-1"}`).Refused(403, "quota_exceeded")
		s.Delete("/v1/instances/" + other).Wants(204)
		advanceClock(s, 2*time.Minute)
		want = append(want, "13:03:00Z 2>3 below_min")
		if got := h.history(); !slices.Equal(got, want) {
			t.Errorf("with room: got %v, want %v", got, want)
		}
		if got := len(s.Instances()); got != 3 {
			t.Errorf("%d instances", got)
		}
	})
}

// Replicas have their leader's ways and no secrets of their own: names are cut to
// what fits, and labels that leave no room are left out.
func TestReplicaIsLikeItsLeader(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	long := strings.Repeat("n", 63)
	labels := make([]string, 64)
	for n := range labels {
		labels[n] = fmt.Sprintf(`"k%d":"v"`, n)
	}
	for _, c := range []struct{ labels, want string }{
		{`"labels":{"tier":"web"}`, `"tier":"web"`},
		{`"labels":{` + strings.Join(labels, ",") + `}`, `"labels":{"autoscale_policy":`},
	} {
		r := s.Post("/v1/instances", `{"name":"`+long+`","region":"eu-central","size":"standard-4","image":"debian-12","autoscale":{"min":2},`+c.labels+
			`,"metadata":{"a":[1]},"network":{"public_ip":true,"subnet":"subnet-a","firewall_ids":["fw-1"]},"storage":[{"size_gb":5,"type":"nvme"}]}`).Wants(201)
		h := policyRig{s, r.Text("id"), r.Text("autoscale_policy.id")}
		advanceClock(s, 2*time.Minute)
		got := s.Get("/v1/instances/"+h.replicas()[0]).Wants(200).Has("name", long[:61]+"-2").Has("size", "standard-4").Has("region", "eu-central").Has("image", "debian-12").
			Has("status", "running").Has("network.subnet", "subnet-a").Has("network.firewall_ids.0", "fw-1").Has("storage.0.type", "nvme").Has("metadata.a.0", 1).
			Has("labels.autoscale_policy", h.policy)
		if got.Text("network.public_ip") == "" || got.Text("ip") == s.Get("/v1/instances/"+h.leader).Text("ip") {
			t.Errorf("its addresses are %s", got.Body)
		}
		wantsText(got, c.want)
	}
}

// A policy in full swing goes on elsewhere as it would have here.
func TestPolicyIsPartOfTheWorld(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	h := newPolicyRig(s, `{"max":9}`)
	h.load(h.leader, 100)
	advanceClock(s, 90*time.Second)
	f := wire.In(t, s.Fork(t))
	before := s.Snapshot()
	h.load(h.replicas()[0], 77)
	advanceClock(s, time.Hour)
	after := h.history()
	if err := s.Restore(before); err != nil {
		t.Fatal(err)
	}
	for _, w := range []*wire.Server{s, f} {
		if err := w.SetLoad(h.replicas()[0], sandbox.Busy(77)); err != nil {
			t.Fatal(err)
		}
		advanceClock(w, time.Hour)
		if got := (policyRig{w, h.leader, h.policy}).history(); !slices.Equal(got, after) {
			t.Errorf("got %v, want %v", got, after)
		}
	}
}

// A step is an event with the policy as it is then, and its members as they were.
func TestScalingEmitsEvents(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	h, first, second := grownPolicy(s)
	for _, id := range []string{h.leader, first, second} {
		h.load(id, 0)
	}
	advanceClock(s, time.Hour)
	var file bytes.Buffer
	if err := s.Snapshot().Save(&file); err != nil {
		t.Fatal(err)
	}
	var world savedWorld
	if err := json.Unmarshal(file.Bytes(), &world); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, table := range world.Tables {
		for _, row := range table.Rows {
			var e struct {
				Type   string
				Object struct {
					ID      string
					Members int
				}
				Previous struct{ Members int }
			}
			if table.Name == "events" && json.Unmarshal(row.Value, &e) == nil && strings.HasPrefix(e.Type, "autoscale.") {
				got = append(got, fmt.Sprintf("%s %v %d>%d", e.Type, e.Object.ID == h.policy, e.Previous.Members, e.Object.Members))
			}
		}
	}
	want := []string{"autoscale.scaled_out true 1>2", "autoscale.scaled_out true 2>3", "autoscale.scaled_in true 3>2", "autoscale.scaled_in true 2>1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
