package journal

import (
	"cmp"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator/internal/redact"
	"skystack.dev/sandbox/emulator/sandbox"
)

// naive is what the record of an entry must be, when its bodies are kept and
// nothing in it is secret or out of order.
func naive(seq uint64, e *Entry) sandbox.Request {
	valid := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
	r := sandbox.Request{
		Seq: seq, ID: valid(e.ID), At: e.At.UTC(), Operation: valid(e.Operation), Method: valid(e.Method), Target: valid(e.Target), Key: valid(e.Key),
		Status: e.Status, Code: valid(e.Code), Reason: valid(e.Reason), Stage: valid(e.Stage), Header: http.Header{},
		RequestBody: valid(string(e.RequestBody)), ResponseBody: valid(string(e.ResponseBody)),
	}
	for name, values := range e.Header {
		for _, v := range values {
			r.Header.Add(valid(name), valid(v))
		}
	}
	return r
}

func drawEntry(t *rapid.T) *Entry {
	text := rapid.OneOf(rapid.Just(""), rapid.StringN(0, 20, 60), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 20), func(b []byte) string { return string(b) }))
	size := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, 3000), rapid.IntRange(0, 20_000))
	e := &Entry{
		ID: text.Draw(t, "id"), Key: rapid.SampledFrom([]string{"", "tok_1", "tok_2"}).Draw(t, "key"), At: noon.Add(time.Duration(rapid.Int64().Draw(t, "at"))),
		Operation: rapid.SampledFrom([]string{"", "getInstance", "createInstance"}).Draw(t, "operation"),
		Method:    rapid.SampledFrom([]string{"GET", "POST", ""}).Draw(t, "method"), Target: "/" + text.Draw(t, "target"),
		Status: rapid.OneOf(rapid.IntRange(100, 599), rapid.Int()).Draw(t, "status"),
		Minor:  rapid.Bool().Draw(t, "minor"),
		Code:   text.Draw(t, "code"), Reason: text.Draw(t, "reason"), Stage: text.Draw(t, "stage"),
		RequestBody: []byte(strings.Repeat("q", size.Draw(t, "request"))), ResponseBody: []byte(strings.Repeat("r", size.Draw(t, "response"))),
	}
	for _, name := range []string{"Accept", "X-Other", "User-Agent"}[rapid.IntRange(0, 3).Draw(t, "without"):] {
		if e.Header == nil {
			e.Header = http.Header{}
		}
		e.Header[name] = rapid.SliceOfN(text, 0, 3).Draw(t, name)
	}
	return e
}

func drawMatch(t *rapid.T, added int) sandbox.Match {
	return sandbox.Match{
		Operation: rapid.SampledFrom([]string{"", "getInstance", "createInstance"}).Draw(t, "operation"), Unmatched: rapid.Bool().Draw(t, "unmatched"),
		Status: rapid.SampledFrom([]int{0, 2, 200}).Draw(t, "status"), Key: rapid.SampledFrom([]string{"", "tok_1"}).Draw(t, "key"),
		Method: rapid.SampledFrom([]string{"", "get"}).Draw(t, "method"), Since: rapid.Uint64Range(0, uint64(added)+1).Draw(t, "since"),
		Before: rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(0, uint64(added)+1)).Draw(t, "before"),
		Limit:  rapid.SampledFrom([]int{0, 1, 3}).Draw(t, "limit"), NewestFirst: rapid.Bool().Draw(t, "newest first"),
	}
}

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{1, 500, 2 << 10, 10 << 10, 64 << 10, 300 << 10, 1 << 20}).Draw(t, "max")
		j := New(limit, nil)
		var added []*Entry
		forgotten := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				e := drawEntry(t)
				for range rapid.SampledFrom([]int{1, 1, 5, 30}).Draw(t, "times") {
					j.Add(e)
					added = append(added, e)
				}
			},
			"forget": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "really") == 0 {
					j.Forget()
					forgotten += uint64(len(added))
					added = nil
				}
			},
			"": func(t *rapid.T) { checkModel(t, j, limit, forgotten, added, drawMatch(t, int(forgotten)+len(added))) },
		})
	})
}

