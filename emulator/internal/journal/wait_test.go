package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator/internal/redact"
	"skystack.dev/sandbox/emulator/sandbox"
)

type answer struct {
	r   sandbox.Request
	err error
}

// ask waits in the background, and returns when the waiting has begun.
func ask(ctx context.Context, j *Journal, m sandbox.Match) <-chan answer {
	got := make(chan answer, 1)
	go func() {
		r, err := j.Wait(ctx, m)
		got <- answer{r, err}
	}()
	synctest.Wait()
	return got
}

func pending(t *testing.T, got <-chan answer) {
	t.Helper()
	synctest.Wait()
	select {
	case a := <-got:
		t.Fatalf("the wait is over: %v, %v", a.r, a.err)
	default:
	}
}

func wants(t *testing.T, got <-chan answer, seq uint64) {
	t.Helper()
	synctest.Wait()
	select {
	case a := <-got:
		if a.err != nil || a.r.Seq != seq {
			t.Fatalf("got %v, %v, want number %d", a.r, a.err, seq)
		}
	default:
		t.Fatalf("still waiting for number %d", seq)
	}
}

func TestWaitForWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := New(0, redact.String)
		j.Add(&Entry{Operation: "createInstance", Status: 400})
		all := ask(t.Context(), j, sandbox.Match{Since: 1})
		one := ask(t.Context(), j, sandbox.Match{Operation: "createInstance", Status: 201})
		two := ask(t.Context(), j, sandbox.Match{Operation: "createInstance", Status: 2})
		j.Add(&Entry{Operation: "createInstance", Status: 400})
		wants(t, all, 2)
		pending(t, one)
		pending(t, two)
		j.Add(&Entry{Operation: "createInstance", Status: 201, Target: "/?token=abc"})
		j.Add(&Entry{Operation: "createInstance", Status: 201})
		wants(t, one, 3)
		wants(t, two, 3)
		if len(j.waiters) != 0 {
			t.Errorf("%d still wait", len(j.waiters))
		}
		if r, err := j.Wait(t.Context(), sandbox.Match{Since: 2}); err != nil || r.Target != "/?token=…" {
			t.Errorf("%v, %v", r, err)
		}
	})
}

// What was waited for arrives, even if it is dropped before the waiter runs.
func TestWaitOutlivesTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := New(2<<10, nil)
		got := ask(t.Context(), j, sandbox.Match{Method: "PUT"})
		j.Add(&Entry{Method: "PUT"})
		for range 1000 {
			j.Add(&Entry{Method: "GET", Target: "/v1/instances"})
		}
		if j.Dropped() == 0 {
			t.Fatal("nothing was dropped")
		}
		wants(t, got, 1)

		got = ask(t.Context(), j, sandbox.Match{Method: "POST"})
		j.Add(&Entry{Method: "POST", Target: strings.Repeat("/", 4<<10)})
		if len(j.Requests(sandbox.Match{Method: "POST"})) != 0 {
			t.Fatal("it was kept")
		}
		wants(t, got, 1002)
	})
}

func TestWaitAcrossForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := New(0, nil)
		for range 10 {
			j.Add(&Entry{})
		}
		got := ask(t.Context(), j, sandbox.Match{Since: 10})
		j.Forget()
		pending(t, got)
		j.Add(&Entry{})
		wants(t, got, 11)
	})
}

