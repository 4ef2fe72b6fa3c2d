package journal

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/redact"
	"skystack.dev/sandbox/emulator/sandbox"
)

func TestReadBack(t *testing.T) {
	j := New(0, redact.String)
	e := &Entry{
		ID: "req_1", Key: "tok_123", At: noon.In(time.FixedZone("", 3600)), Operation: "createInstance", Method: "POST", Target: "/v1/instances?access_token=abc&page=2",
		Status: 409, Code: "conflict", Reason: "The token=abc is in use.", Stage: "handle",
		Header:      http.Header{"x-api-key": {"abc"}, "Accept": {"a/b", "c/d"}, "accept": {"e/f"}, "X-Empty": {""}, "X-Url": {"https://x?token=abc"}, "Gone": nil},
		RequestBody: []byte(`{"name":"ü","token":"abc"}`), ResponseBody: []byte("whsec_abcdefgh"),
	}
	j.Add(e)
	e.Header["Accept"][0] = "other"
	copy(e.RequestBody, "overwritten")
	j.Add(&Entry{})
	want := []sandbox.Request{
		{
			Seq: 1, ID: "req_1", At: noon, Operation: "createInstance", Method: "POST", Target: "/v1/instances?access_token=…&page=2", Key: "tok_123",
			Status: 409, Code: "conflict", Reason: "The token=… is in use.", Stage: "handle",
			Header:      http.Header{"X-Api-Key": {"…"}, "Accept": {"a/b", "c/d", "e/f"}, "X-Empty": {""}, "X-Url": {"https://x?token=…"}},
			RequestBody: `{"name":"ü","token":"…"}`, ResponseBody: "whsec_…",
		},
		{Seq: 2, Header: http.Header{}},
	}
	got := j.Requests(sandbox.Match{})
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	got[0].Header.Set("Accept", "changed")
	if again := j.Requests(sandbox.Match{}); !reflect.DeepEqual(again, want) {
		t.Errorf("a copy was not one: %+v", again)
	}
}

func TestCredentials(t *testing.T) {
	const secret = "dXNlcjpwYXNz" + token
	for _, tc := range []struct{ name, in, want string }{
		{"Authorization", "Bearer " + secret, "Bearer …"},
		{"Authorization", "bearer " + secret, "bearer …"},
		{"Authorization", "Basic  " + secret, "Basic …"},
		{"Authorization", "Bearer", "Bearer"},
		{"Authorization", "Bearer ", "Bearer "},
		{"Authorization", "", ""},
		{"Authorization", secret, "…"},
		{"Authorization", secret + " x", "…"},
		{"Authorization", "\tBearer " + secret, "…"},
		{"Authorization", "Bearer\t" + secret, "…"},
		{"authorization", "Bearer " + secret, "Bearer …"},
		{"Proxy-Authorization", "Digest username=" + secret, "Digest …"},
		{"Cookie", "sid=" + secret, "…"},
		{"cOOKIE", secret, "…"},
	} {
		j := New(0, redact.String)
		for range 10 {
			j.Add(&Entry{Header: http.Header{tc.name: {tc.in, "Bearer " + secret}, "Accept": {"*/*"}}})
		}
		for c := j.partitions[0].oldest; c != nil; c = c.next {
			if bytes.Contains(c.data[:cap(c.data)], []byte(secret[:12])) || bytes.Contains(c.data[:cap(c.data)], []byte(token)) {
				t.Errorf("%s: %q is in memory", tc.name, tc.in)
			}
		}
		want := []string{tc.want, "Bearer …"}
		if got := j.Requests(sandbox.Match{})[9].Header.Values(tc.name); !slices.Equal(got, want) {
			t.Errorf("%s: %q gives %q, want %q", tc.name, tc.in, got, want)
		}
	}
}