// checkModel wants the journal to hold the end of what was added of both kinds,
// whole, but for what was too large by itself.
func checkModel(t *rapid.T, j *Journal, limit int, forgotten uint64, added []*Entry, m sandbox.Match) {
	if j.Dropped()+uint64(j.Len()) != uint64(len(added)) {
		t.Fatalf("%d dropped and %d kept of %d", j.Dropped(), j.Len(), len(added))
	}
	if j.Bytes() > max(limit, journalBytes) {
		t.Fatalf("%d bytes, at most %d are allowed", j.Bytes(), limit)
	}
	cost, kept := journalBytes, 0
	for _, l := range j.partitions {
		for c := l.oldest; c != nil; c = c.next {
			cost, kept = cost+cap(c.data)+chunkBytes, kept+c.n
		}
	}
	if cost != j.Bytes() || kept != j.Len() {
		t.Fatalf("%d bytes and %d requests, counted %d and %d", cost, kept, j.Bytes(), j.Len())
	}
	all := j.Requests(sandbox.Match{})
	on := map[uint64]sandbox.Request{}
	oldest := map[bool]uint64{} // by whether they are minor
	for i, r := range all {
		if i > 0 && r.Seq <= all[i-1].Seq || r.Seq <= forgotten || r.Seq > forgotten+uint64(len(added)) {
			t.Fatalf("number %d after %v", r.Seq, all[:i])
		}
		e := added[r.Seq-forgotten-1]
		want := naive(r.Seq, e)
		if r.BodiesCut { // for a small journal
			want.BodiesCut, want.RequestBody, want.ResponseBody = true, "", ""
		}
		if !reflect.DeepEqual(r, want) {
			t.Fatalf("got  %+v\nwant %+v", r, want)
		}
		on[r.Seq] = r
		if oldest[e.Minor] == 0 {
			oldest[e.Minor] = r.Seq
		}
	}
	dropped := uint64(0)
	for i, e := range added {
		seq := forgotten + uint64(i+1)
		if _, ok := on[seq]; ok {
			continue
		}
		large := e.Minor && 4*(len(appendRecord(nil, e, seq, 0))+chunkBytes) > limit/minorShare || 4*(len(appendRecord(nil, e, seq, 0))+chunkBytes) > limit-limit/minorShare-journalBytes
		if first := oldest[e.Minor]; first != 0 && seq > first && !large {
			t.Fatalf("number %d is missing, %d is not", seq, first)
		}
		if r := naive(seq, e); m.Operation == "" || m.Operation == r.Operation {
			dropped++
		}
	}
	if got := j.DroppedOf(sandbox.Match{Operation: m.Operation}); got != dropped {
		t.Fatalf("%d of %q were dropped, want %d", got, m.Operation, dropped)
	}
	var want []sandbox.Request
	for _, r := range all {
		if m.Chooses(&r) {
			want = append(want, r)
		}
	}
	if m.NewestFirst {
		slices.Reverse(want)
	}
	if m.Limit > 0 && len(want) > m.Limit {
		want = want[:m.Limit]
	}
	if got := j.Requests(m); !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v:\ngot  %+v\nwant %+v", m, got, want)
	}
}

// FuzzRecord records whatever a client may send. It must not panic, and what is
// read must survive JSON as it is.
func FuzzRecord(f *testing.F) {
	f.Add("req_1", "/v1/instances?x=%ff", "Accept", "*/*", "Bearer "+token, []byte(`{"a":1}`), []byte("\xff\xfe"), 200, int64(1_900_000_000), 1<<20)
	f.Add("\xff", "\x00\u2028", "x:y", "a\r\nb", "", []byte("\xf0\x9f\x98"), []byte(strings.Repeat("ü", 1000)), -1, int64(0), 1000)
	f.Add("", "", "authorization", token, token, []byte(nil), []byte("token=sky_live_abc\xff"), 1<<40, int64(1), 0)
	f.Fuzz(func(t *testing.T, id, target, name, value, authorization string, request, response []byte, status int, sec int64, limit int) {
		const year10000 = 253402300800
		j := New(limit, redact.String)
		e := &Entry{
			ID: id, Target: target, Method: name, Operation: value, Key: id, Code: target, Reason: value, Stage: name,
			Violations: []sandbox.Violation{{Location: id, Field: name, Code: target, Message: value}},
			At:         time.Unix((sec%year10000+year10000)%year10000, 0), Status: status, RequestBody: request, ResponseBody: response,
			Header: http.Header{name: {value, id}, strings.ToLower(name): {target}, "Authorization": {"Bearer " + authorization}},
		}
		for range 3 {
			j.Add(e)
		}
		if j.Bytes() > max(cmp.Or(max(limit, 0), DefaultMaxBytes), journalBytes) || j.Dropped()+uint64(j.Len()) != 3 {
			t.Fatalf("%d bytes, %d dropped, %d kept", j.Bytes(), j.Dropped(), j.Len())
		}
		for i, r := range j.Requests(sandbox.Match{}) {
			if r.Seq != j.Dropped()+uint64(i)+1 || len(r.Violations)+r.MoreViolations != 1 && !r.BodiesCut || r.Status != status || !r.At.Equal(e.At) {
				t.Fatalf("%+v", r)
			}
			data, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			var again sandbox.Request
			if err := json.Unmarshal(data, &again); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(r, again) {
				t.Fatalf("%+v became %+v", r, again)
			}
			if other := j.Requests(sandbox.Match{})[i]; !reflect.DeepEqual(r, other) {
				t.Fatalf("%+v, and then %+v", r, other)
			}
		}
	})
}