func TestWaitInVain(t *testing.T) {
	reason := errors.New("the test is over")
	for _, tc := range []struct {
		name    string
		dropped bool
		match   sandbox.Match
		want    string
		unknown bool
	}{
		{"for anything", false, sandbox.Match{Since: 5}, "no request came with since=5: the test is over", false},
		{"for much", false, sandbox.Match{
			Operation: "createInstance", Unmatched: true, Status: 2, Code: "quota_exceeded", Key: "sky_live_abc", Method: "POST", Path: "/v1/instances", Since: 7,
		}, "no request came with operation=createInstance unmatched=true status=2 code=quota_exceeded key=sky_live_… method=POST path=/v1/instances since=7, nor any other: the test is over", false},
		{"with others", false, sandbox.Match{Operation: "createInstance"}, "no request came with operation=createInstance; the latest that did: " +
			"3 GET /?token=… -> 200 getInstance; 4 GET /?token=… -> 200 getInstance; 5 GET /?token=… -> 200 getInstance: the test is over", false},
		{"with one other", false, sandbox.Match{Status: 4, Since: 4},
			"no request came with status=4 since=4; the latest that did: 5 GET /?token=… -> 200 getInstance: the test is over", false},
		{"with gaps", true, sandbox.Match{Key: "tok_other", Since: 1},
			"unknown: up to %d requests that may match were dropped from the record, and no other came with key=tok_other since=1; the latest that did: " +
				"%d GET /?token=… -> 200 getInstance; %d GET /?token=… -> 200 getInstance; %d GET /?token=… -> 200 getInstance: the test is over", true},
		{"with gaps of others", true, sandbox.Match{Operation: "createInstance", Status: 2, Since: 1000}, "no request came with operation=createInstance status=2 since=1000, nor any other: the test is over", false},
		{"with gaps before", true, sandbox.Match{Since: 1000}, "no request came with since=1000: the test is over", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := New(4<<10, redact.String)
				for n := 5; n > 0 || tc.dropped && j.DroppedOf(sandbox.Match{Since: 2}) == 0; n-- {
					j.Add(&Entry{Operation: "getInstance", Method: "GET", Target: "/?token=abc", Status: 200})
				}
				want := tc.want
				if tc.unknown {
					want = fmt.Sprintf(want, j.Dropped(), j.last-2, j.last-1, j.last)
				}
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, reason)
				defer cancel()
				began := time.Now()
				_, err := j.Wait(ctx, tc.match)
				if err == nil || err.Error() != want || !errors.Is(err, reason) || errors.Is(err, ErrUnknown) != tc.unknown {
					t.Errorf("got  %v\nwant %s", err, want)
				}
				if waited := time.Since(began); waited != time.Minute {
					t.Errorf("waited %s", waited)
				}
				if len(j.waiters) != 0 {
					t.Errorf("%d still wait", len(j.waiters))
				}
			})
		})
	}
}

func TestNoRequestCame(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	j := New(0, nil)
	if _, err := j.Wait(ctx, sandbox.Match{}); err == nil || err.Error() != "no request came: context canceled" {
		t.Errorf("got %v", err)
	}
	j.Add(&Entry{})
	if r, err := j.Wait(ctx, sandbox.Match{}); err != nil || r.Seq != 1 || len(j.waiters) != 0 {
		t.Errorf("got %v, %v: what is on record needs no waiting", r, err)
	}
}

// Everybody at once, with a journal so small that its memory is used again all
// the time.
func TestConcurrently(t *testing.T) {
	const writers, each = 4, 500
	j := New(128<<10, redact.String)
	var write, read sync.WaitGroup
	var added atomic.Uint64
	done := make(chan struct{})
	check := func(r sandbox.Request) {
		if r.Target != "/"+r.ID || r.RequestBody != strings.Repeat(r.ID, 20) || r.Header.Get("X-Id") != r.ID {
			t.Errorf("mixed up: %+v", r)
		}
	}
	for w := range writers {
		got := make(chan struct{})
		write.Go(func() {
			e := typical()
			// The last one comes until it was seen: it may have come and gone before
			// anybody waited.
			for n := 0; n < each || open(got); n++ {
				e.ID = fmt.Sprintf("%d-%d", w, min(n, each-1))
				e.Target, e.Key = "/"+e.ID, fmt.Sprint("tok_", w)
				e.RequestBody = append(e.RequestBody[:0], strings.Repeat(e.ID, 20)...)
				e.Header.Set("X-Id", e.ID)
				j.Add(e)
				added.Add(1)
			}
		})
		write.Go(func() {
			defer close(got)
			r, err := j.Wait(t.Context(), sandbox.Match{Path: fmt.Sprintf("/%d-%d", w, each-1)})
			if err != nil || r.Key != fmt.Sprint("tok_", w) {
				t.Errorf("%v, %v", r, err)
			}
			check(r)
		})
	}
	for range 2 {
		read.Go(func() {
			for open(done) {
				last := uint64(0)
				for _, r := range j.Requests(sandbox.Match{}) {
					if last != 0 && r.Seq != last+1 {
						t.Errorf("%d follows %d", r.Seq, last)
					}
					last = r.Seq
					check(r)
				}
				if j.Bytes() > 128<<10 {
					t.Errorf("%d bytes", j.Bytes())
				}
			}
		})
	}
	write.Wait()
	close(done)
	read.Wait()
	if got := j.Dropped() + uint64(j.Len()); got != added.Load() {
		t.Errorf("%d recorded, want %d", got, added.Load())
	}
}

func open(c <-chan struct{}) bool {
	select {
	case <-c:
		return false
	default:
		return true
	}
}