// What is redacted may reach into the name of a header; then nothing of the
// value is shown.
func TestRedactedNames(t *testing.T) {
	j := New(0, redact.String)
	j.Add(&Entry{Header: http.Header{"sk_live_abc": {"def"}, "X-Bearer": {"ghi"}}})
	want := http.Header{"sk_live_…": {"…"}, "X-Bearer": {"…"}}
	if got := j.Requests(sandbox.Match{})[0].Header; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBodiesAreCut(t *testing.T) {
	full := strings.Repeat("x", MaxBody)
	for _, tc := range []struct{ name, in, want string }{
		{"at the bound", full, full},
		{"over it", full + "y", full},
		{"in a letter", full[1:] + "ü", full[1:]},
		{"in a long letter", full[3:] + "😀", full[3:]},
		{"before a letter", full + "ü", full},
		{"not of letters", full[4:] + "\x80\x80\x80\x80\x80\x80", full[4:] + "\uFFFD"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cut := len(tc.in) > MaxBody
			j := New(0, nil)
			j.Add(&Entry{RequestBody: []byte(tc.in)})
			j.Add(&Entry{ResponseBody: []byte(tc.in)})
			got := j.Requests(sandbox.Match{})
			if got[0].RequestBody != tc.want || got[0].ResponseBody != "" || got[0].BodiesCut != cut {
				t.Errorf("request: %d bytes, cut %t", len(got[0].RequestBody), got[0].BodiesCut)
			}
			if got[1].ResponseBody != tc.want || got[1].RequestBody != "" || got[1].BodiesCut != cut {
				t.Errorf("response: %d bytes, cut %t", len(got[1].ResponseBody), got[1].BodiesCut)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	j := New(0, nil)
	for n := range 100 {
		j.Add(&Entry{
			Operation: []string{"", "getInstance"}[n%2], Method: []string{"GET", "POST"}[n%2], Key: fmt.Sprint("tok_", n%5),
			Target: fmt.Sprintf("/v1/instances/%d?a=b", n), Status: 200 + n, Code: []string{"", "", "a_code", "b_code"}[n%4],
		})
	}
	for _, tc := range []struct {
		name        string
		match       sandbox.Match
		n           int
		first, last uint64
	}{
		{"all", sandbox.Match{}, 100, 1, 100},
		{"operation", sandbox.Match{Operation: "getInstance"}, 50, 2, 100},
		{"unmatched", sandbox.Match{Unmatched: true}, 50, 1, 99},
		{"status", sandbox.Match{Status: 204}, 1, 5, 5},
		{"class", sandbox.Match{Status: 2}, 100, 1, 100},
		{"key", sandbox.Match{Key: "tok_4"}, 20, 5, 100},
		{"code", sandbox.Match{Code: "a_code"}, 25, 3, 99},
		{"code and operation", sandbox.Match{Code: "b_code", Operation: "getInstance"}, 25, 4, 100},
		{"method", sandbox.Match{Method: "post"}, 50, 2, 100},
		{"path", sandbox.Match{Path: "/v1/instances/7"}, 1, 8, 8},
		{"since", sandbox.Match{Since: 90}, 10, 91, 100},
		{"since and key", sandbox.Match{Since: 90, Key: "tok_0"}, 2, 91, 96},
		{"the latest", sandbox.Match{Since: 99}, 1, 100, 100},
		{"the future", sandbox.Match{Since: 100}, 0, 0, 0},
		{"nothing", sandbox.Match{Operation: "listInstances"}, 0, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := j.Requests(tc.match)
			if len(got) != tc.n {
				t.Fatalf("%d requests, want %d", len(got), tc.n)
			}
			if tc.n == 0 {
				if got != nil {
					t.Errorf("%v, want nil", got)
				}
				return
			}
			if got[0].Seq != tc.first || got[tc.n-1].Seq != tc.last {
				t.Errorf("%d to %d, want %d to %d", got[0].Seq, got[tc.n-1].Seq, tc.first, tc.last)
			}
		})
	}
}

func TestTheOldestGo(t *testing.T) {
	j, e := New(0, nil), typical()
	added := uint64(0)
	for ; j.Dropped() == 0; added++ {
		j.Add(e)
	}
	// The bound is used, but for the share of minor requests: little more than one
	// chunk of it may lie idle.
	if used := j.Bytes(); used > DefaultMaxBytes || used < DefaultMaxBytes-DefaultMaxBytes/minorShare-2*largestChunk {
		t.Errorf("%d bytes of %d", used, DefaultMaxBytes)
	}
	if perRequest := j.Bytes() / j.Len(); perRequest > 1700 {
		t.Errorf("%d bytes a request", perRequest)
	}
	got := j.Requests(sandbox.Match{})
	if len(got) != j.Len() || got[0].Seq != j.Dropped()+1 || got[len(got)-1].Seq != added {
		t.Errorf("%d requests from %d to %d", len(got), got[0].Seq, got[len(got)-1].Seq)
	}
	for _, tc := range []struct {
		since    uint64
		complete bool
	}{{0, false}, {j.Dropped() - 1, false}, {j.Dropped(), true}, {added, true}} {
		if got := j.DroppedOf(sandbox.Match{Since: tc.since}); (got == 0) != tc.complete {
			t.Errorf("since %d: %d dropped", tc.since, got)
		}
	}
	j.Forget()
	if j.Len() != 0 || j.Dropped() != 0 || j.DroppedOf(sandbox.Match{}) != 0 || j.Bytes() != journalBytes || j.Requests(sandbox.Match{}) != nil {
		t.Errorf("%d requests, %d dropped, %d bytes", j.Len(), j.Dropped(), j.Bytes())
	}
	j.Add(e)
	if got := j.Requests(sandbox.Match{}); len(got) != 1 || got[0].Seq != added+1 {
		t.Errorf("%v, want number %d", got, added+1)
	}
}

func TestTooLarge(t *testing.T) {
	for _, tc := range []struct {
		name              string
		max, target, body int
		want              string // what is kept: number, bytes of the body, whether it is cut
	}{
		{"fits", 9 << 10, 10, 2 << 10, "1 0 false, 2 2048 false, "},
		{"takes the other's place", 9 << 10, 10, 4 << 10, "2 4096 false, "},
		{"without its bodies", 9 << 10, 10, 10 << 10, "1 0 false, 2 0 true, "},
		{"not even so", 9 << 10, 10 << 10, 10, "1 0 false, "},
		{"nothing fits", 1, 10, 10, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j := New(tc.max, nil)
			j.Add(&Entry{Target: strings.Repeat("/", 3<<10)})
			j.Add(&Entry{Target: strings.Repeat("/", tc.target), RequestBody: make([]byte, tc.body)})
			got := ""
			for _, r := range j.Requests(sandbox.Match{}) {
				got += fmt.Sprint(r.Seq, " ", len(r.RequestBody), " ", r.BodiesCut, ", ")
			}
			if got != tc.want || j.Dropped()+uint64(j.Len()) != 2 || j.Bytes() > max(tc.max, journalBytes) {
				t.Errorf("kept %q, want %q; %d dropped, %d bytes", got, tc.want, j.Dropped(), j.Bytes())
			}
			j.Forget()
			if j.Add(&Entry{}); j.Len() != min(1, tc.max-1) || j.Dropped() != uint64(1-j.Len()) {
				t.Errorf("the next: %d kept, %d dropped", j.Len(), j.Dropped())
			}
		})
	}
}

// However many minor requests come, those of the owner stay, and the journal says
// of which kind those are that went.
func TestHostileMinorRequests(t *testing.T) {
	j := New(1<<20, nil)
	refused := typical()
	refused.Status, refused.Minor = 429, true
	for n := range 1000 {
		if n%3 == 0 {
			j.Add(&Entry{Operation: "createInstance", Status: 201})
		}
		j.Add(refused)
		j.Add(&Entry{Status: 401, Minor: true})
	}
	if j.Bytes() > 1<<20 {
		t.Errorf("%d bytes", j.Bytes())
	}
	all := j.Requests(sandbox.Match{})
	for i, r := range all[1:] {
		if r.Seq <= all[i].Seq {
			t.Fatalf("number %d after %d", r.Seq, all[i].Seq)
		}
	}
	newest := j.Requests(sandbox.Match{NewestFirst: true})
	if slices.Reverse(newest); !reflect.DeepEqual(newest, all) {
		t.Error("the newest first are not the same requests")
	}
	if j.Dropped()+uint64(len(all)) != 2334 || j.Dropped() < 500 {
		t.Errorf("%d dropped, %d kept", j.Dropped(), len(all))
	}
	if n := len(j.Requests(sandbox.Match{Status: 2})); n != 334 {
		t.Errorf("%d of the owner's 334 requests are kept", n)
	}
	for _, tc := range []struct {
		m    sandbox.Match
		want int
	}{
		{sandbox.Match{}, 2334 - len(all)},
		{sandbox.Match{Operation: "createInstance"}, 1000 - len(j.Requests(sandbox.Match{Operation: "createInstance", Status: 429}))},
		{sandbox.Match{Operation: "createInstance", Status: 2}, 0},
		{sandbox.Match{Operation: "deleteInstance"}, 0},
		{sandbox.Match{Status: 401, Unmatched: true}, 1000 - len(j.Requests(sandbox.Match{Status: 401}))},
		{sandbox.Match{Since: all[len(all)-1].Seq}, 0},
	} {
		if got := j.DroppedOf(tc.m); got != uint64(tc.want) {
			t.Errorf("%+v: %d dropped, want %d", tc.m, got, tc.want)
		}
	}
}

// The latest request of a full journal is found without decoding the others.
func TestHostileListOfAFullJournal(t *testing.T) {
	j, e := New(0, nil), typical()
	for j.Dropped() == 0 {
		j.Add(e)
	}
	j.Add(&Entry{Operation: "deleteInstance"})
	for name, m := range map[string]sandbox.Match{
		"the latest": {Limit: 1, NewestFirst: true}, "the oldest": {Limit: 1}, "the only one": {Operation: "deleteInstance"}, "none": {Operation: "getInstance"},
	} {
		before := new(runtime.MemStats)
		runtime.ReadMemStats(before)
		found := j.Requests(m)
		after := new(runtime.MemStats)
		runtime.ReadMemStats(after)
		if len(found) > 1 || (len(found) == 0) != (name == "none") {
			t.Errorf("%s: %d requests", name, len(found))
		}
		if n, bytes := after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc; n > 200 || bytes > 64<<10 {
			t.Errorf("%s: %d allocations, %d bytes", name, n, bytes)
		}
	}
}

// All violations of a request are kept, up to a bound, and cut to one.
func TestViolations(t *testing.T) {
	var all []sandbox.Violation
	for n := range MaxViolations + 7 {
		all = append(all, sandbox.Violation{Location: "body", Field: fmt.Sprint("labels.", n), Code: "pattern", Message: strings.Repeat("m", 2*maxViolation)})
	}
	j := New(0, nil)
	j.Add(&Entry{Violations: all[:2]})
	j.Add(&Entry{Violations: all})
	got := j.Requests(sandbox.Match{})
	for i := range all {
		all[i].Message = all[i].Message[:maxViolation]
	}
	if !reflect.DeepEqual(got[0].Violations, all[:2]) || got[0].MoreViolations != 0 {
		t.Errorf("%+v", got[0])
	}
	if !reflect.DeepEqual(got[1].Violations, all[:MaxViolations]) || got[1].MoreViolations != 7 {
		t.Errorf("%d violations, %d more", len(got[1].Violations), got[1].MoreViolations)
	}
}

func TestRecordingIsCheap(t *testing.T) {
	j, e := New(1<<20, nil), typical()
	if j.Bytes() != journalBytes {
		t.Errorf("unused, it takes %d bytes", j.Bytes())
	}
	j.Add(e)
	if j.Bytes() > 5<<10 {
		t.Errorf("with one request, it takes %d bytes", j.Bytes())
	}
	if n := testing.AllocsPerRun(5000, func() { j.Add(e) }); n > 1 {
		t.Errorf("%v allocations a request", n)
	}
}
