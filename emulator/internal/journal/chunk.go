package journal

import (
	"math/bits"
	"slices"
	"unsafe"
)

// partition is a part of a journal that drops only its own oldest requests.
type partition struct {
	max            int    // of bytes
	oldest, newest *chunk // nil when nothing is kept
	bytes          int    // what all chunks cost
	kept           int    // requests in them
}

// chunk is a piece of memory with a number of encoded requests. The bytes before the
// end of data do not change while a reader uses the chunk.
type chunk struct {
	next        *chunk // the next younger one
	n           int    // requests in it
	first, last uint64 // Seq of the first and the last of them
	data        []byte
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
// oldest ones of the lane as it takes. It reports false when n bytes can never fit.
func (j *Journal) grow(l *partition, n int) bool {
	size := min(firstChunk, l.largest())
	if l.newest != nil {
		size = max(size, min(2*cap(l.newest.data), l.largest()))
	}
	size = max(size, n)
	room := l.max - chunkBytes
	if size > room {
		return false
	}
	var spare []byte
	for l.bytes+size > room {
		spare = j.evict(l)
	}
	if cap(spare) != size || j.readers > 0 {
		spare = slices.Grow([]byte(nil), size) // tells what it takes, rounded up by the allocator
	}
	if cap(spare) > room {
		return false
	}
	for l.bytes+cap(spare) > room {
		j.evict(l)
	}
	c := &chunk{data: spare[:0]}
	if l.newest == nil {
		l.oldest = c
	} else {
		l.newest.next = c
	}
	l.newest = c
	l.bytes += cap(c.data) + chunkBytes
	return true
}

// largest is the size to which chunks grow, a power of two: the allocator has a
// place of exactly that size.
func (l *partition) largest() int {
	return min(1<<bits.Len(uint(max(l.max, 0)/fewestChunks/2)), largestChunk)
}

// evict drops the oldest chunk of a lane, which must exist, and returns its
// memory.
func (j *Journal) evict(l *partition) []byte {
	c := l.oldest
	for rest := c.data; len(rest) > 0; {
		n := lengthOf(rest)
		j.drop(rest[:n])
		rest = rest[n:]
	}
	l.bytes -= cap(c.data) + chunkBytes
	l.kept -= c.n
	if l.oldest = c.next; l.oldest == nil {
		l.newest = nil
	}
	return c.data
}

// append adds a record at the end of the newest chunk, which has room for it.
func (l *partition) append(record []byte) {
	c := l.newest
	if c.last = seqOf(record); c.n == 0 {
		c.first = c.last
	}
	c.data = append(c.data, record...)
	c.n++
	l.kept++
}
