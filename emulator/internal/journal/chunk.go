package journal

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unsafe"
)

// chunk is a piece of memory with a number of encoded requests. What lies
// before the end of data is never written again while somebody reads it.
type chunk struct {
	next *chunk // the next younger one
	n    int    // requests in it
	data []byte
}

const (
	chunkBytes = int(unsafe.Sizeof(chunk{}))
	// The first chunk is small, for most workspaces of tests see a handful of
	// requests, and each is twice as large as the one before.
	firstChunk   = 4 << 10
	largestChunk = 256 << 10
	// fewestChunks keeps chunks small in a small journal: the oldest one goes as a
	// whole.
	fewestChunks = 16
)

// grow begins a chunk with room for n bytes at least, and drops as many of the
// oldest ones as it takes. It reports false when n bytes can never fit.
func (j *Journal) grow(n int) bool {
	size := min(firstChunk, j.largest())
	if j.newest != nil {
		size = max(size, min(2*cap(j.newest.data), j.largest()))
	}
	size = max(size, n)
	room := j.max - journalBytes - chunkBytes
	if size > room {
		return false
	}
	var spare []byte
	for j.bytes+size > room {
		spare = j.evict()
	}
	if cap(spare) != size || j.readers > 0 {
		spare = slices.Grow([]byte(nil), size) // tells what it takes, rounded up by the allocator
	}
	if cap(spare) > room {
		return false
	}
	for j.bytes+cap(spare) > room {
		j.evict()
	}
	c := &chunk{data: spare[:0]}
	if j.newest == nil {
		j.oldest = c
	} else {
		j.newest.next = c
	}
	j.newest = c
	j.bytes += cap(c.data) + chunkBytes
	return true
}

// largest is the size to which chunks grow, a power of two: the allocator has a
// place of exactly that size.
func (j *Journal) largest() int {
	return min(1<<bits.Len(uint(j.max/fewestChunks/2)), largestChunk)
}

// evict drops the oldest chunk, which must exist, and returns its memory.
func (j *Journal) evict() []byte {
	c := j.oldest
	j.bytes -= cap(c.data) + chunkBytes
	j.kept -= c.n
	if j.oldest = c.next; j.oldest == nil {
		j.newest = nil
	}
	return c.data
}

// clear drops all chunks.
func (j *Journal) clear() {
	j.oldest, j.newest, j.bytes, j.kept = nil, nil, 0, 0
}

// span is a chunk as a reader sees it, who does not hold the lock.
type span struct {
	first uint64 // Seq of its first request
	data  []byte
}

// open is what is kept now but for chunks that hold nothing after since. It
// stays readable without the lock until close.
func (j *Journal) open(since uint64) []span {
	j.readers++
	var spans []span
	first := j.gone() + 1
	for c := j.oldest; c != nil; c = c.next {
		next := first + uint64(c.n)
		if next-1 > since {
			spans = append(spans, span{first, c.data})
		}
		first = next
	}
	return spans
}

// close ends what open began.
func (j *Journal) close() {
	j.mu.Lock()
	j.readers--
	j.mu.Unlock()
}

// records yields the requests of a span, encoded, with their Seq.
func (s span) records(yield func(uint64, []byte) bool) {
	seq := s.first
	for rest := s.data; len(rest) > 0; seq++ {
		n := binary.LittleEndian.Uint64(rest)
		if !yield(seq, rest[:n]) {
			return
		}
		rest = rest[n:]
	}
}
