package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/fixtures"
)

// Option changes how an emulator is made. Options given later win.
type Option func(*config) error

type config struct {
	seed         uint64
	fixture      string
	given        *fixtures.Fixture
	clock        Clock
	limits       bool
	rate         *RateLimit
	allowance    RateLimit // what rate, the fixture and the defaults come to
	quota        *int
	keys         []Key
	resetEvery   time.Duration
	anyToken     bool
	strictEngine bool
	adminToken   string
	freshKey     bool   // the well-known key is not taken
	salt         string // "" for none
	saltRandom   bool   // a random one, unless there is one
	noControl    bool
	journal      int    // bytes; 0 for the default
	budget       int64  // bytes of a workspace; 0 for no bound
	https        *HTTPS // nil: none
	webhooks     senderConfig
	log          *slog.Logger
	sky          skystackConfig
	apis         []string // that are served; nil for all
	server       httpapi.Options
}

func configure(opts []Option) (config, error) {
	c := config{seed: 1, fixture: "default", log: slog.New(slog.DiscardHandler)}
	var faults []error
	for _, o := range opts {
		if o != nil {
			faults = append(faults, o(&c))
		}
	}
	return c, errors.Join(faults...)
}

// load is the fixture that was asked for.
func (c *config) load() (*fixtures.Fixture, error) {
	if c.given != nil {
		return c.given, nil
	}
	return fixtures.Load(c.fixture, c.seed)
}

// resolve returns the complete configuration and its fixture.
func (c config) resolve() (config, *fixtures.Fixture, error) {
	f, err := c.load()
	if err != nil {
		return c, nil, err
	}
	err = c.complete(f)
	return c, f, err
}

// with is the configuration with a workspace's own setup.
func (c config) with(s Setup) (config, error) {
	opts := []Option{}
	switch {
	case s.FixtureData != nil:
		opts = append(opts, WithFixtureData(cmp.Or(s.Fixture, "fixture"), s.FixtureData))
	case s.Fixture != "":
		opts = append(opts, WithFixture(s.Fixture))
	}
	if s.Seed != 0 {
		opts = append(opts, WithSeed(s.Seed))
	}
	c.clock.Mode, c.clock.Scale = cmp.Or(s.Clock.Mode, c.clock.Mode), cmp.Or(s.Clock.Scale, c.clock.Scale)
	if !s.Clock.Now.IsZero() {
		c.clock.Now = s.Clock.Now
	}
	if s.Speed != "" {
		opts = append(opts, WithSpeed(s.Speed))
	}
	c.sky.settings.Durations = maps.Clone(c.sky.settings.Durations)
	for action, d := range s.Durations {
		opts = append(opts, WithDuration(action, d))
	}
	if s.Progression != "" {
		opts = append(opts, WithProgression(s.Progression))
	}
	if s.RateLimit != nil {
		opts = append(opts, WithRateLimit(*s.RateLimit))
	}
	if s.Quota != 0 {
		opts = append(opts, WithQuota(s.Quota))
	}
	if s.ResetEvery != 0 {
		opts = append(opts, WithResetEvery(s.ResetEvery))
	}
	var faults []error
	for _, o := range opts {
		faults = append(faults, o(&c))
	}
	return c, errors.Join(faults...)
}

// complete applies the fixture: options win over it, and it wins over the defaults.
func (c *config) complete(f *fixtures.Fixture) error {
	if f.Clock != nil {
		if c.clock.Mode == "" {
			c.clock.Mode = ClockMode(f.Clock.Mode)
		}
		if c.clock.Now.IsZero() && f.Clock.Now != nil {
			c.clock.Now = *f.Clock.Now
		}
	}
	return c.completeSkyStack(f)
}

// WithSeed decides everything random; default 1.
func WithSeed(seed uint64) Option {
	return func(c *config) error { c.seed = seed; return nil }
}

// WithFixture chooses what the workspaces start with: "default", "docs",
// "empty", "busy=N", or the path of a YAML or JSON file; default "default".
func WithFixture(name string) Option {
	return func(c *config) error { c.fixture, c.given = name, nil; return nil }
}

