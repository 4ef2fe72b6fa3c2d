package skystack_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// policyRig is a policy under test: its leader and the members it should have.
type policyRig struct {
	*wire.Server
	leader, policy string
}

func newPolicyRig(s *wire.Server, autoscale string) policyRig {
	s.T.Helper()
	r := s.Post("/v1/instances", `{"name":"web","region":"us-east-1","size":"standard-1","autoscale":`+autoscale+`}`).Wants(201)
	return policyRig{s, r.Text("id"), r.Text("autoscale_policy.id")}
}

func (h policyRig) load(id string, cpu float64) {
	h.T.Helper()
	if err := h.SetLoad(id, sandbox.Busy(cpu)); err != nil {
		h.T.Fatal(err)
	}
}

func (h policyRig) members() int {
	h.T.Helper()
	return h.Get("/v1/autoscale-policies/" + h.policy).Wants(200).Int("members")
}

func (h policyRig) replicas() []string {
	h.T.Helper()
	r := h.Get("/v1/autoscale-policies/" + h.policy).Wants(200)
	list, _ := r.Find("replica_ids")
	var ids []string
	for _, id := range list.([]any) {
		ids = append(ids, id.(string))
	}
	return ids
}

// history is what the policy did, as "from>to reason".
func (h policyRig) history() (out []string) {
	h.T.Helper()
	r := h.Get("/v1/autoscale-policies/" + h.policy + "/history?limit=200").Wants(200)
	for n := range r.Int("pagination.total") {
		at := fmt.Sprintf("data.%d.", n)
		out = append(out, fmt.Sprintf("%s %d>%d %s", r.Text(at + "at")[11:], r.Int(at+"from"), r.Int(at+"to"), r.Text(at+"reason")))
	}
	return out
}

// With autoscale alone nothing ever happens: no step, no event and nothing on the
// agenda, for a week (S17; section 12).
func TestAutoscaleChangesNothingByDefaultS17(t *testing.T) {
	for _, fixture := range []string{"empty", "default", "docs"} {
		s := wire.Start(t, frozen12(), emulator.WithFixture(fixture))
		h := newPolicyRig(s, "true")
		before := len(s.Instances())
		if err := s.AdvanceUntilIdle(); err != nil {
			t.Fatal(err)
		}
		advanceClock(s, 7*24*time.Hour)
		if got := len(s.Instances()); got != before || h.members() != 1 || len(h.history()) != 0 {
			t.Errorf("%s: %d instances, want %d; %v", fixture, got, before, h.history())
		}
		if a := s.Agenda(); len(a) != 0 {
			t.Errorf("%s: the agenda is %v", fixture, a)
		}
	}
}

// The load decides, by every door: two replicas a step at most, one less at a
// time, with a pause after each, and no step within a tenth of the target.
func TestAutoscaleFollowsTheLoadS17(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		h := newPolicyRig(s, `{"max":6,"target_cpu":50,"cooldown_seconds":120}`) // at 12:00:00
		advanceClock(s, 90*time.Second)
		h.load(h.leader, 100) // from 12:01:30 on
		advanceClock(s, 30*time.Second)
		r := s.Get("/v1/autoscale-policies/"+h.policy).Wants(200).Has("leader_id", h.leader).Has("project_id", "prj_default").Has("enabled", true).
			Has("min", 1).Has("max", 6).Has("target_cpu", 50).Has("cooldown_seconds", 120).Has("members", 2).
			Has("cooldown_until", "2026-03-19T12:04:00Z").Has("created_at", "2026-03-19T12:00:00Z").Has("updated_at", "2026-03-19T12:02:00Z")
		replica := r.Text("replica_ids.0")
		s.Get("/v1/instances/"+replica).Wants(200).Has("name", "web-2").Has("status", "provisioning").Has("size", "standard-1").Has("region", "us-east-1").
			Has("autoscale", false).Has("autoscale_policy", nil).Has("labels.autoscale_policy", h.policy).Has("labels.managed_by", "autoscale")
		s.Get("/v1/instances?label=autoscale_policy:"+h.policy).Wants(200).Has("pagination.total", 1)
		advanceClock(s, 10*time.Minute) // the mean of 100 and 25 is 62.5: three; of three it is 50, and all is well
		h.load(replica, 90)             // 215 in all at 12:12:00: five
		advanceClock(s, 10*time.Minute)
		h.load(h.leader, 30)
		h.load(replica, 30)
		advanceClock(s, time.Hour)
		h.load(h.leader, 0)
		h.load(replica, 100) // which is 50 in the mean
		advanceClock(s, time.Hour)
		want := []string{
			"12:02:00Z 1>2 cpu_above_target", "12:04:00Z 2>3 cpu_above_target", "12:13:00Z 3>5 cpu_above_target",
			"12:23:00Z 5>4 cpu_below_target", "12:25:00Z 4>3 cpu_below_target", "12:27:00Z 3>2 cpu_below_target",
		}
		if got := h.history(); !slices.Equal(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		s.Get("/v1/autoscale-policies").Wants(200).Has("data.0.id", h.policy).Has("pagination.total", 1)
		s.Get("/v1/autoscale-policies?project_id=prj_none").Refused(404, "project_not_found")
		s.Get("/v1/autoscale-policies/asp_none").Refused(404, "autoscale_policy_not_found")
		s.Get("/v1/autoscale-policies/asp_none/history").Refused(404, "autoscale_policy_not_found")
		s.Get("/v1/autoscale-policies/"+h.policy+"/history?limit=2&page=2").Wants(200).Has("data.0.at", "2026-03-19T12:13:00Z").Has("data.0.cpu", 71.67)
	})
}

