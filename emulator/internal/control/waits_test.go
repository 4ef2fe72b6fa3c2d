package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

const (
	forStatus   = "/_sandbox/instances/ins_1?status=running&wait=10s"
	forRequests = "/_sandbox/requests?since=7&wait=10s"
	nothing     = `{"data":[],"next_cursor":null,"dropped":0,"missing":0,"complete":true}`
)

var running = strings.Replace(instance, "provisioning", "running", 1)

// sendAsync sends a request that waits.
func (r *testServer) sendAsync(t *testing.T, ctx context.Context, target, token string) <-chan response { //nolint:revive // a test comes first
	t.Helper()
	answer := make(chan response, 1)
	go func() { answer <- r.serve(t, request(ctx, "GET", target, token, http.NoBody)) }()
	synctest.Wait()
	return answer
}

func (r *testServer) setStatus(status string) {
	r.a.update(func() { r.a.instances[0].Status = status })
}

func (r *testServer) addRequest(seq uint64) sandbox.Request {
	q := r.a.requests[0]
	q.Seq = seq
	r.a.update(func() { r.a.requests = append(r.a.requests, q) })
	return q
}

func TestWaitEndsWithWhatIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestServer(t)
		begin := time.Now()
		instances, requests := r.sendAsync(t, t.Context(), forStatus, keyA), r.sendAsync(t, t.Context(), forRequests, keyA)
		r.setStatus("starting")
		r.addRequest(6)
		synctest.Wait()
		if len(instances)+len(requests) > 0 {
			t.Fatal("the answer came too soon")
		}
		r.setStatus("running")
		(<-instances).wants(t, 200, running)
		r.addRequest(8)
		(<-requests).wants(t, 200, `{"data":[`+strings.Replace(recorded, `"seq":7`, `"seq":8`, 1)+`],"next_cursor":null,"dropped":0,"missing":0,"complete":true}`)
		if waited := time.Since(begin); waited != 0 || len(r.api.states) != 0 {
			t.Errorf("it took %v, and %d states are left", waited, len(r.api.states))
		}
	})
}

func TestWaitEndsWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestServer(t)
		begin := time.Now()
		r.send(t, "GET", forStatus, keyA, "").wants(t, 200, instance)
		r.send(t, "GET", forRequests, keyA, "").wants(t, 200, nothing)
		if waited := time.Since(begin); waited != 20*time.Second {
			t.Errorf("they took %v", waited)
		}
		r.send(t, "GET", "/_sandbox/instances/ins_1?status=running&wait=0s", keyA, "").wants(t, 200, instance)
		r.send(t, "GET", "/_sandbox/instances/ins_1?status=running", keyA, "").wants(t, 200, instance)
		if waited := time.Since(begin); waited != 20*time.Second {
			t.Errorf("without wait it took %v more", waited-20*time.Second)
		}
	})
}

func TestWaitEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestServer(t)
		begin := time.Now()
		for _, target := range []string{forStatus, forRequests} {
			ctx, cancel := context.WithCancel(t.Context())
			answer := r.sendAsync(t, ctx, target, keyA)
			if r.api.states[r.worlds["wsp_a"]].waiting != 1 {
				t.Fatal("it does not wait")
			}
			cancel()
			<-answer
		}
		if waited := time.Since(begin); waited != 0 || len(r.api.states) != 0 {
			t.Errorf("it took %v, and %d states are left", waited, len(r.api.states))
		}
	})
}

func TestWaitEndsWithTheAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestServer(t)
		begin := time.Now()
		instances, requests := r.sendAsync(t, t.Context(), forStatus, keyA), r.sendAsync(t, t.Context(), forRequests, admin)
		r.api.Close()
		(<-instances).wants(t, 200, instance)
		(<-requests).wants(t, 200, nothing)
		r.send(t, "GET", forStatus, keyA, "").wants(t, 200, instance)
		r.api.Close()
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("it took %v", waited)
		}
	})
}

// An instance that goes while somebody waits for it is not there any more.
func TestWaitForADeletedInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestServer(t)
		answer := r.sendAsync(t, t.Context(), forStatus, keyA)
		r.a.update(func() { r.a.instances = nil })
		(<-answer).refused(t, 404, "instance_not_found")
	})
}

// What a workspace says against waiting is told at once.
func TestWaitIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestServer(t)
		begin := time.Now()
		r.a.failure = errors.New("the instance can never have the status")
		r.send(t, "GET", forStatus, keyA, "").refused(t, 400, "invalid_request")
		r.a.failure = fmt.Errorf("requests were dropped: %w", sandbox.ErrConflict)
		r.send(t, "GET", forRequests, keyA, "").refused(t, 409, "conflict")
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("it took %v", waited)
		}
	})
}

