package skystack

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/limit"
)

// Settings configures the behavior of a workspace. It is part of the world, so a snapshot
// keeps it. The zero Settings is the behaviour of a workspace in a Go test.
type Settings struct {
	// Name is the workspace's name, for people.
	Name string `json:"name"`
	// Limited says whether requests are limited at all.
	Limited bool `json:"limited"`
	// Limits are the rate limits (S61 to S63).
	Limits limit.Policy `json:"limits"`
	// SharedLimits makes all keys of the workspace draw on one allowance.
	SharedLimits bool `json:"shared_limits"`
	// Quota is the most instances there may be; nil for no limit.
	Quota *int `json:"quota"`
	// Speed is how long transitions take; "" means fast.
	Speed Speed `json:"speed"`
	// Durations replaces single durations of the speed, by action, in
	// nanoseconds.
	Durations map[ActionType]int64 `json:"durations"`
	// Progression is what moves an instance on; "" means time.
	Progression Progression `json:"progression"`
	// OpenCatalog accepts any well-formed region, size and image (S49).
	OpenCatalog bool `json:"open_catalog"`
	// SlowDelete shows a deleted instance as deleting for a while (S56).
	SlowDelete bool `json:"slow_delete"`
	// RepeatedDelete404 responds 404 to a repeated DELETE (S57).
	RepeatedDelete404 bool `json:"repeated_delete_404"`
	// RefuseNoops responds 409 to start on a running instance (2.2, note 1).
	RefuseNoops bool `json:"refuse_noops"`
	// DefaultProject is the project of a request that names none (S13).
	DefaultProject string `json:"default_project"`
	// DefaultImage is the image of a create that names none (S18).
	DefaultImage string `json:"default_image"`
}

// Speed is a set of durations.
type Speed string

// The speeds.
const (
	Instant   Speed = "instant"   // done by the next read
	Fast      Speed = "fast"      // a few seconds
	Realistic Speed = "realistic" // as long as in a real cloud
)

// Speeds lists the speeds.
func Speeds() []Speed { return []Speed{Instant, Fast, Realistic} }

// Progression determines when an instance leaves a transitional state: "time",
// "immediate" (the next read), "reads:N" (the N-th read that shows it) or
// "manual" (a command only).
type Progression string

// The progressions without a number.
const (
	ByTime    Progression = "time"
	Immediate Progression = "immediate"
	Manual    Progression = "manual"
)

// reads is the N of reads:N, 0 for any other progression.
func (p Progression) reads() int {
	n, ok := strings.CutPrefix(string(p), "reads:")
	if !ok {
		return 0
	}
	count, _ := strconv.Atoi(n)
	return count
}

// Check refuses a progression that does not exist.
func (p Progression) Check() error {
	if p == "" || p == ByTime || p == Immediate || p == Manual {
		return nil
	}
	if n := p.reads(); n >= 1 && n <= 1_000_000 && string(p) == "reads:"+strconv.Itoa(n) {
		return nil
	}
	return fmt.Errorf("progression %q is unknown: use time, immediate, manual, or reads:N with N from 1 to 1000000", string(p))
}

// Check refuses settings no workspace can have.
func (s Settings) Check() error {
	if s.Speed != "" && !slices.Contains(Speeds(), s.Speed) {
		return fmt.Errorf("speed %q is unknown: use instant, fast or realistic", s.Speed)
	}
	if s.Quota != nil && *s.Quota < 0 {
		return fmt.Errorf("quota %d is negative: use a number from 0 on, or off", *s.Quota)
	}
	for _, n := range []*int{s.Limits.PerMinute, s.Limits.PerDay} {
		if n != nil && *n < 0 {
			return fmt.Errorf("rate limit %d is negative: use a number from 0 on, or off", *n)
		}
	}
	for action, d := range s.Durations {
		if _, ok := transitions[action]; !ok {
			return fmt.Errorf("duration of %q: there is no such action; use one of %s", action, strings.Join(actionNames(), ", "))
		}
		if d < 0 || d > int64(366*24*time.Hour) {
			return fmt.Errorf("duration of %s is %v: use 0 to 366 days", action, time.Duration(d))
		}
	}
	return s.Progression.Check()
}

// Pace returns how long work takes in a world that takes one time when it is fast and
// another when it is realistic, for the other APIs of it.
func (a *API) Pace(tx *engine.Tx, fast, realistic time.Duration) time.Duration {
	switch a.settingsOf(tx).Speed {
	case Instant:
		return 0
	case Realistic:
		return realistic
	}
	return fast
}

// settingsID is the one row of its table.
const settingsID = "workspace"

func (a *API) settingsOf(tx *engine.Tx) Settings {
	s, _ := a.settings.Get(tx, settingsID)
	return s
}