// WithFixtureData is WithFixture with the text of a fixture; name appears in
// messages about it.
func WithFixtureData(name string, data []byte) Option {
	return func(c *config) (err error) {
		c.given, err = fixtures.Parse(name, data)
		return err
	}
}

// WithClock sets the clock; default the fixture's, else real. A Clock without a
// mode keeps the fixture's mode, one without a Now the fixture's first instant.
func WithClock(clock Clock) Option {
	return func(c *config) error { c.clock = clock; return nil }
}

// WithLimits turns on what limits a customer of the real service: requests as
// WithRateLimit has them, and 100 instances a workspace. Limits of the fixture
// win over these.
func WithLimits() Option {
	return func(c *config) error { c.limits = true; return nil }
}

// WithRateLimit turns rate limits on.
func WithRateLimit(r RateLimit) Option {
	return func(c *config) error { c.rate = &r; return nil }
}

// WithQuota sets the most instances a workspace may have; Unlimited for no
// limit.
func WithQuota(n int) Option {
	return func(c *config) error { c.quota = &n; return nil }
}

// WithResetEvery returns every workspace to its start after each period of its
// time, at least a second; 0 means never.
func WithResetEvery(d time.Duration) Option {
	return func(c *config) error { c.resetEvery = d; return nil }
}

// WithAnyToken gives every unknown token a workspace of its own.
func WithAnyToken() Option {
	return func(c *config) error { c.anyToken = true; return nil }
}

// WithHost allows a further name in the Host header.
func WithHost(name string) Option {
	return func(c *config) error { c.server.Hosts = append(c.server.Hosts, name); return nil }
}

// WithOrigin lets pages of a web origin, as in https://app.test, call the API.
func WithOrigin(origin string) Option {
	return func(c *config) error {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return fmt.Errorf("origin %q: use scheme and host alone, as in https://app.test; * and null are not taken", origin)
		}
		c.server.Origins = append(c.server.Origins, origin)
		return nil
	}
}

// WithMaxBody bounds a request body, in bytes; default 1 MiB.
func WithMaxBody(bytes int64) Option {
	return func(c *config) error {
		if bytes < 1 {
			return fmt.Errorf("body limit %d: use at least 1 byte", bytes)
		}
		c.server.MaxBody = bytes
		return nil
	}
}

// WithResponseCheck validates every response against the contract and turns one that
// breaks it into a 500. An event that breaks it is not delivered to webhooks.
func WithResponseCheck() Option {
	return func(c *config) error {
		c.server.CheckResponses, c.sky.CheckEvents, c.strictEngine = true, true, true
		return nil
	}
}

// WithFullHeaders sends every header with every response. By default those that
// concern the day's limit, the scopes and the like come only where they say
// something.
func WithFullHeaders() Option {
	return func(c *config) error { c.server.FullHeaders = true; return nil }
}

// WithLogger receives warnings, and a line for each request at debug level.
// Secrets are taken out first. Default: nothing is logged.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		if l != nil {
			c.log = l
		}
		return nil
	}
}

// minAdminToken is the length of the shortest admin token.
const minAdminToken = 16

// WithAdminToken sets the bearer token of the control API's calls that concern
// the whole server; default a random one, see AdminToken. It refuses one that is
// shorter than 16 characters or not visible ASCII.
func WithAdminToken(token string) Option {
	return func(c *config) error {
		if len(token) < minAdminToken || len(token) > 255 || strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' || r == '"' }) >= 0 {
			return fmt.Errorf("the admin token must have %d to 255 visible ASCII characters without comma and quotes", minAdminToken)
		}
		c.adminToken = token
		return nil
	}
}

// WithoutControl leaves out the control API under /_sandbox/.
func WithoutControl() Option {
	return func(c *config) error { c.noControl = true; return nil }
}

// WithoutDefaultKey does not accept DefaultKey, nor any other key of the fixtures
// that come with the sandbox, which are public. If there is no other key, a fresh
// one is made; see Key.
func WithoutDefaultKey() Option {
	return func(c *config) error { c.freshKey = true; return nil }
}