// Only so many requests of a workspace wait; those of another do not count.
func TestWaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestServer(t)
		var answers []<-chan response
		for range 50 {
			answers = append(answers, r.sendAsync(t, t.Context(), forStatus, keyA), r.sendAsync(t, t.Context(), forRequests, keyA))
		}
		for _, target := range []string{forStatus, forRequests} {
			got := r.send(t, "GET", target, keyA, "")
			got.refused(t, 503, "too_many_waiting")
			if got.header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
			}
		}
		r.send(t, "GET", "/_sandbox/instances/ins_1", keyA, "").wants(t, 200, instance)
		other := r.sendAsync(t, t.Context(), forStatus, keyB)
		r.setStatus("running")
		r.addRequest(8)
		for _, answer := range answers {
			if got := <-answer; got.status != 200 {
				t.Errorf("%d %s", got.status, got.body)
			}
		}
		r.send(t, "GET", strings.Replace(forStatus, "running", "stopped", 1), keyA, "").wants(t, 200, running)
		(<-other).wants(t, 200, instance)
		if len(r.api.states) != 0 {
			t.Errorf("%d states are left", len(r.api.states))
		}
	})
}

// A workspace may end while somebody waits in it.
func TestWaitInAWorkspaceThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestServer(t)
		answer := r.sendAsync(t, t.Context(), forStatus, keyA)
		r.api.Forget(r.worlds["wsp_a"])
		r.setStatus("running")
		(<-answer).wants(t, 200, running)
		if len(r.api.states) != 0 {
			t.Errorf("%d states are left", len(r.api.states))
		}
	})
}

// What the record has given up cannot be told from what never came.
func TestCompleteRequests(t *testing.T) {
	numbers := func(from, to uint64) (out []sandbox.Request) {
		for seq := from; seq <= to; seq++ {
			out = append(out, sandbox.Request{Seq: seq, ID: "r", At: testTime(), Method: "GET", Status: 200, Header: http.Header{}, Operation: []string{"even", "odd"}[seq%2]})
		}
		return out
	}
	for _, tc := range []struct {
		kept     []sandbox.Request
		dropped  uint64
		query    string
		found    int
		complete bool
	}{
		{numbers(1, 6), 0, "", 6, true},
		{numbers(1, 6), 0, "?operation=odd", 3, true},
		{numbers(1, 6), 0, "?limit=6", 6, true},
		{numbers(1, 6), 0, "?limit=5", 5, false},
		{nil, 0, "", 0, true},
		{numbers(4, 6), 3, "", 3, false},
		{numbers(4, 6), 3, "?operation=odd", 1, false},
		{numbers(4, 6), 3, "?since=2", 3, false},
		{numbers(4, 6), 3, "?since=3", 3, true},
		{numbers(4, 6), 3, "?since=3&limit=2", 2, false},
		{numbers(4, 6), 3, "?since=4&operation=even", 1, true},
		{numbers(4, 6), 3, "?since=6", 0, true},
		{numbers(4, 6), 3, "?since=7", 0, true},
		{nil, 6, "?since=6", 0, true},
		{nil, 6, "?since=5", 0, false},
		{nil, 6, "", 0, false},
	} {
		r := newTestServer(t, func(r *testServer) { r.a.requests, r.a.dropped = tc.kept, tc.dropped })
		got := r.send(t, "GET", "/_sandbox/requests"+tc.query, keyA, "")
		if n := strings.Count(got.body, `"seq":`); n != tc.found || !strings.HasSuffix(got.body, fmt.Sprintf(`,"complete":%v}`, tc.complete)) || !strings.Contains(got.body, fmt.Sprintf(`,"dropped":%d,"missing":`, tc.dropped)) {
			t.Errorf("%d to keep, %s: %d of %s", len(tc.kept), tc.query, n, got.body)
		}
	}
}

