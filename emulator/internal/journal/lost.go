package journal

import "skystack.dev/sandbox/emulator/sandbox"

// lostKey identifies dropped requests: their operation and the class of their status.
type lostKey struct {
	operation string
	class     int
}

// lost counts the dropped requests of a key.
type lost struct {
	n    uint64
	last uint64 // the greatest Seq of them
}

// maxLost bounds the keys. Contracts have fewer; what is over counts as anything.
const maxLost = 1024

// drop counts a dropped record. The caller holds the lock.
func (j *Journal) drop(record []byte) {
	d := decoder[[]byte]{record[headBytes:]}
	class := int(int64(d.uvarint())) / 100
	operation := d.text()
	j.dropped++
	of := j.lost[lostKey{string(operation), class}]
	switch {
	case of != nil:
	case len(j.lost) >= maxLost:
		of = &j.lostOther
	default:
		of = new(lost)
		if j.lost == nil {
			j.lost = map[lostKey]*lost{}
		}
		j.lost[lostKey{string(operation), class}] = of
	}
	of.n++
	of.last = max(of.last, seqOf(record))
}

// Dropped returns how many requests were dropped to stay within the bound.
func (j *Journal) Dropped() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dropped
}

// DroppedOf returns how many of the dropped requests may match: those of the match's
// operation and class of status, if one of them came after Since. It is exact for a
// match without other members.
func (j *Journal) DroppedOf(m sandbox.Match) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.droppedOf(m)
}

func (j *Journal) droppedOf(m sandbox.Match) (n uint64) {
	if j.lostOther.last > m.Since {
		n = j.lostOther.n
	}
	for key, of := range j.lost {
		class := m.Status
		if class > 5 {
			class /= 100
		}
		if of.last > m.Since && (m.Operation == "" || m.Operation == key.operation) && (!m.Unmatched || key.operation == "") &&
			(m.Status == 0 || class == key.class) && (m.Code == "" || key.class >= 4) {
			n += of.n
		}
	}
	return n
}
