package journal

import (
	"encoding/binary"

	"skystack.dev/sandbox/emulator/sandbox"
)

// open is what is kept now, but for chunks without a request that the bounds of a
// match allow. It stays readable without the lock, which is held, until close.
func (j *Journal) open(m sandbox.Match) *reader {
	j.readers++
	r := &reader{newestFirst: m.NewestFirst}
	for i := range j.partitions {
		in := &r.lanes[i]
		in.newestFirst = m.NewestFirst
		for c := j.partitions[i].oldest; c != nil; c = c.next {
			if c.n > 0 && c.last > m.Since && (m.Before == 0 || c.first < m.Before) {
				in.chunks = append(in.chunks, c.data)
			}
		}
	}
	return r
}

// close ends the access that open began.
func (j *Journal) close() {
	j.mu.Lock()
	j.readers--
	j.mu.Unlock()
}

// reader yields the records of both partitions in the order of their Seq, or in the
// opposite one.
type reader struct {
	lanes       [2]partitionReader
	newestFirst bool
}

// records yields the encoded requests.
func (r *reader) records(yield func([]byte) bool) {
	a, b := &r.lanes[0], &r.lanes[1]
	a.advance()
	b.advance()
	for a.record != nil || b.record != nil {
		next := a
		if a.record == nil || b.record != nil && (seqOf(b.record) < seqOf(a.record)) != r.newestFirst {
			next = b
		}
		record := next.record
		if next.advance(); !yield(record) {
			return
		}
	}
}

// partitionReader yields the records of one partition.
type partitionReader struct {
	newestFirst bool
	chunks      [][]byte // those not begun, oldest first
	data        []byte   // the one begun; of an oldest first, what is left of it
	starts      []int    // of the records in data that are left, for newest first
	record      []byte   // nil at the end
}

// advance reads the next record.
func (l *partitionReader) advance() {
	l.record = nil
	if l.newestFirst {
		l.retreat()
		return
	}
	if len(l.data) == 0 {
		if len(l.chunks) == 0 {
			return
		}
		l.data, l.chunks = l.chunks[0], l.chunks[1:]
	}
	n := lengthOf(l.data)
	l.record, l.data = l.data[:n], l.data[n:]
}

// retreat reads the record before the last one. Lengths stand before records, so
// it takes the steps through a chunk once, and keeps them.
func (l *partitionReader) retreat() {
	if len(l.starts) == 0 {
		last := len(l.chunks) - 1
		if last < 0 {
			return
		}
		l.data, l.chunks = l.chunks[last], l.chunks[:last]
		for at := 0; at < len(l.data); at += lengthOf(l.data[at:]) {
			l.starts = append(l.starts, at)
		}
	}
	last := len(l.starts) - 1
	at := l.starts[last]
	l.starts = l.starts[:last]
	l.record = l.data[at : at+lengthOf(l.data[at:])]
}

// lengthOf is the length of the record that data begins with.
func lengthOf(data []byte) int { return int(binary.LittleEndian.Uint64(data)) }

// seqOf is the Seq of a record.
func seqOf(record []byte) uint64 { return binary.LittleEndian.Uint64(record[8:]) }