// Pages of the record, in both orders, meet no request twice and miss none, though
// others come meanwhile.
func TestPagesOfRequests(t *testing.T) {
	for _, tc := range []struct{ query, first, rest, last string }{
		{"?limit=3", "1 2 3", "4 5 6", "7 8"},
		{"?limit=3&order=asc&since=1", "2 3 4", "5 6 7", "8"},
		{"?limit=3&order=desc", "7 6 5", "4 3 2", "1"},
		{"?limit=2&order=desc&before=7&since=1", "6 5", "4 3", "2"},
		{"?limit=1&order=desc&operation=odd&since=2", "7", "5", "3"},
		{"?limit=2&order=desc&operation=none", "", "", ""},
	} {
		r := newTestServer(t, func(r *testServer) { r.a.requests = nil })
		add := func(seq uint64) {
			r.a.requests = append(r.a.requests, sandbox.Request{Seq: seq, Method: "GET", Status: 200, Operation: []string{"even", "odd"}[seq%2]})
		}
		for seq := range uint64(7) {
			add(seq + 1)
		}
		cursor := ""
		for _, want := range []string{tc.first, tc.rest, tc.last} {
			got := r.send(t, "GET", "/_sandbox/requests"+tc.query+cursor, keyA, "")
			var page struct {
				Data       []struct{ Seq uint64 }
				NextCursor *string `json:"next_cursor"`
				Complete   bool
			}
			if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != 200 {
				t.Fatal(got, err)
			}
			var seqs []string
			for _, request := range page.Data {
				seqs = append(seqs, strconv.FormatUint(request.Seq, 10))
			}
			if text := strings.Join(seqs, " "); text != want || (page.NextCursor == nil) != page.Complete {
				t.Errorf("%s%s: %s, want %s; %s", tc.query, cursor, text, want, got.body)
			}
			if page.NextCursor == nil {
				break
			}
			if cursor = "&cursor=" + *page.NextCursor; len(r.a.requests) == 7 {
				add(8)
			}
		}
	}
	r := newTestServer(t)
	for _, query := range []string{
		"?cursor=", "?cursor=7", "?cursor=asc-0", "?cursor=asc-07", "?cursor=asc-x", "?cursor=desc-7", "?order=desc&cursor=asc-7", "?cursor=asc-9223372036854775808",
		"?cursor=asc--1", "?order=newest", "?order=", "?limit=0", "?before=-1", "?before=x", "?cursor=asc-1&cursor=asc-2",
	} {
		if got := r.send(t, "GET", "/_sandbox/requests"+query, keyA, ""); got.status != 400 {
			t.Errorf("%s: %+v", query, got)
		}
	}
}

// Finishing a deletion leaves nothing to show but what was there.
func TestAdvanceDeletes(t *testing.T) {
	r := newTestServer(t)
	r.a.instances[0].Status, r.a.instances[0].PendingAction = "deleting", "act_1"
	gone := &vanishing{r.a}
	r.api.Workspace = func(string) (sandbox.Workspace, bool) { return gone, true }
	r.send(t, "POST", "/_sandbox/instances/ins_1/advance", keyA, "").wants(t, 200, strings.Replace(instance, "provisioning", "deleted", 1))
	r.send(t, "POST", "/_sandbox/instances/ins_1/advance", keyA, "").refused(t, 404, "instance_not_found")
}

// vanishing is a workspace whose instances are gone when they are finished.
type vanishing struct{ *fakeWorkspace }

func (v *vanishing) Finish(string) error {
	v.instances = nil
	return nil
}

func TestAdvanceWithEmptyAgenda(t *testing.T) {
	r := newTestServer(t)
	r.a.idle = true
	for _, until := range []string{"next", "idle"} {
		r.send(t, "POST", "/_sandbox/clock/advance", keyA, `{"until":"`+until+`"}`).wants(t, 200, `{"now":`+moment+`,"advanced":false}`)
	}
	if calls := strings.Join(r.takeCalls(), " "); calls != "a.AdvanceToNext a.AdvanceUntilIdle" {
		t.Errorf("calls %s", calls)
	}
}

// A match that names what does not exist is refused, also one that waits.
func TestMatchesNameWhatExists(t *testing.T) {
	r := newTestServer(t)
	for _, target := range []string{
		"/_sandbox/requests?operation=nonesuch", "/_sandbox/requests?operation=nonesuch&wait=1s", "/_sandbox/events?type=nonesuch", "/_sandbox/events?type=nonesuch&wait=1s",
		"/_sandbox/deliveries?event_type=nonesuch",
	} {
		got := r.send(t, "GET", target, keyA, "")
		if got.status != 400 || !strings.Contains(got.body, `"details":[{"field":"name","location":"query","code":"unknown_value","message":"There is no nonesuch."}]`) {
			t.Errorf("%s: %d %s", target, got.status, got.body)
		}
	}
	if told := r.takeCalls(); len(told) > 0 {
		t.Errorf("the workspace was asked all the same: %v", told)
	}
}
