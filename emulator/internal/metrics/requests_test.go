package metrics

import (
	"sync"
	"testing"
	"time"
)

func TestSameOperation(t *testing.T) {
	r := New()
	a := r.Operation("a")
	if r.Operation("a") != a || r.Operation("b") == a || New().Operation("a") == a {
		t.Error("an operation of one emulator has one set of counters")
	}
	if used := r.used(); used != nil {
		t.Errorf("%v: nothing was requested", used)
	}
}

func TestBuckets(t *testing.T) {
	for _, tc := range []struct {
		d  time.Duration
		at int
	}{
		{-time.Hour, 0}, {0, 0}, {100 * time.Microsecond, 0}, {100*time.Microsecond + 1, 1}, {time.Millisecond, 3},
		{time.Second, 10}, {5 * time.Second, 11}, {5*time.Second + 1, 12}, {time.Hour, 12},
	} {
		var o Operation
		o.Observe(200, tc.d)
		for i := range o.lasted {
			if got := o.lasted[i].Load(); (got == 1) != (i == tc.at) {
				t.Errorf("%s: %d in bucket %d", tc.d, got, i)
			}
		}
		if got := time.Duration(o.nanos.Load()); got != max(0, tc.d) {
			t.Errorf("%s: sum %s", tc.d, got)
		}
	}
	for i, bound := range bounds() {
		if i > 0 && bound <= bounds()[i-1] {
			t.Errorf("%s is not above the bound before", bound)
		}
	}
}

func TestConcurrently(t *testing.T) {
	const each = 1000
	statuses := []int{200, 201, 404, 429, 500}
	r := New()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range each {
				r.Operation("getInstance").Observe(statuses[i%len(statuses)], time.Millisecond)
			}
		})
		all.Go(func() { r.used() })
	}
	all.Wait()
	o := r.Operation("getInstance")
	got := map[int]uint64{}
	for s := o.statuses.Load(); s != nil; s = s.next {
		if _, twice := got[s.status]; twice {
			t.Errorf("status %d is counted in two places", s.status)
		}
		got[s.status] = s.n.Load()
	}
	for _, status := range statuses {
		if got[status] != 8*each/uint64(len(statuses)) {
			t.Errorf("%d of status %d", got[status], status)
		}
	}
	if len(got) != len(statuses) || o.lasted[3].Load() != 8*each {
		t.Errorf("%v, %d in all", got, o.lasted[3].Load())
	}
}

func TestObservingDoesNotAllocate(t *testing.T) {
	var o Operation
	for _, status := range []int{200, 404, 500} {
		o.Observe(status, 0)
	}
	if n := testing.AllocsPerRun(1000, func() { o.Observe(200, time.Second); o.Observe(404, time.Hour) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	b.ReportAllocs()
	var o Operation
	for _, status := range []int{200, 404, 400, 500} {
		o.Observe(status, 0)
	}
	for b.Loop() {
		o.Observe(200, 700*time.Microsecond)
	}
}
