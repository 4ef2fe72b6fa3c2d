package journal

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

// Call is a request for an audit log: the caller, operation and address, without the
// content.
type Call struct {
	// Seq is that of the request. Number counts from 1 since the journal was last
	// forgotten.
	Seq, Number uint64
	ID          string
	At          time.Time
	// Token is the id of the credential that came with it, accepted or not; ""
	// of an unknown one.
	Token string
	// Operation and Resource are "" if there was none.
	Operation, Resource        string
	Method, Address, UserAgent string
	Status                     int
}

// CallMatch selects calls by all of its members that are not zero.
type CallMatch struct {
	Token string
	// Operations holds the operations, of which the call is of one.
	Operations []string
	Status     int
	// Since is when the first call may have come, Until the first moment that is
	// too late.
	Since, Until time.Time
	// Outside begins the paths of calls that are left out, as "/api/"; "/api" is left out
	// too. Empty leaves out none.
	Outside []string
}

// Calls lists at most limit of the calls that q chooses, oldest first, after the
// request with the number after and without the first skip of the rest. It says
// how many calls lie before the first of them, and how many there are in all. It
// looks at every recorded request, but at little of each.
func (j *Journal) Calls(q CallMatch, after uint64, skip, limit int) (page []Call, before, total int) {
	j.mu.Lock()
	r := j.open(sandbox.Match{})
	forgotten := j.forgotten
	j.mu.Unlock()
	defer j.close()

	for record := range r.records {
		if !q.matches(record) {
			continue
		}
		total++
		switch seq := seqOf(record); {
		case seq <= after:
			before++
		case skip > 0:
			skip--
			before++
		case len(page) < limit:
			page = append(page, j.call(record, forgotten))
		}
	}
	return page, before, total
}

func (q *CallMatch) matches(record []byte) bool {
	if at := instantOf(record); at.Before(q.Since) || !q.Until.IsZero() && !at.Before(q.Until) {
		return false
	}
	d := decoder[[]byte]{record[headBytes:]}
	status, operation, key, sent := int(int64(d.uvarint())), d.text(), d.text(), d.text()
	return (q.Status == 0 || status == q.Status) && !q.leavesOut(&d) &&
		(q.Token == "" || string(key) == q.Token || string(sent) == q.Token) &&
		(q.Operations == nil || slices.ContainsFunc(q.Operations, func(o string) bool { return o == string(operation) }))
}

// leavesOut reports whether the path of a call is outside of what q lists. The method is
// next in the record.
func (q *CallMatch) leavesOut(d *decoder[[]byte]) bool {
	if q.Outside == nil {
		return false
	}
	d.text() // the method
	path, _, _ := bytes.Cut(d.text(), []byte("?"))
	return slices.ContainsFunc(q.Outside, func(prefix string) bool {
		return bytes.HasPrefix(path, []byte(prefix)) || string(path) == strings.TrimSuffix(prefix, "/")
	})
}

// call is the call of a record.
func (j *Journal) call(record []byte, forgotten uint64) Call {
	d := decoder[string]{string(record[headBytes:])}
	seq := seqOf(record)
	c := Call{Seq: seq, Number: seq - forgotten, At: instantOf(record).UTC(), Status: int(int64(d.uvarint()))}
	c.Operation, c.Token = d.text(), d.text()
	if sent := d.text(); c.Token == "" {
		c.Token = sent
	}
	c.Method = d.text()
	d.text() // the target, which may hold anything
	c.ID = d.text()
	for range 3 { // code, reason and stage
		d.text()
	}
	c.Resource, c.Address = d.text(), d.text()
	for d.flag() {
		name, value := d.text(), d.text()
		if c.UserAgent == "" && strings.EqualFold(name, "User-Agent") {
			c.UserAgent = j.cleanValue(name, value)
		}
	}
	for _, s := range [...]*string{&c.Operation, &c.Token, &c.Method, &c.ID, &c.Resource, &c.Address} {
		*s = j.clean(*s)
	}
	return c
}
