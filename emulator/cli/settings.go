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

// kind is the syntax of a setting.
type kind int

const (
	word     kind = iota // text
	number               // digits, or a word that stands for a number
	truth                // a flag without a value; true or false elsewhere
	list                 // repeated flags, commas in the environment, a list in the file
	pairs                // a list of name=value; an object in the file
	fileOnly             // objects, which only the file can contain
)

// setting is one setting of flag, environment and file. A row is its whole definition.
type setting struct {
	name string // of the flag and of the file's member; the variable follows from it
	kind kind
	arg  string // the form of the value, for the help
	std  string // the default, for the help; "" for none
	help string
	take func(p *plan, text string) error // for a list, one item after the other
}

// settingGroup is a heading of the help and the settings below it.
type settingGroup struct {
	title    string
	settings []setting
}

// configName is the only setting that the file cannot contain.
const configName = "config"

// groups returns all settings, in the order of the help.
func groups() []settingGroup {
	return []settingGroup{
		{"Server", []setting{
			{"listen", word, "HOST:PORT", defaultListen, "The address to listen on. Port 0 chooses a free port and prints it.", takeListen},
			{"apis", list, "NAME,NAME", strings.Join(emulator.APIs(), ","), "The APIs to serve: skystack, under /v1, and computestacks, under /api.", takeAPI},
			{"allowed-host", list, "NAME", "", "Another name that clients may use in the Host header. Repeat for more.",
				func(p *plan, s string) error { return p.use(emulator.WithHost(s)) }},
			{"cors-origin", list, "ORIGIN", "", "A web origin whose pages may call the API, as https://app.test. Repeat for more.",
				func(p *plan, s string) error { return p.use(emulator.WithOrigin(s)) }},
			{"max-body", number, "BYTES", "1048576", "The maximum size of a request body.", takeMaxBody},
			{"workspace-budget", word, "SIZE|off", "256MiB, or a quarter of the container's memory", "The maximum memory of one workspace, as 64MiB or 1GiB: its objects, snapshots and record of requests. The objects of the fixture are not counted.", takeBudget},
			{configName, word, "FILE", "", "A YAML file that contains any of these settings.", func(*plan, string) error { return nil }},
		}},
		{"World", []setting{
			{"fixture", word, "NAME", "default", "The initial content of a workspace: " + strings.Join(fixtures.Names(), ", ") + ", or the path of a fixture file (.yaml, .yml, .json).", takeFixture},
			{"seed", number, "N", "1", "The seed of everything random. The same seed and the same requests give the same responses.", takeSeed},
			{"catalog", word, "strict|open", "strict", "strict accepts only existing regions, sizes and images; open accepts any well-formed ones.",
				choice("strict", nil, "open", emulator.WithOpenCatalog())},
			{"quota", number, "N|off", "100", "The maximum number of instances of a workspace. In test there is no limit by default.", takeQuota},
			{"reset-every", word, "DURATION", "never", "Reset every workspace after each such period of its own time.", takeReset},
		}},
		{"Time", []setting{
			{"clock", word, "real|scaled|frozen|auto", "real", "How time moves: in real time, --scale times as fast, not at all, or, with auto, to the end of a transition when a client reads its object again.", takeClock},
			{"scale", number, "X", "1", "How many seconds pass in a real second. Implies --clock=scaled.", takeScale},
			{"now", word, "TIME", "the current time", "The time at the start, as 2026-03-19T10:22:44Z.", takeNow},
			{"speed", word, "instant|fast|realistic", "fast", "How long transitions take: no time, a few seconds, or as long as in a real cloud.",
				func(p *plan, s string) error { return p.use(emulator.WithSpeed(s)) }},
			{"durations", pairs, "ACTION=DURATION", "", "How long individual actions take at any speed, as create=5s,delete=1m.", takeDuration},
			{"progression", word, "time|immediate|reads:N|manual", "time", "What completes the transitions of instances: time, the next read, the N-th read of the instance, or nothing.",
				func(p *plan, s string) error { return p.use(emulator.WithProgression(s)) }},
		}},
		{"Rate limits", []setting{
			{"rate-limit", word, "on|off", "on", "Whether requests are rate limited. In test the default is off, unless a setting below is given.", takeRateLimit},
			{"rate-limit-per-minute", number, "N|off", "120", "The maximum number of requests in any 60 seconds.",
				func(p *plan, s string) (err error) { p.rate().PerMinute, err = allowance(s); return err }},
			{"rate-limit-per-day", number, "N|off", "10000", "The maximum number of requests in a UTC day.",
				func(p *plan, s string) (err error) { p.rate().PerDay, err = allowance(s); return err }},
			{"rate-limit-scope", word, "key|workspace", "key", "Whether each key has its own limits, or all keys of a workspace share them.", takeScope},
			{"rate-limit-algorithm", word, "sliding|fixed", "sliding", "Whether the limit per minute counts any 60 seconds or minutes of the clock.", takeAlgorithm},
		}},
		{"Behavior", []setting{
			{"delete", word, "immediate|async", "immediate", "Whether an instance is deleted immediately, or has the status deleting for a while.",
				choice("immediate", nil, "async", emulator.WithSlowDelete())},
			{"delete-repeat", number, "204|404", "204", "The status of the response when a deleted object is deleted again.",
				choice("204", nil, "404", emulator.WithRepeatedDelete404())},
			{"noop-actions", word, "complete|conflict", "complete", "Whether an action without effect, as starting a running instance, completes or is refused with 409.",
				choice("complete", nil, "conflict", emulator.WithNoopConflict())},
			{"strict", truth, "", "", "Refuse unknown parameters and members in every API version.", option(emulator.WithStrict())},
			{"documented-only", truth, "", "", "Serve only the operations that are printed in the SkyStack documents.", option(emulator.WithDocumentedOnly())},
			{"enforce-sunset", truth, "", "", "Refuse API versions after their sunset date.", option(emulator.WithEnforcedSunset())},
			{"headers", word, "relevant|full", "relevant", "Whether a response has only the headers that are relevant to it, or all headers.",
				choice("relevant", nil, "full", emulator.WithFullHeaders())},
			{"check-responses", truth, "", "", "Validate every response against the contract; an invalid one becomes a 500.", option(emulator.WithResponseCheck())},
		}},
		{"Keys", []setting{
			{"key", list, "TOKEN", "the fixture's", "Another key of the default workspace; the first one is printed at the start. Repeat for more.",
				func(p *plan, s string) error { return p.use(emulator.WithKey(emulator.Key{Token: s})) }},
			{"keys", fileOnly, "", "", "", nil},
			{"accept-any-token", truth, "", "", "Give every unknown token its own workspace. Allowed only on a loopback address.", takeAnyToken},
			{"lenient-bearer", truth, "", "", "Accept more than one space after Bearer.", option(emulator.WithLenientBearer())},
		}},
		accessSettings(),
		httpsSettings(),
		webhookSettings(),
		{"Logs", []setting{
			{"log-level", word, "debug|info|warn|error", "info", "The lowest level that is logged to standard error. debug logs a line for each request.", takeLogLevel},
			{"log-format", word, "text|json", "text", "The format of the log.", takeLogFormat},
		}},
	}
}

