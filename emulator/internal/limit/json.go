package limit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// saved is the JSON form of a Usage: the admitted requests the minute still
// looks at, oldest first, and the day's count with the instant of its last.
type saved struct {
	Minute []hit     `json:"minute,omitempty"`
	Day    int       `json:"day,omitzero"`
	Last   time.Time `json:"last,omitzero"`
}

// MarshalJSON writes u so that UnmarshalJSON gives it back exactly.
func (u Usage) MarshalJSON() ([]byte, error) {
	s := saved{Day: u.today, Last: u.last}
	for i := range u.size {
		s.Minute = append(s.Minute, *u.at(i))
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads what MarshalJSON wrote. Anything that no Usage can look
// like is an error, and then u is unchanged.
func (u *Usage) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if !bytes.HasPrefix(data, []byte("{")) {
		return errors.New("limit: usage is not an object")
	}
	var s saved
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return fmt.Errorf("limit: usage: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("limit: usage: more than one value")
	}
	read, err := s.usage()
	if err != nil {
		return err
	}
	*u = read
	return nil
}

func (s saved) usage() (Usage, error) {
	u := Usage{ring: s.Minute, size: len(s.Minute), today: s.Day, last: s.Last.UTC()}
	for i := range u.ring {
		h := &u.ring[i]
		h.At = h.At.UTC()
		if !writable(h.At) {
			return Usage{}, fmt.Errorf("limit: usage: minute[%d].at is out of range", i)
		}
		if h.N < 1 || h.N > math.MaxInt-u.total {
			return Usage{}, fmt.Errorf("limit: usage: minute[%d].n is %d", i, h.N)
		}
		if i > 0 && !h.At.After(u.ring[i-1].At) {
			return Usage{}, fmt.Errorf("limit: usage: minute[%d].at is not after the one before", i)
		}
		u.total += h.N
	}
	if u.today < 0 {
		return Usage{}, fmt.Errorf("limit: usage: day is %d", u.today)
	}
	if (u.today > 0) == u.last.IsZero() || !writable(u.last) {
		return Usage{}, errors.New("limit: usage: day and last do not belong together")
	}
	return u, nil
}

// writable reports whether t has an RFC 3339 form in UTC. An instant that only
// an offset keeps inside the years 0 to 9999 could be read but not written back.
func writable(t time.Time) bool {
	return t.Year() >= 0 && t.Year() <= 9999
}
