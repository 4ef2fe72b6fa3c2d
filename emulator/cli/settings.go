package cli

import (
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/fixtures"
)

// kind is how a setting is written.
type kind int

const (
	word     kind = iota // text
	number               // digits, or a word that stands for a number
	truth                // on its own as a flag; true or false elsewhere
	list                 // repeated flags, commas in the environment, a list in the file
	pairs                // a list of name=value; an object in the file
	fileOnly             // objects, which only the file can hold
)

// setting is one thing that flag, environment and file can say. A row is all
// there is to know about it.
type setting struct {
	name string // of the flag and of the file's member; the variable follows from it
	kind kind
	arg  string // what to write, for the help
	std  string // the default, for the help; "" for none
	help string
	take func(p *plan, text string) error // for a list, one item after the other
}

// settingGroup is a heading of the help and the settings below it.
type settingGroup struct {
	title    string
	settings []setting
}

// configName is the one setting that the file cannot hold.
const configName = "config"

// groups is every setting, in the order of the help.
func groups() []settingGroup {
	return []settingGroup{
		{"Server", []setting{
			{"listen", word, "HOST:PORT", defaultListen, "Where to listen. Port 0 takes a free one and prints it.", takeListen},
			{"allowed-host", list, "NAME", "", "A further name clients may use in the Host header. Repeat for more.",
				func(p *plan, s string) error { return p.use(emulator.WithHost(s)) }},
			{"cors-origin", list, "ORIGIN", "", "A web origin whose pages may call, as in https://app.test. Repeat for more.",
				func(p *plan, s string) error { return p.use(emulator.WithOrigin(s)) }},
			{"max-body", number, "BYTES", "1048576", "The largest request body.", takeMaxBody},
			{"workspace-budget", word, "SIZE|off", "256MiB, or a quarter of the container's memory", "The most memory one workspace may take, as 64MiB or 1GiB: its objects, snapshots and record of requests. What the fixture takes is not counted.", takeBudget},
			{configName, word, "FILE", "", "A YAML file with any of these settings.", func(*plan, string) error { return nil }},
		}},
		{"World", []setting{
			{"fixture", word, "NAME", "default", "What the workspace contains at first: " + strings.Join(fixtures.Names(), ", ") + ", or the path of a fixture file (.yaml, .yml, .json).", takeFixture},
			{"seed", number, "N", "1", "Decides everything random. The same seed and the same requests give the same answers.", takeSeed},
			{"catalog", word, "strict|open", "strict", "Whether regions, sizes and images must exist, or any well-formed one will do.",
				choice("strict", nil, "open", emulator.WithOpenCatalog())},
			{"quota", number, "N|off", "100", "The most instances a workspace may have; test has no limit unless one is set.", takeQuota},
			{"reset-every", word, "DURATION", "never", "Return every workspace to its start after each period of its time.", takeReset},
		}},
		{"Time", []setting{
			{"clock", word, "real|scaled|frozen|auto", "real", "How time moves: as on the wall, --scale times as fast, not at all, or, with auto, to the end of a transition when a client reads its object again.", takeClock},
			{"scale", number, "X", "1", "How many seconds pass in a second with --clock=scaled, which it implies.", takeScale},
			{"now", word, "TIME", "the present", "The first instant, as 2026-03-19T10:22:44Z.", takeNow},
			{"speed", word, "instant|fast|realistic", "fast", "How long transitions take: nothing, a few seconds, or as long as in a real cloud.",
				func(p *plan, s string) error { return p.use(emulator.WithSpeed(s)) }},
			{"durations", pairs, "ACTION=DURATION", "", "How long single actions take, whatever the speed, as create=5s,delete=1m.", takeDuration},
			{"progression", word, "time|immediate|reads:N|manual", "time", "What moves instances on: time, the next read, the N-th read that shows them, or nothing.",
				func(p *plan, s string) error { return p.use(emulator.WithProgression(s)) }},
		}},
		{"Rate limits", []setting{
			{"rate-limit", word, "on|off", "on", "Whether requests are limited at all. For test the default is off, unless one of the settings below is given.", takeRateLimit},
			{"rate-limit-per-minute", number, "N|off", "120", "Requests in any 60 seconds.",
				func(p *plan, s string) (err error) { p.rate().PerMinute, err = allowance(s); return err }},
			{"rate-limit-per-day", number, "N|off", "10000", "Requests in a UTC day.",
				func(p *plan, s string) (err error) { p.rate().PerDay, err = allowance(s); return err }},
			{"rate-limit-scope", word, "key|workspace", "key", "Whether each key has limits of its own, or all keys of a workspace share them.", takeScope},
			{"rate-limit-algorithm", word, "sliding|fixed", "sliding", "Whether a minute is any 60 seconds or a minute by the clock.", takeAlgorithm},
		}},
		{"Behaviour", []setting{
			{"delete", word, "immediate|async", "immediate", "Whether a deleted instance is gone at once or deleting for a while.",
				choice("immediate", nil, "async", emulator.WithSlowDelete())},
			{"delete-repeat", number, "204|404", "204", "The answer to deleting again what is deleted.",
				choice("204", nil, "404", emulator.WithRepeatedDelete404())},
			{"noop-actions", word, "complete|conflict", "complete", "Whether an action with nothing to do, as starting what runs, completes or is a 409.",
				choice("complete", nil, "conflict", emulator.WithNoopConflict())},
			{"strict", truth, "", "", "Make unknown parameters and members errors in every API version.", option(emulator.WithStrict())},
			{"documented-only", truth, "", "", "Serve only the operations that the SkyStack documents print.", option(emulator.WithDocumentedOnly())},
			{"enforce-sunset", truth, "", "", "Refuse API versions past their sunset.", option(emulator.WithEnforcedSunset())},
			{"headers", word, "relevant|full", "relevant", "Whether a response has the headers that say something about it, or all there are.",
				choice("relevant", nil, "full", emulator.WithFullHeaders())},
			{"check-responses", truth, "", "", "Validate every response against the contract; an invalid one becomes a 500.", option(emulator.WithResponseCheck())},
		}},
		{"Keys", []setting{
			{"key", list, "TOKEN", "the fixture's", "A further key of the default workspace, and the one that is printed. Repeat for more.",
				func(p *plan, s string) error { return p.use(emulator.WithKey(emulator.Key{Token: s})) }},
			{"keys", fileOnly, "", "", "", nil},
			{"accept-any-token", truth, "", "", "Give every unknown token a workspace of its own. Only on a loopback address.", takeAnyToken},
			{"lenient-bearer", truth, "", "", "Accept more than one space after Bearer.", option(emulator.WithLenientBearer())},
		}},
		accessSettings(),
		httpsSettings(),
		webhookSettings(),
		{"Logs", []setting{
			{"log-level", word, "debug|info|warn|error", "info", "What to log to standard error. At debug there is a line for each request.", takeLogLevel},
			{"log-format", word, "text|json", "text", "How to log.", takeLogFormat},
		}},
	}
}

