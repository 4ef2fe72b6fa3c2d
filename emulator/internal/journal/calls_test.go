package journal

import (
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/redact"
)

// A call is what a request was, without what was said, and without secrets
// wherever they stand (S37).
func TestCallsS37(t *testing.T) {
	j := New(0, redact.String)
	j.Add(&Entry{})
	j.Forget()
	e := typical()
	e.Resource, e.Address, e.Sent = "ins_1", "127.0.0.1", "tok_other"
	j.Add(e)
	j.Add(&Entry{ID: "req_2", Sent: "tok_old", At: noon, Status: 401, Method: "GET", Resource: token, Header: http.Header{"user-agent": {"x " + token}}})
	got, before, total := j.Calls(CallMatch{}, 0, 0, 10)
	want := []Call{
		{
			Seq: 2, Number: 1, ID: e.ID, At: noon, Token: "tok_123", Operation: "createInstance", Resource: "ins_1", Method: "POST", Address: "127.0.0.1",
			UserAgent: "skystack-go/1.4.2 (linux; amd64) go1.26", Status: 201,
		},
		{Seq: 3, Number: 2, ID: "req_2", At: noon, Token: "tok_old", Resource: redact.String(token), Method: "GET", UserAgent: "x " + redact.String(token), Status: 401},
	}
	if !reflect.DeepEqual(got, want) || before != 0 || total != 2 {
		t.Errorf("got %d of %d\n%+v\nwant\n%+v", before, total, got, want)
	}
	if redact.String(token) == token {
		t.Error("the token is not one that is redacted")
	}
}

// Calls are chosen by all that is asked, and paged by number or by how many to
// skip.
func TestCallsAreChosen(t *testing.T) {
	j := New(0, nil)
	for n := range 60 {
		e := &Entry{ID: fmt.Sprint(n), At: noon.Add(time.Duration(n) * time.Minute), Status: 200 + n%2, Operation: []string{"a", "b", ""}[n%3], Method: "GET", Target: []string{"/v1/a", "/api/b?c=/d", "/api", "/apiary"}[n%4]}
		if n%2 == 0 {
			e.Key = "tok_1"
		} else {
			e.Sent = "tok_1"
		}
		if n%5 == 0 {
			e.Key, e.Sent = "tok_2", "tok_1"
		}
		j.Add(e)
	}
	for _, tc := range []struct {
		name          string
		q             CallMatch
		after         uint64
		skip, limit   int
		first         string
		n, before, of int
	}{
		{"all", CallMatch{}, 0, 0, 100, "0", 60, 0, 60},
		{"a page", CallMatch{}, 0, 20, 10, "20", 10, 20, 60},
		{"past the end", CallMatch{}, 0, 70, 10, "", 0, 60, 60},
		{"after", CallMatch{}, 20, 0, 10, "20", 10, 20, 60},
		{"after the last", CallMatch{}, 60, 0, 10, "", 0, 60, 60},
		{"a token", CallMatch{Token: "tok_2"}, 0, 0, 5, "0", 5, 0, 12},
		{"accepted or not", CallMatch{Token: "tok_1"}, 0, 0, 100, "0", 60, 0, 60},
		{"a status", CallMatch{Status: 201}, 10, 0, 2, "11", 2, 5, 30},
		{"operations", CallMatch{Operations: []string{"b", "c"}}, 0, 1, 1, "4", 1, 1, 20},
		{"from and until", CallMatch{Since: noon.Add(time.Minute), Until: noon.Add(3 * time.Minute)}, 0, 0, 9, "1", 2, 0, 2},
		{"outside", CallMatch{Outside: []string{"/api/"}}, 0, 0, 2, "0", 2, 0, 30},
		{"everything at once", CallMatch{Token: "tok_2", Status: 200, Operations: []string{"b"}, Since: noon, Until: noon.Add(time.Hour)}, 0, 0, 9, "10", 2, 0, 2},
	} {
		got, before, of := j.Calls(tc.q, tc.after, tc.skip, tc.limit)
		if len(got) != tc.n || before != tc.before || of != tc.of || tc.n > 0 && got[0].ID != tc.first {
			t.Errorf("%s: got %d, %d before, %d in all, first %+v", tc.name, len(got), before, of, got)
		}
	}
}

// What is looked at for a filtered list costs nothing for each request.
func BenchmarkCalls(b *testing.B) {
	j, e := New(0, nil), typical()
	for range 20_000 {
		j.Add(e)
	}
	b.ReportAllocs()
	for b.Loop() {
		j.Calls(CallMatch{Token: "tok_none"}, 0, 0, 20)
	}
}
