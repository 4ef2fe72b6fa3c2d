// Package journal records the requests of a workspace. It is bounded in bytes: when
// it is full, it drops the oldest requests and counts them, so that a query about a
// dropped request fails with "unknown" instead of finding nothing. Minor requests,
// such as those that the limiter rejected, have a partition of their own and displace
// only each other.
//
// Requests are stored encoded, one after the other, in a few large chunks of memory.
// Recording one copies its bytes and hardly allocates, and the garbage collector has
// no pointers to scan.
package journal

import (
	"net/http"
	"sync"
	"time"
	"unsafe"

	"skystack.dev/sandbox/emulator/sandbox"
)

const (
	// DefaultMaxBytes is the bound of a journal that is given none.
	DefaultMaxBytes = 16 << 20
	// MaxBody is how many bytes of each body are kept.
	MaxBody = 64 << 10
	// MaxViolations is how many violations of a request are kept, and
	// maxViolation how many bytes of each text of one.
	MaxViolations = 100
	maxViolation  = 500
	// minorShare is the part of the bound that minor requests have to themselves:
	// one in so many bytes.
	minorShare = 8
)

// Entry is a request and its response to be recorded. Add copies it: the caller may
// reuse the header and the bodies.
type Entry struct {
	// ID is the request id of the response, and Key the id of the accepted
	// credential; "" if none was.
	ID, Key string
	// Sent is the id of a known credential that came along and was not accepted.
	Sent string
	// Resource is the id of what the request was about, and Address where it came
	// from.
	Resource, Address string
	// At is the workspace's time.
	At time.Time
	// Operation is "" for a request that led to none.
	Operation string
	// Method and Target are those of the request line.
	Method, Target string
	// Status is that of the response. Code and Reason are its error's, "" if it is
	// none, and Stage is what answered.
	Status              int
	Code, Reason, Stage string
	// Violations are all that broke the contract; the first MaxViolations are kept.
	Violations []sandbox.Violation
	// Minor says that the request may push out no other than minor ones.
	Minor bool
	// Header is the request's. Credentials in it are not stored.
	Header                    http.Header
	RequestBody, ResponseBody []byte
}

// Journal records requests. All methods may be called by several goroutines.
type Journal struct {
	redact func(string) string

	mu         sync.Mutex
	partitions [2]partition // for minor requests the second
	last       uint64       // Seq of the latest request, whether it is kept or not
	forgotten  uint64       // the number of the last request that was forgotten
	dropped    uint64       // requests, since then
	lost       map[lostKey]*lost
	lostOther  lost // those that have no place in lost
	readers    int  // of chunks, outside of the lock
	waiters    []*waiter
}

const journalBytes = int(unsafe.Sizeof(Journal{}))

// New returns an empty journal that never takes more than maxBytes of memory,
// its bookkeeping included, but for the counts of what was dropped; 0 and less
// mean DefaultMaxBytes. Everything that is
// read from it has passed redact, which must give the same text for the same
// text; nil changes nothing.
func New(maxBytes int, redact func(string) string) *Journal {
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	if redact == nil {
		redact = func(s string) string { return s }
	}
	j := &Journal{redact: redact}
	j.partitions[1].max = maxBytes / minorShare
	j.partitions[0].max = maxBytes - j.partitions[1].max - journalBytes
	return j
}

// Add records a request and gives it the next Seq. One that is larger than all
// that it may take is kept without its bodies, or else dropped.
func (j *Journal) Add(e *Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	record := j.put(e)
	if len(j.waiters) > 0 {
		j.notifyWaiters(e, record)
	}
}

// put stores an entry, if it can, and returns its encoded form.
func (j *Journal) put(e *Entry) []byte {
	l := &j.partitions[0]
	if e.Minor {
		l = &j.partitions[1]
	}
	if l.newest == nil {
		j.grow(l, 0)
	}
	var free []byte
	if c := l.newest; c != nil {
		free = c.data[len(c.data):]
	}
	record := appendRecord(free, e, j.last, MaxBody)
	if len(record) <= cap(free) || j.grow(l, len(record)) { // in the former case it is where it belongs
		l.append(record)
		return record
	}
	if record = appendRecord(nil, e, j.last, 0); j.grow(l, len(record)) {
		l.append(record)
	} else {
		j.drop(record)
	}
	return record
}

// Requests lists the recorded requests that match, in the order and up to the
// limit that the match has; nil if none does. They are copies, and redacted. Those
// that do not match are not decoded. The match's Key must be an id.
func (j *Journal) Requests(m sandbox.Match) []sandbox.Request {
	j.mu.Lock()
	r := j.open(m)
	j.mu.Unlock()
	defer j.close()

	var found []sandbox.Request
	for record := range r.records {
		if !matches(record, m) {
			continue
		}
		found = append(found, j.read(record))
		if m.Limit > 0 && len(found) == m.Limit {
			break
		}
	}
	return found
}

// Forget empties the journal. Sequence numbers continue, so a reader that asks for
// requests after a number misses none, and the removed requests do not count as
// dropped. Waiting callers wait for new requests.
func (j *Journal) Forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.partitions {
		j.partitions[i] = partition{max: j.partitions[i].max}
	}
	j.lost, j.lostOther, j.dropped = nil, lost{}, 0
	j.forgotten = j.last
}

// Len returns the number of stored requests.
func (j *Journal) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.partitions[0].kept + j.partitions[1].kept
}

// Bytes returns the memory of the journal, its bookkeeping included. The memory of
// waiting callers does not count.
func (j *Journal) Bytes() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return journalBytes + j.partitions[0].bytes + j.partitions[1].bytes
}