// settings returns the rows of all groups.
func settings() []setting {
	var all []setting
	for _, g := range groups() {
		all = append(all, g.settings...)
	}
	return all
}

// choice returns the take function of a setting with two values, each with its option.
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

// option returns the take function of a setting that is on or off.
func option(o emulator.Option) func(*plan, string) error {
	return func(p *plan, s string) error {
		on, err := parseBool(s)
		if on {
			return p.use(o)
		}
		return err
	}
}

func unknown(s string, words ...string) error {
	return fmt.Errorf("%q is unknown%s: use %s", s, hint(s, words...), joined(words, "or"))
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "1", "yes", "on":
		return true, nil
	case "false", "0", "no", "off":
		return false, nil
	}
	return false, unknown(s, "true", "false")
}

// whole parses a whole number from least to 1000000000.
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

// checkAddress refuses text that is not an address to listen on.
func checkAddress(s, example string) error {
	_, port, err := net.SplitHostPort(s)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n > math.MaxUint16 {
		return fmt.Errorf("%q is not an address: use a host and a port from 0 to 65535, as in %s", s, example)
	}
	return nil
}

// takeAPI adds an API to those that are served.
func takeAPI(p *plan, s string) error {
	if !slices.Contains(emulator.APIs(), s) {
		return unknown(s, emulator.APIs()...)
	}
	p.apis = append(p.apis, s)
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
	// A file is read, and a busy world is generated, only when the sandbox starts.
	var err error
	switch {
	case isFile(s):
		_, err = os.Stat(s)
	case !strings.HasPrefix(s, "busy"), fixtures.Instances(s) == 0: // cheap to load, or invalid
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
		return fmt.Errorf("a %s clock has no scale: use the clock scaled", p.clock.Mode)
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
	p.anyToken, err = parseBool(s)
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
