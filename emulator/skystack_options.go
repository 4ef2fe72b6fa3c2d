package emulator

import (
	"cmp"
	"time"

	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/fixtures"
)

// WithSpeed sets how long transitions take: "instant", "fast" or "realistic";
// default "fast".
func WithSpeed(speed string) Option {
	return func(c *config) error { c.sky.settings.Speed = skystack.Speed(speed); return c.sky.settings.Check() }
}

// WithDuration sets how long one action takes, whatever the speed: create,
// start, stop, reboot, resize, rebuild, snapshot or delete.
func WithDuration(action string, d time.Duration) Option {
	return func(c *config) error {
		if c.sky.settings.Durations == nil {
			c.sky.settings.Durations = map[skystack.ActionType]int64{}
		}
		c.sky.settings.Durations[skystack.ActionType(action)] = int64(d)
		return c.sky.settings.Check()
	}
}

// WithProgression sets what moves instances on: "time", "immediate" (the next
// read), "reads:N" (the N-th read that shows them) or "manual" (Finish alone);
// default "time".
func WithProgression(p string) Option {
	return func(c *config) error {
		c.sky.settings.Progression = skystack.Progression(p)
		return c.sky.settings.Check()
	}
}

// WithOpenCatalog accepts any well-formed region, size and image.
func WithOpenCatalog() Option {
	return func(c *config) error { c.sky.settings.OpenCatalog = true; return nil }
}

// WithSlowDelete shows a deleted instance as deleting for a while.
func WithSlowDelete() Option {
	return func(c *config) error { c.sky.settings.SlowDelete = true; return nil }
}

// WithRepeatedDelete404 responds 404 to a repeated DELETE instead of 204.
func WithRepeatedDelete404() Option {
	return func(c *config) error { c.sky.settings.RepeatedDelete404 = true; return nil }
}

// WithNoopConflict responds 409 to an action that has no effect instead of
// a completed action.
func WithNoopConflict() Option {
	return func(c *config) error { c.sky.settings.RefuseNoops = true; return nil }
}

// WithStrict makes unknown parameters and members errors in every API version.
func WithStrict() Option {
	return func(c *config) error { c.sky.Strict = true; return nil }
}

// WithDocumentedOnly serves only the operations that the SkyStack documents
// print.
func WithDocumentedOnly() Option {
	return func(c *config) error { c.sky.DocumentedOnly = true; return nil }
}

// WithLenientBearer accepts more than one space after Bearer.
func WithLenientBearer() Option {
	return func(c *config) error { c.sky.LenientBearer = true; return nil }
}

// WithEnforcedSunset refuses an API version past its sunset also when the wall
// clock took the world there.
func WithEnforcedSunset() Option {
	return func(c *config) error { c.sky.EnforceSunset = true; return nil }
}

// completeSkyStack applies the limits and the quota of a fixture: options win over them,
// and they win over what WithLimits stands for.
func (c *config) completeSkyStack(f *fixtures.Fixture) error {
	s := &c.sky.settings
	r := RateLimit{PerMinute: 120, PerDay: 10_000}
	if l := f.Limits; l != nil {
		for _, m := range []struct {
			from *fixtures.Limit
			to   *int
		}{{l.PerMinute, &r.PerMinute}, {l.PerDay, &r.PerDay}} {
			if m.from != nil {
				*m.to = m.from.Max
				if m.from.Unlimited {
					*m.to = Unlimited
				}
			}
		}
		r.Shared = l.Scope == "workspace"
	}
	s.Limited = c.limits
	if c.rate != nil {
		s.Limited = true
		r.PerMinute, r.PerDay = cmp.Or(c.rate.PerMinute, r.PerMinute), cmp.Or(c.rate.PerDay, r.PerDay)
		r.Shared, r.Fixed = (r.Shared || c.rate.Shared) && !c.rate.Separate, c.rate.Fixed
	}
	s.Limits.PerMinute, s.Limits.PerDay = finite(r.PerMinute), finite(r.PerDay)
	s.Limits.Fixed, s.SharedLimits = r.Fixed, r.Shared
	c.allowance = r
	switch {
	case c.quota != nil:
		s.Quota = finite(*c.quota)
	case f.Quota != nil && !f.Quota.Off:
		s.Quota = &f.Quota.Max
	case f.Quota == nil && c.limits:
		s.Quota = finite(100)
	}
	return s.Check()
}

func finite(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

// skystackSetup adds what a workspace started with of the SkyStack API.
func (c *config) skystackSetup(s *Setup) {
	of := &c.sky.settings
	s.Speed, s.Progression, s.Quota = string(cmp.Or(of.Speed, skystack.Fast)), string(cmp.Or(of.Progression, skystack.ByTime)), Unlimited
	if of.Durations != nil {
		s.Durations = map[string]time.Duration{}
		for action, d := range of.Durations {
			s.Durations[string(action)] = time.Duration(d)
		}
	}
	if r := c.allowance; of.Limited && (r.PerMinute != Unlimited || r.PerDay != Unlimited) {
		r.Separate = !r.Shared
		s.RateLimit = &r
	}
	if of.Quota != nil {
		s.Quota = *of.Quota
	}
}
