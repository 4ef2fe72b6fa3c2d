package control

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox"
)

// shownAs is the list of snapshots with the ids.
func shownAs(ids []int) string {
	items := make([]string, len(ids))
	for i, id := range ids {
		items[i] = fmt.Sprintf(`{"id":"snp_%d","at":%s}`, id, moment)
	}
	return `{"data":[` + strings.Join(items, ",") + `]}`
}

// The snapshots of a workspace are a list of at most 100 with ids that are never
// used again, whatever is done with them and with those of another.
func TestSnapshotsAreKept(t *testing.T) {
	r := newTestServer(t)
	rapid.Check(t, func(rt *rapid.T) {
		r.api.states = map[*engine.World]*workspaceState{}
		kept, taken := map[string][]int{}, map[string]int{}
		key := rapid.SampledFrom([]string{keyA, keyB})
		pick := func(rt *rapid.T, k string) (int, bool) {
			id := rapid.IntRange(0, taken[k]+1).Draw(rt, "id")
			return id, slices.Contains(kept[k], id)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				k := key.Draw(rt, "key")
				got := r.send(t, "POST", "/_sandbox/snapshots", k, "")
				if len(kept[k]) >= 100 {
					got.refused(t, 409, "too_many_snapshots")
					return
				}
				taken[k]++
				kept[k] = append(kept[k], taken[k])
				got.wants(t, 201, fmt.Sprintf(`{"id":"snp_%d","at":%s}`, taken[k], moment))
				if at := got.header.Get("Location"); at != fmt.Sprintf("/_sandbox/snapshots/snp_%d", taken[k]) {
					t.Errorf("Location %s", at)
				}
			},
			"fill": func(*rapid.T) {
				c := &call{workspace: r.a, world: r.worlds["wsp_a"]}
				for len(kept[keyA]) < 100 {
					if _, err := r.api.createSnapshot(c, noInput{}); err != nil {
						t.Error(err)
					}
					taken[keyA]++
					kept[keyA] = append(kept[keyA], taken[keyA])
				}
			},
			"list": func(rt *rapid.T) {
				k := key.Draw(rt, "key")
				r.send(t, "GET", "/_sandbox/snapshots", k, "").wants(t, 200, shownAs(kept[k]))
			},
			"delete": func(rt *rapid.T) {
				k := key.Draw(rt, "key")
				id, there := pick(rt, k)
				got := r.send(t, "DELETE", fmt.Sprintf("/_sandbox/snapshots/snp_%d", id), k, "")
				if !there {
					got.refused(t, 404, "snapshot_not_found")
					return
				}
				got.wants(t, 204, "")
				kept[k] = slices.DeleteFunc(kept[k], func(n int) bool { return n == id })
			},
			"restore": func(rt *rapid.T) {
				k := key.Draw(rt, "key")
				id, there := pick(rt, k)
				want := 204
				if !there {
					want = 404
				}
				if got := r.send(t, "POST", fmt.Sprintf("/_sandbox/snapshots/snp_%d/restore", id), k, ""); got.status != want {
					t.Errorf("%d, want %d", got.status, want)
				}
			},
			"reset": func(rt *rapid.T) {
				r.send(t, "POST", "/_sandbox/reset", key.Draw(rt, "key"), "").wants(t, 204, "")
			},
		})
	})
}

// changing is a workspace whose text changes with every snapshot.
type changing struct {
	*fakeWorkspace
	n int
}

func (c *changing) Snapshot() sandbox.Snapshot {
	c.n++
	return fakeSnapshot(fmt.Sprintf("instances\n  ins_1 %d\n", c.n))
}

func TestSnapshotDiff(t *testing.T) {
	r := newTestServer(t)
	c := &changing{fakeWorkspace: r.a}
	r.api.Workspace = func(string) (sandbox.Workspace, bool) { return c, true }
	r.send(t, "POST", "/_sandbox/snapshots", keyA, "")
	r.send(t, "POST", "/_sandbox/snapshots", keyA, "")
	for query, want := range map[string]string{
		"snp_1/diff?to=snp_2": "  instances\n-   ins_1 1\n+   ins_1 2\n",
		"snp_2/diff?to=snp_1": "  instances\n-   ins_1 2\n+   ins_1 1\n",
		"snp_1/diff":          "  instances\n-   ins_1 1\n+   ins_1 3\n",
		"snp_1/diff?to=snp_1": "",
	} {
		got := r.send(t, "GET", "/_sandbox/snapshots/"+query, keyA, "")
		got.wants(t, 200, want)
		if got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %s", query, got.header.Get("Content-Type"))
		}
	}
}

// With a workspace its snapshots end, also one that is being taken.
func TestSnapshotsEndWithTheirWorkspace(t *testing.T) {
	r := newTestServer(t)
	r.send(t, "POST", "/_sandbox/snapshots", keyB, "").wants(t, 201, `{"id":"snp_1","at":`+moment+`}`)
	r.send(t, "DELETE", "/_sandbox/workspaces/wsp_b", admin, "").wants(t, 204, "")
	r.send(t, "GET", "/_sandbox/snapshots", keyB, "").wants(t, 200, `{"data":[]}`) // the fake stays
	if len(r.api.states) != 0 {
		t.Errorf("%d states are left", len(r.api.states))
	}
	// A workspace that is made anew under the same id has none of the old one's.
	r.send(t, "POST", "/_sandbox/snapshots", keyB, "").wants(t, 201, `{"id":"snp_1","at":`+moment+`}`)
	r.b = r.addWorkspace(t, "wsp_b", keyB)
	r.send(t, "GET", "/_sandbox/snapshots", keyB, "").wants(t, 200, `{"data":[]}`)

	ending := &replaced{fakeWorkspace: r.a, then: func() { r.addWorkspace(t, "wsp_a", keyA) }}
	plain := r.api.Workspace
	r.api.Workspace = func(string) (sandbox.Workspace, bool) { return ending, true }
	r.send(t, "POST", "/_sandbox/snapshots", keyA, "").refused(t, 404, "workspace_not_found")
	r.api.Workspace = plain
	r.send(t, "GET", "/_sandbox/snapshots", keyA, "").wants(t, 200, `{"data":[]}`)
}

// replaced is a workspace that ends while a snapshot of it is taken.
type replaced struct {
	*fakeWorkspace
	then func()
}

func (e *replaced) Snapshot() sandbox.Snapshot {
	e.then()
	return e.fakeWorkspace.Snapshot()
}

func TestSnapshotsAtOnce(t *testing.T) {
	r := newTestServer(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			r.send(t, "GET", "/_sandbox/snapshots", keyA, "")
			for range 20 {
				r.send(t, "POST", "/_sandbox/snapshots", keyA, "")
				r.send(t, "DELETE", "/_sandbox/snapshots/snp_1", keyA, "")
				r.api.Forget(r.worlds["wsp_b"])
			}
		})
	}
	all.Wait()
	if n := len(r.api.states[r.worlds["wsp_a"]].kept); n != 100 {
		t.Errorf("%d are kept", n)
	}
}
