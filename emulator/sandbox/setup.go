package sandbox

import (
	"encoding/json"
	"fmt"
	"time"
)

// Setup is what a workspace starts with: its options, its fixture, and the
// defaults where both are silent. Given to NewWorkspace, what is zero is as in
// the default workspace.
type Setup struct {
	// Workspace is the id; one is made up for a new workspace if it is empty.
	Workspace string
	// Fixture is the fixture's name, or its path where the test's process reads
	// it; FixtureData its text, which wins.
	Fixture     string
	FixtureData []byte
	// Seed decides everything random; 0 is the default workspace's.
	Seed uint64
	// Clock is how time began to move; a zero Now is the present.
	Clock Clock
	// Speed is instant, fast or realistic; Durations replaces it for single
	// actions.
	Speed     string
	Durations map[string]time.Duration
	// Progression is time, immediate, reads:N or manual.
	Progression string
	// RateLimit is what each key may ask; nil when requests are not limited.
	RateLimit *RateLimit
	// Quota is the most instances; Unlimited for no limit, 0 as in the default
	// workspace.
	Quota int
	// ResetEvery is the time between two resets; 0 means never, or as in the
	// default workspace.
	ResetEvery time.Duration
}

type setupJSON struct {
	Workspace   string            `json:"workspace,omitempty"`
	Fixture     string            `json:"fixture,omitempty"`
	FixtureData string            `json:"fixture_data,omitempty"`
	Seed        uint64            `json:"seed,omitempty"`
	Clock       *Clock            `json:"clock,omitempty"`
	Speed       string            `json:"speed,omitempty"`
	Durations   map[string]string `json:"durations,omitempty"`
	Progression string            `json:"progression,omitempty"`
	RateLimit   *RateLimit        `json:"rate_limit,omitempty"`
	Quota       json.RawMessage   `json:"quota,omitempty"`
	ResetEvery  string            `json:"reset_every,omitempty"`
}

// MarshalJSON implements json.Marshaler. Durations are written as 1m30s, and no
// quota is null.
func (s Setup) MarshalJSON() ([]byte, error) {
	out := setupJSON{
		Workspace: s.Workspace, Fixture: s.Fixture, FixtureData: string(s.FixtureData), Seed: s.Seed,
		Speed: s.Speed, Progression: s.Progression, RateLimit: s.RateLimit, Quota: writeLimit(s.Quota),
	}
	if s.Clock != (Clock{}) {
		out.Clock = &s.Clock
	}
	if len(s.Durations) > 0 {
		out.Durations = map[string]string{}
		for action, d := range s.Durations {
			out.Durations[action] = d.String()
		}
	}
	if s.ResetEvery != 0 {
		out.ResetEvery = s.ResetEvery.String()
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Setup) UnmarshalJSON(data []byte) (err error) {
	var in setupJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*s = Setup{
		Workspace: in.Workspace, Fixture: in.Fixture, Seed: in.Seed, Speed: in.Speed, Progression: in.Progression, RateLimit: in.RateLimit,
	}
	if in.FixtureData != "" {
		s.FixtureData = []byte(in.FixtureData)
	}
	if in.Clock != nil {
		s.Clock = *in.Clock
	}
	if s.Quota, err = readLimit(in.Quota); err != nil {
		return fmt.Errorf("quota: %w", err)
	}
	for action, text := range in.Durations {
		if s.Durations == nil {
			s.Durations = map[string]time.Duration{}
		}
		if s.Durations[action], err = time.ParseDuration(text); err != nil {
			return fmt.Errorf("durations: %q is not a duration: write it as 5s or 1m30s", text)
		}
	}
	if in.ResetEvery != "" {
		if s.ResetEvery, err = time.ParseDuration(in.ResetEvery); err != nil {
			return fmt.Errorf("reset_every: %q is not a duration: write it as 24h", in.ResetEvery)
		}
	}
	return nil
}