// model is the policy as section 12 has it, in a few lines that know nothing of
// agendas: it is asked every minute.
type model struct {
	min, max, target, rest int
	members                int
	until                  int // minutes
}

func (m *model) minute(now int, cpu *big.Rat) {
	if now < m.until {
		return
	}
	want := m.members
	ratio := new(big.Rat).Quo(cpu, big.NewRat(int64(m.target), 1))
	if ratio.Cmp(big.NewRat(11, 10)) > 0 || ratio.Cmp(big.NewRat(9, 10)) < 0 {
		exact := ratio.Mul(ratio, big.NewRat(int64(m.members), 1))
		want = int(new(big.Int).Div(exact.Num(), exact.Denom()).Int64())
		if !exact.IsInt() {
			want++
		}
	}
	want = min(max(want, m.min), m.max)
	want = min(max(want, m.members-1), m.members+2)
	if want != m.members {
		m.members, m.until = want, now+m.rest
	}
}

// Whatever the load, the members are as many as the model says, minute by minute
// (section 12).
func TestAutoscaleIsTheModelsS17(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	rapid.Check(t, func(rt *rapid.T) {
		s := wire.In(t, s.Fork(t))
		m := model{
			min: rapid.IntRange(1, 4).Draw(rt, "min"), target: rapid.IntRange(1, 100).Draw(rt, "target"), rest: rapid.IntRange(1, 5).Draw(rt, "rest"), members: 1,
		}
		m.max = m.min + rapid.IntRange(0, 6).Draw(rt, "more")
		h := newPolicyRig(s, fmt.Sprintf(`{"min":%d,"max":%d,"target_cpu":%d,"cooldown_seconds":%d}`, m.min, m.max, m.target, 60*m.rest))
		loads := map[string]float64{}
		all := []string{h.leader}
		advanceClock(s, 30*time.Second)
		for now := 1; now < 40; now++ {
			if rapid.Bool().Draw(rt, "change") {
				id := rapid.SampledFrom(all).Draw(rt, "of")
				loads[id] = float64(rapid.IntRange(0, 10000).Draw(rt, "cpu")) / 100
				h.load(id, loads[id])
			}
			sum := new(big.Rat)
			for _, id := range all {
				cpu, set := loads[id]
				if !set {
					cpu = 25
				}
				sum.Add(sum, big.NewRat(int64(cpu*100+0.5), 100))
			}
			m.minute(now, sum.Quo(sum, big.NewRat(int64(len(all)), 1)))
			advanceClock(s, time.Minute)
			all = append([]string{h.leader}, h.replicas()...)
			if len(all) != m.members {
				rt.Fatalf("minute %d: %d members, want %d; %v", now, len(all), m.members, h.history())
			}
		}
		if err := s.AdvanceUntilIdle(); err != nil { // however busy they are
			rt.Fatal(err)
		}
	})
}

// Whatever is loaded, deleted and waited for, there are no more members than the
// policy allows and no fewer, but for those deleted by hand, and the project
// counts them all.
func TestAutoscaleKeepsItsBounds(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	rapid.Check(t, func(rt *rapid.T) {
		s := wire.In(t, s.Fork(t))
		const least, most = 2, 5
		h := newPolicyRig(s, `{"min":2,"max":5,"target_cpu":40,"cooldown_seconds":60}`)
		advanceClock(s, 2*time.Minute)
		deleted := 0 // since the last minute
		rt.Repeat(map[string]func(*rapid.T){
			"load": func(rt *rapid.T) {
				h.load(rapid.SampledFrom(append(h.replicas(), h.leader)).Draw(rt, "of"), float64(rapid.IntRange(0, 100).Draw(rt, "cpu")))
			},
			"act": func(rt *rapid.T) {
				id := rapid.SampledFrom(append(h.replicas(), h.leader)).Draw(rt, "on")
				s.Post("/v1/instances/"+id+"/actions", `{"type":"`+rapid.SampledFrom([]string{"start", "stop", "reboot"}).Draw(rt, "type")+`"}`)
			},
			"delete": func(rt *rapid.T) {
				if ids := h.replicas(); len(ids) > 0 {
					s.Delete("/v1/instances/" + rapid.SampledFrom(ids).Draw(rt, "what")).Wants(204)
					deleted++
				}
			},
			"save": func(rt *rapid.T) {
				if err := s.Restore(s.Snapshot()); err != nil {
					rt.Fatal(err)
				}
			},
			"wait": func(rt *rapid.T) {
				d := time.Duration(rapid.Int64Range(1, int64(10*time.Minute)).Draw(rt, "for"))
				advanceClock(s, d)
				if d >= 2*time.Minute+time.Second { // an evaluation that is not at rest, at least
					deleted = max(0, deleted-2)
				}
			},
			"": func(rt *rapid.T) {
				n := h.members()
				if n > most || n < least-deleted {
					rt.Fatalf("%d members; %v", n, h.history())
				}
				if all := s.Get("/v1/instances").Int("pagination.total"); all != n || all != len(h.replicas())+1 {
					rt.Fatalf("%d instances, %d members", all, n)
				}
			},
		})
		s.Delete("/v1/instances/" + h.leader).Wants(204)
		if all := s.Instances(); len(all) != 0 {
			rt.Fatalf("without its leader there are %v", all)
		}
		if err := s.AdvanceUntilIdle(); err != nil {
			rt.Fatal(err)
		}
	})
}