// settings is the rows of all groups.
func settings() []setting {
	var all []setting
	for _, g := range groups() {
		all = append(all, g.settings...)
	}
	return all
}

// choice is a setting of two words, each with the option it stands for.
func choice(one string, a emulator.Option, other string, b emulator.Option) func(*plan, string) error {
	return func(p *plan, s string) error {
		switch s {
		case one:
			return p.use(a)
		case other:
			return p.use(b)
		}
		return unknown(s, one, other)
	}
}

// option is a setting that is on or off.
func option(o emulator.Option) func(*plan, string) error {
	return func(p *plan, s string) error {
		on, err := yes(s)
		if on {
			return p.use(o)
		}
		return err
	}
}

func unknown(s string, words ...string) error {
	return fmt.Errorf("%q is unknown%s: use %s", s, hint(s, words...), joined(words, "or"))
}

func yes(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "1", "yes", "on":
		return true, nil
	case "false", "0", "no", "off":
		return false, nil
	}
	return false, unknown(s, "true", "false")
}

// whole is a whole number from least on.
func whole(s string, least int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > 1_000_000_000 {
		return 0, fmt.Errorf("%q is not a whole number from %d to 1000000000", s, least)
	}
	return n, nil
}

func allowance(s string) (int, error) {
	if s == "off" {
		return emulator.Unlimited, nil
	}
	n, err := whole(s, 1)
	if err != nil {
		err = fmt.Errorf("%w, or off", err)
	}
	return n, err
}

func takeListen(p *plan, s string) error {
	p.listen = s
	return checkAddress(s, defaultListen)
}

