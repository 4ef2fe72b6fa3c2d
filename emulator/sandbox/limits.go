package sandbox

import (
	"encoding/json"
	"fmt"
	"time"
)

// Unlimited removes a limit.
const Unlimited = -1

// RateLimit is how many requests are served. In JSON no limit is
// null, and a limit of 0 is left out.
type RateLimit struct {
	// PerMinute and PerDay count requests in any 60 seconds and in a UTC day.
	// For a new workspace 0 means the fixture's limit, else 120 and 10,000; for
	// one that runs it means the limit there is. Unlimited means none.
	PerMinute, PerDay int
	// Shared counts all keys of a workspace together instead of each alone;
	// Separate counts each alone even if they were shared before.
	Shared, Separate bool
	// Fixed counts in whole UTC minutes instead of any 60 seconds.
	Fixed bool
}

type rateLimitJSON struct {
	PerMinute json.RawMessage `json:"per_minute,omitempty"`
	PerDay    json.RawMessage `json:"per_day,omitempty"`
	Scope     string          `json:"scope,omitempty"`
	Algorithm string          `json:"algorithm,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (r RateLimit) MarshalJSON() ([]byte, error) {
	out := rateLimitJSON{PerMinute: writeLimit(r.PerMinute), PerDay: writeLimit(r.PerDay)}
	if r.Shared {
		out.Scope = "workspace"
	} else if r.Separate {
		out.Scope = "key"
	}
	out.Algorithm = "sliding"
	if r.Fixed {
		out.Algorithm = "fixed"
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *RateLimit) UnmarshalJSON(data []byte) (err error) {
	var in rateLimitJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*r = RateLimit{Shared: in.Scope == "workspace", Separate: in.Scope == "key", Fixed: in.Algorithm == "fixed"}
	if r.PerMinute, err = readLimit(in.PerMinute); err != nil {
		return fmt.Errorf("per_minute: %w", err)
	}
	if r.PerDay, err = readLimit(in.PerDay); err != nil {
		return fmt.Errorf("per_day: %w", err)
	}
	return nil
}

func writeLimit(n int) json.RawMessage {
	switch {
	case n < 0:
		return json.RawMessage("null")
	case n == 0:
		return nil
	}
	return fmt.Appendf(nil, "%d", n)
}

func readLimit(text json.RawMessage) (n int, err error) {
	switch {
	case len(text) == 0:
		return 0, nil
	case string(text) == "null":
		return Unlimited, nil
	}
	if err := json.Unmarshal(text, &n); err != nil || n < 1 {
		return 0, fmt.Errorf("%s is no limit: use a whole number from 1 on, or null for none", text)
	}
	return n, nil
}

// Window is a span of time in which requests are counted.
type Window string

// The windows: any 60 seconds (or a whole UTC minute, see RateLimit.Fixed), and a
// UTC day.
const (
	MinuteWindow Window = "minute"
	DayWindow    Window = "day"
)

// Limit is what a key may still ask in one window.
type Limit struct {
	// Key is the id of the key; "" when all keys of the workspace share it.
	Key string `json:"key"`
	// Window is "minute" or "day".
	Window string `json:"window"`
	// Limit is the number of requests in a window, Remaining how many are left.
	Limit     int `json:"limit"`
	Remaining int `json:"remaining"`
	// ResetAt is when the next unit is given back; the present if none is used.
	ResetAt time.Time `json:"reset_at"`
}
