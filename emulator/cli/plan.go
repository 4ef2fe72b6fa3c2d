package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/near"
	"skystack.dev/sandbox/emulator/internal/redact"
)

const (
	defaultListen = "127.0.0.1:8080"
	envPrefix     = "SKYSTACK_SANDBOX_"
)

// plan is the result of all settings.
type plan struct {
	given     map[string][]item // the texts by setting
	listen    string
	apis      []string // --apis; nil when it was not given
	level     slog.Level
	budget    int64 // bytes of a workspace; 0 when it is not set
	json      bool
	anyToken  bool
	ownAdmin  bool // --admin-token was given
	noControl bool // --control=off
	salt      string
	salted    bool // --secret-salt was given
	secured
	rateLimit string              // --rate-limit; "" when it was not given
	asStart   bool                // no limits by default, as in emulator.Start
	limits    *emulator.RateLimit // nil: as the fixture and the defaults have it
	clock     emulator.Clock
	opts      []emulator.Option
}

// item is a text and its origin. A list has one item for each element.
type item struct{ text, origin string }

// newPlan merges flags, environment and file: the first of them that gives a setting
// wins, and lists are not joined. It reports all problems at once.
func newPlan(flags map[string][]string, environ []string) (*plan, error) {
	given := map[string][]item{}
	env, problems := fromEnvironment(environ)
	for name, texts := range flags {
		for _, text := range texts {
			given[name] = append(given[name], item{text, "--" + name})
		}
	}
	fill(given, env)
	p := &plan{given: given, listen: defaultListen}
	if at := given[configName]; at != nil {
		// The last flag wins, as for any other setting with one value.
		file, err := readConfig(at[len(at)-1])
		if err != nil {
			problems = append(problems, err)
		}
		fill(given, file.settings)
		for _, k := range file.keys {
			if err := p.use(emulator.WithKey(k.Key)); err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", k.origin, err))
			}
		}
	}
	fileKeys := p.opts
	p.opts = nil
	for _, s := range settings() {
		for _, it := range given[s.name] {
			if err := s.take(p, it.text); err != nil {
				problems = append(problems, settingError(it.origin, s.name, err))
			}
		}
	}
	// Single keys come first: the first key is the one that is printed.
	p.opts = append(p.opts, fileKeys...)
	return p, errors.Join(problems...)
}

// fill adds settings that have not been given yet.
func fill(given, more map[string][]item) {
	for name, items := range more {
		if _, there := given[name]; !there {
			given[name] = items
		}
	}
}

// use adds an option unless it is invalid by itself.
func (p *plan) use(o emulator.Option) error {
	if err := emulator.Check(o); err != nil {
		return err
	}
	p.opts = append(p.opts, o)
	return nil
}

func (p *plan) rate() *emulator.RateLimit {
	if p.limits == nil {
		p.limits = &emulator.RateLimit{}
	}
	return p.limits
}

// options returns the options for package emulator. A server has limits by default; the
// sandbox of the command test has none.
func (p *plan) options(log *slog.Logger) []emulator.Option {
	opts := []emulator.Option{emulator.WithLogger(log), emulator.WithClock(p.clock)}
	if !p.asStart {
		opts = append(opts, emulator.WithLimits())
	}
	switch {
	case p.rateLimit == "off":
		opts = append(opts, emulator.WithRateLimit(emulator.RateLimit{PerMinute: emulator.Unlimited, PerDay: emulator.Unlimited}))
	case p.limits != nil:
		opts = append(opts, emulator.WithRateLimit(*p.limits))
	case p.rateLimit == "on":
		opts = append(opts, emulator.WithRateLimit(emulator.RateLimit{}))
	}
	if p.apis != nil {
		opts = append(opts, emulator.WithAPIs(p.apis...))
	}
	if p.anyToken {
		opts = append(opts, emulator.WithAnyToken())
	}
	return append(opts, p.opts...)
}

// logger returns a logger as the settings describe it, which removes secrets (S24, S41).
func (p *plan) logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: p.level}
	if p.json {
		return slog.New(redact.NewHandler(slog.NewJSONHandler(w, o)))
	}
	return slog.New(redact.NewHandler(slog.NewTextHandler(w, o)))
}

// variable returns the name of the environment variable of a setting.
func variable(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// foreign matches variables with our prefix that are not settings: Kubernetes sets some
// in every pod beside a service called skystack-sandbox, one tells the project's tests
// that Docker must be present, one tells clients what to trust, and two configure the
// completion of shells.
var foreign = regexp.MustCompile(`^SKYSTACK_SANDBOX_(SERVICE_(HOST|PORT.*)|PORT(_.*)?|REQUIRE_(DOCKER|BROWSER)|KEEP_IMAGE|CA|ACTIVE_HELP|COMPLETION_DESCRIPTIONS)$`)

// fromEnvironment reads the variables with our prefix. An empty one counts as not set, as
// in a compose file that passes on variables that may be unset.
func fromEnvironment(environ []string) (map[string][]item, []error) {
	known := map[string]setting{}
	var names []string
	for _, s := range settings() {
		if s.kind != fileOnly {
			known[variable(s.name)] = s
			names = append(names, s.name)
		}
	}
	given := map[string][]item{}
	var problems []error
	for _, pair := range slices.Sorted(slices.Values(environ)) {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(strings.ToUpper(name), envPrefix) || text == "" || foreign.MatchString(name) {
			continue
		}
		s, ok := known[name]
		if !ok {
			var found []string
			for _, n := range nearest(strings.TrimPrefix(name, envPrefix), names...) {
				found = append(found, variable(n))
			}
			problems = append(problems, errors.New(name+": there is no such setting"+near.DidYouMean(found)))
			continue
		}
		texts := []string{text}
		if s.kind == list || s.kind == pairs {
			texts = strings.Split(text, ",")
		}
		for _, text := range texts {
			given[s.name] = append(given[s.name], item{strings.TrimSpace(text), name})
		}
	}
	return given, problems
}

// beside resolves a path that is written in a file.
func beside(file, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}