// checkAddress refuses what is no address to listen on.
func checkAddress(s, example string) error {
	_, port, err := net.SplitHostPort(s)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n > math.MaxUint16 {
		return fmt.Errorf("%q is not an address: use a host and a port from 0 to 65535, as in %s", s, example)
	}
	return nil
}

func takeMaxBody(p *plan, s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a number of bytes: use digits alone, as in 1048576", s)
	}
	return p.use(emulator.WithMaxBody(n))
}

func takeFixture(p *plan, s string) error {
	// A file is read, and a busy world made, once: later.
	var err error
	switch {
	case isFile(s):
		_, err = os.Stat(s)
	case !strings.HasPrefix(s, "busy"), fixtures.Instances(s) == 0: // nothing to make, or wrong
		_, err = fixtures.Load(s, 1)
	}
	if err != nil {
		return err
	}
	return p.use(emulator.WithFixture(s))
}

// isFile reports whether a fixture is named by its path.
func isFile(fixture string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(fixture)))
}

func takeSeed(p *plan, s string) error {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a whole number from 0 to %d", s, uint64(math.MaxUint64))
	}
	return p.use(emulator.WithSeed(n))
}

func takeQuota(p *plan, s string) error {
	if s == "off" {
		return p.use(emulator.WithQuota(emulator.Unlimited))
	}
	n, err := whole(s, 0)
	if err != nil {
		return fmt.Errorf("%w, or off", err)
	}
	return p.use(emulator.WithQuota(n))
}

func takeReset(p *plan, s string) error {
	if s == "never" {
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second {
		return fmt.Errorf("%q is not a period: use 1s or more, as in 24h, or never", s)
	}
	return p.use(emulator.WithResetEvery(d))
}

func takeClock(p *plan, s string) error {
	modes := []string{string(emulator.RealClock), string(emulator.ScaledClock), string(emulator.FrozenClock), string(emulator.AutoClock)}
	if !slices.Contains(modes, s) {
		return unknown(s, modes...)
	}
	p.clock.Mode = emulator.ClockMode(s)
	return nil
}

func takeScale(p *plan, s string) error {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x > 0 && x <= 1e6) {
		return fmt.Errorf("%q is not a number above 0 and at most 1000000", s)
	}
	if p.clock.Mode == "" {
		p.clock.Mode = emulator.ScaledClock
	}
	if p.clock.Mode != emulator.ScaledClock {
		return fmt.Errorf("there is no scale with a clock that is %s: use the clock scaled", p.clock.Mode)
	}
	p.clock.Scale = x
	return nil
}

func takeNow(p *plan, s string) error {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Nanosecond() != 0 || t.UTC().Year() < 1970 || t.UTC().Year() > 2200 {
		return fmt.Errorf("%q is not a time from 1970 to 2200: use whole seconds and an offset, as in 2026-03-19T10:22:44Z", s)
	}
	p.clock.Now = t.UTC()
	return nil
}

func takeDuration(p *plan, s string) error {
	action, text, ok := strings.Cut(s, "=")
	if !ok {
		return fmt.Errorf("%q is not an action and its duration: write them as create=5s", s)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is not a duration: write it as 5s or 1m30s", text)
	}
	return p.use(emulator.WithDuration(action, d))
}

func takeRateLimit(p *plan, s string) error {
	if s != "on" && s != "off" {
		return unknown(s, "on", "off")
	}
	p.rateLimit = s
	return nil
}

func takeScope(p *plan, s string) error {
	if s != "key" && s != "workspace" {
		return unknown(s, "key", "workspace")
	}
	p.rate().Shared, p.rate().Separate = s == "workspace", s == "key"
	return nil
}

func takeAlgorithm(p *plan, s string) error {
	if s != "sliding" && s != "fixed" {
		return unknown(s, "sliding", "fixed")
	}
	p.rate().Fixed = s == "fixed"
	return nil
}

func takeAnyToken(p *plan, s string) (err error) {
	p.anyToken, err = yes(s)
	return err
}

func takeLogLevel(p *plan, s string) error {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, s) {
		return unknown(s, "debug", "info", "warn", "error")
	}
	return p.level.UnmarshalText([]byte(s))
}

func takeLogFormat(p *plan, s string) error {
	if s != "text" && s != "json" {
		return unknown(s, "text", "json")
	}
	p.json = s == "json"
	return nil
}
