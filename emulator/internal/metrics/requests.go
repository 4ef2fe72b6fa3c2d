// Package metrics counts what the sandbox does, and shows it in the text format
// of Prometheus. Counting costs a few atomic additions.
package metrics

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Requests counts the requests of an emulator by operation. All methods, and
// those of its operations, may be called by several goroutines.
type Requests struct {
	mu         sync.Mutex
	operations map[string]*Operation
}

// New returns counters at zero.
func New() *Requests { return &Requests{operations: map[string]*Operation{}} }

// Operation returns the counters of an operation, given by its operationId; ""
// is for requests that lead to none, which are shown as "unmatched". The same id
// gives the same counters: look them up once and keep them.
func (r *Requests) Operation(id string) *Operation {
	id = cmp.Or(valid(id), "unmatched")
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.operations[id]
	if o == nil {
		o = &Operation{id: id}
		r.operations[id] = o
	}
	return o
}

// used lists the operations that were requested, in the order of their ids.
func (r *Requests) used() []*Operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*Operation
	for _, o := range r.operations {
		if o.statuses.Load() != nil {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *Operation) int { return cmp.Compare(a.id, b.id) })
	return all
}

// buckets is the number of bounds of the histogram.
const buckets = 12

// bounds are the upper bounds of the histogram: fine where a local server
// answers, coarse where it waits.
func bounds() [buckets]time.Duration {
	return [...]time.Duration{
		100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
		time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
		10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
		500 * time.Millisecond, time.Second, 5 * time.Second,
	}
}

// Operation counts the requests of one operation.
type Operation struct {
	id       string // fit for a label
	statuses atomic.Pointer[series]
	// What is longer than the last bound is in the last place.
	lasted [buckets + 1]atomic.Uint64
	nanos  atomic.Int64 // all together
}

// series counts the responses of one status. Tallies are a list that only grows,
// at its head: an operation has very few.
type series struct {
	status int
	n      atomic.Uint64
	next   *series
}

// Observe counts a request with the status of its response and its duration d by the
// wall clock. It allocates only for the first of a status. What is no status
// counts as 0.
func (o *Operation) Observe(status int, d time.Duration) {
	if status < 100 || status > 999 {
		status = 0
	}
	d = max(d, 0)
	at := 0
	for _, bound := range bounds() {
		if d <= bound {
			break
		}
		at++
	}
	o.lasted[at].Add(1)
	o.nanos.Add(int64(d))
	o.count(status).n.Add(1)
}

// count is the one of a status.
func (o *Operation) count(status int) *series {
	for {
		head := o.statuses.Load()
		for t := head; t != nil; t = t.next {
			if t.status == status {
				return t
			}
		}
		t := &series{status: status, next: head}
		if o.statuses.CompareAndSwap(head, t) {
			return t
		}
	}
}
