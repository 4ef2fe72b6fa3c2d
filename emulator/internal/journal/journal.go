// Package journal is the record of a workspace's requests. It is bounded by
// bytes: when it is full, the oldest requests go, and it says how many went, so
// that a question it can no longer answer gets "unknown" and not "no".
//
// Requests are kept encoded, one behind the other, in a few large pieces of
// memory. Recording one costs a copy of its bytes and next to no allocation,
// and the garbage collector has nothing to look at.
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
)

// Entry is an exchange that is to be recorded. Add copies it: the header and
// the bodies may be used for something else as soon as it returns.
type Entry struct {
	// ID is the request id of the answer, and Key the id of the accepted
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
	// Status is that of the answer. Code and Reason are its error's, "" if it is
	// none, and Stage is what answered.
	Status              int
	Code, Reason, Stage string
	// Header is the request's. Credentials in it are not stored.
	Header                    http.Header
	RequestBody, ResponseBody []byte
}

// Journal records requests. All methods may be called by several goroutines.
type Journal struct {
	max    int // of bytes
	redact func(string) string

	mu             sync.Mutex
	oldest, newest *chunk // nil when nothing is kept
	bytes          int    // what all chunks cost
	kept           int    // requests in them
	last           uint64 // Seq of the latest request, whether it is kept or not
	forgotten      uint64 // the number of the last request that was forgotten
	readers        int    // of chunks, outside of the lock
	waiters        []*waiter
}

const journalBytes = int(unsafe.Sizeof(Journal{}))

// New returns an empty journal that never takes more than maxBytes of memory,
// its bookkeeping included; 0 and less mean DefaultMaxBytes. Everything that is
// read from it has passed redact, which must give the same text for the same
// text; nil changes nothing.
func New(maxBytes int, redact func(string) string) *Journal {
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	if redact == nil {
		redact = func(s string) string { return s }
	}
	return &Journal{max: maxBytes, redact: redact}
}

// Add records a request and gives it the next Seq. One that is larger than the
// whole journal is kept without its bodies. If that is not enough it is dropped
// and everything before it too: what is kept has no gaps.
func (j *Journal) Add(e *Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	record := j.put(e)
	j.last++
	if len(j.waiters) > 0 {
		j.tell(e, record)
	}
}

// put stores an entry, if it can, and returns its encoded form.
func (j *Journal) put(e *Entry) []byte {
	if j.newest == nil {
		j.grow(0)
	}
	var free []byte
	if c := j.newest; c != nil {
		free = c.data[len(c.data):]
	}
	record := appendRecord(free, e, MaxBody)
	if len(record) <= cap(free) { // then append has not moved it
		j.newest.data = j.newest.data[:len(j.newest.data)+len(record)]
		j.newest.n++
		j.kept++
		return record
	}
	if !j.grow(len(record)) {
		if record = appendRecord(nil, e, 0); !j.grow(len(record)) {
			j.clear()
			return record
		}
	}
	j.newest.data = append(j.newest.data, record...)
	j.newest.n++
	j.kept++
	return record
}

// Requests lists the recorded requests that match, oldest first; nil if none
// does. They are copies, and redacted. The match's Key must be an id.
func (j *Journal) Requests(m sandbox.Match) []sandbox.Request {
	j.mu.Lock()
	spans := j.open(m.Since)
	j.mu.Unlock()
	defer j.close()

	var found []sandbox.Request
	for _, s := range spans {
		for seq, record := range s.records {
			if r, ok := j.read(seq, record, m); ok {
				found = append(found, r)
			}
		}
	}
	return found
}

// Dropped is how many requests were given up to stay within the bound: those
// with a Seq up to it.
func (j *Journal) Dropped() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dropped()
}

func (j *Journal) dropped() uint64 { return j.gone() - j.forgotten }

// gone is the number of the last request that is not kept.
func (j *Journal) gone() uint64 { return j.last - uint64(j.kept) }

// lost is how many requests after a number were dropped.
func (j *Journal) lost(since uint64) uint64 {
	return j.gone() - min(j.gone(), max(since, j.forgotten))
}

// Complete reports whether all requests after the given Seq are still there.
func (j *Journal) Complete(since uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lost(since) == 0
}

// Forget empties the journal. Numbering goes on, so that who asks for what came
// since a request misses nothing, and nothing counts as dropped. Those who wait go on waiting, for what comes now.
func (j *Journal) Forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.clear()
	j.forgotten = j.last
}

// Len is how many requests are kept.
func (j *Journal) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.kept
}

// Bytes is how much memory the journal takes, its bookkeeping included; what
// waiting callers take is theirs.
func (j *Journal) Bytes() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return journalBytes + j.bytes
}
