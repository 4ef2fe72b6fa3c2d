package cli

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
)

// planned is what a command line, variables and the text of a file come to.
func planned(t *testing.T, args, environ []string, file string) (*plan, error) {
	t.Helper()
	if file != "" {
		path := filepath.Join(t.TempDir(), "sandbox.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		environ = append(slices.Clone(environ), "SKYSTACK_SANDBOX_CONFIG="+path)
	}
	p := &process{}
	c, rest, err := p.program().Find(args)
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err != nil {
		return nil, flagError(c, err)
	}
	return newPlan(p.given, environ)
}

// setup is what an emulator of the plan starts with.
func setup(t *testing.T, p *plan) (emulator.Setup, *emulator.Emulator) {
	t.Helper()
	e, err := emulator.New(p.options(p.logger(t.Output()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e.Setup(), e
}

// The first of flag, environment and file decides, setting by setting, and
// lists are not joined.
func TestPrecedence(t *testing.T) {
	const file = "seed: 3\nspeed: instant\nlisten: 127.0.0.1:3\nkey: [file-1, file-2]\n"
	for _, tc := range []struct {
		name    string
		args    []string
		environ []string
		file    string
		seed    uint64
		speed   string
		listen  string
		key     string
	}{
		{"nothing", nil, nil, "", 1, "fast", "127.0.0.1:8080", emulator.DefaultKey},
		{"the file", nil, nil, file, 3, "instant", "127.0.0.1:3", "file-1"},
		{"the environment over the file", nil, []string{"SKYSTACK_SANDBOX_SEED=2", "SKYSTACK_SANDBOX_KEY=env-1, env-2"}, file, 2, "instant", "127.0.0.1:3", "env-1"},
		{"a flag over both", []string{"--seed=9", "--key=flag"}, []string{"SKYSTACK_SANDBOX_SEED=2", "SKYSTACK_SANDBOX_LISTEN=127.0.0.1:2"}, file, 9, "instant", "127.0.0.1:2", "flag"},
		{"flags alone, behind the command", []string{"serve", "--seed", "9", "--listen", ":5", "--speed=realistic"}, nil, "", 9, "realistic", ":5", emulator.DefaultKey},
		{"the last of two flags", []string{"--seed=8", "--seed=9"}, nil, "", 9, "fast", "127.0.0.1:8080", emulator.DefaultKey},
		{"an empty variable says nothing", nil, []string{"SKYSTACK_SANDBOX_SEED="}, file, 3, "instant", "127.0.0.1:3", "file-1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := planned(t, tc.args, tc.environ, tc.file)
			if err != nil {
				t.Fatal(err)
			}
			s, e := setup(t, p)
			if s.Seed != tc.seed || s.Speed != tc.speed || p.listen != tc.listen || e.Key() != tc.key {
				t.Errorf("got seed %d, speed %s, listen %s, key %s", s.Seed, s.Speed, p.listen, e.Key())
			}
		})
	}
}

// samples is a right and a wrong value of every setting.
var samples = map[string]struct {
	right []string
	wrong string
}{
	"listen":                {[]string{"127.0.0.1:0", "[::1]:80", ":8080", "localhost:1"}, "127.0.0.1"},
	"apis":                  {[]string{"skystack", "computestacks"}, "skystak"},
	"allowed-host":          {[]string{"sandbox.app.test"}, ""},
	"cors-origin":           {[]string{"https://app.test"}, "app.test"},
	"max-body":              {[]string{"1", "1048576"}, "1MiB"},
	"workspace-budget":      {[]string{"1MiB", "1048576", "2G", "off"}, "1KiB"},
	"config":                {nil, ""},
	"fixture":               {[]string{"default", "docs", "empty", "busy=3"}, "missing.yaml"},
	"seed":                  {[]string{"0", "18446744073709551615"}, "-1"},
	"catalog":               {[]string{"strict", "open"}, "loose"},
	"quota":                 {[]string{"0", "7", "off"}, "-1"},
	"reset-every":           {[]string{"24h", "1s", "never"}, "0s"},
	"clock":                 {[]string{"real", "scaled", "frozen", "auto"}, "fast"},
	"scale":                 {[]string{"0.5", "1000000"}, "0"},
	"now":                   {[]string{"2026-03-19T10:22:44Z", "2026-03-19T12:22:44+02:00"}, "2026-03-19T10:22:44.5Z"},
	"speed":                 {[]string{"instant", "fast", "realistic"}, "slow"},
	"durations":             {[]string{"create=5s", "delete=0s"}, "create"},
	"progression":           {[]string{"time", "immediate", "manual", "reads:3"}, "reads:0"},
	"rate-limit":            {[]string{"on", "off"}, "maybe"},
	"rate-limit-per-minute": {[]string{"1", "off"}, "0"},
	"rate-limit-per-day":    {[]string{"1", "off"}, "1.5"},
	"rate-limit-scope":      {[]string{"key", "workspace"}, "project"},
	"rate-limit-algorithm":  {[]string{"sliding", "fixed"}, "bucket"},
	"delete":                {[]string{"immediate", "async"}, "never"},
	"delete-repeat":         {[]string{"204", "404"}, "410"},
	"noop-actions":          {[]string{"complete", "conflict"}, "ignore"},
	"strict":                {[]string{"true", "false"}, "maybe"},
	"documented-only":       {[]string{"true", "false"}, "maybe"},
	"enforce-sunset":        {[]string{"true", "false"}, "maybe"},
	"headers":               {[]string{"relevant", "full"}, "all"},
	"check-responses":       {[]string{"true", "false"}, "maybe"},
	"key":                   {[]string{"anything", "sky_test_0000000000000000000000000000001vWQpT"}, "sky_live_1"},
	"keys":                  {nil, ""},
	"control":               {[]string{"on", "off"}, "maybe"},
	"admin-token":           {[]string{"sixteen-or-more.", "sky_admin_000000000000000000000000000000000000"}, "fifteen-letters"},
	"secret-salt":           {[]string{"x", "sky_salt_000000000000000000000000000000000000"}, "with space"},
	"journal":               {[]string{"16777216", "1048576"}, "16MiB"},
	"https":                 {[]string{"127.0.0.1:0", "[::1]:8443", "off"}, "127.0.0.1"},
	"tls-dir":               {[]string{"ca", "memory"}, ""},
	"tls-name":              {[]string{"sandbox.corp.test", "192.0.2.10"}, "*.test"},
	"tls-cert":              {[]string{"cert.pem"}, ""},
	"tls-key":               {[]string{"key.pem"}, ""},
	"require-https":         {[]string{"true", "false"}, "maybe"},
	"revoke-on-plaintext":   {[]string{"true", "false"}, "maybe"},
	"accept-any-token":      {[]string{"true", "false"}, "maybe"},
	"lenient-bearer":        {[]string{"true", "false"}, "maybe"},
	"webhook-allow-public":  {[]string{"true", "false"}, "maybe"},
	"webhook-jitter":        {[]string{"true", "false"}, "often"},
	"webhook-ca":            {nil, "missing.pem"}, // TestWebhookCA has files
	"log-level":             {[]string{"debug", "info", "warn", "error"}, "trace"},
	"log-format":            {[]string{"text", "json"}, "xml"},
}

// Flag, environment and file say the same things, and each names itself when it
// is wrong.
func TestEverySettingHasThreeWays(t *testing.T) {
	names := []string{}
	for _, s := range settings() {
		names = append(names, s.name)
	}
	if slices.Sort(names); !slices.Equal(names, slices.Sorted(maps.Keys(samples))) {
		t.Fatalf("settings %v, samples %v", names, slices.Sorted(maps.Keys(samples)))
	}
	for _, s := range settings() {
		if s.kind == fileOnly || s.name == configName {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			inFile := func(text string) string {
				if s.kind == pairs {
					action, d, _ := strings.Cut(text, "=")
					return s.name + ": {" + action + ": " + d + "}\n"
				}
				if s.kind == number || s.kind == truth {
					return s.name + ": " + text + "\n"
				}
				return s.name + ": \"" + text + "\"\n"
			}
			for _, text := range samples[s.name].right {
				var got []emulator.Setup
				for _, way := range []struct {
					args, environ []string
					file          string
				}{
					{args: []string{"--" + s.name + "=" + text}},
					{environ: []string{variable(s.name) + "=" + text}},
					{file: inFile(text)},
				} {
					p, err := planned(t, way.args, way.environ, way.file)
					if err != nil {
						t.Fatalf("%+v: %v", way, err)
					}
					was, _ := setup(t, p)
					got = append(got, was)
				}
				for _, g := range got[1:] {
					if !same(g, got[0]) {
						t.Errorf("%s=%s: the three ways differ: %+v", s.name, text, got)
					}
				}
			}
			wrong := samples[s.name].wrong
			if wrong == "" {
				return
			}
			if _, err := planned(t, []string{"--" + s.name + "=" + wrong}, nil, ""); err == nil || !strings.HasPrefix(err.Error(), "--"+s.name+": ") {
				t.Errorf("a wrong flag: %v", err)
			}
			if _, err := planned(t, nil, []string{variable(s.name) + "=" + wrong}, ""); err == nil || !strings.HasPrefix(err.Error(), variable(s.name)+": ") {
				t.Errorf("a wrong variable: %v", err)
			}
			if _, err := planned(t, nil, nil, "# a comment\n"+inFile(wrong)); err == nil || !strings.Contains(err.Error(), "sandbox.yaml:2:") || !strings.Contains(err.Error(), ": "+s.name) {
				t.Errorf("a wrong member: %v", err)
			}
		})
	}
}

func same(a, b emulator.Setup) bool {
	if (a.RateLimit == nil) != (b.RateLimit == nil) || a.RateLimit != nil && *a.RateLimit != *b.RateLimit || !maps.Equal(a.Durations, b.Durations) {
		return false
	}
	a.RateLimit, b.RateLimit, a.Durations, b.Durations = nil, nil, nil, nil
	return a.Fixture == b.Fixture && a.Workspace == b.Workspace && a.Seed == b.Seed && a.Clock.Mode == b.Clock.Mode &&
		a.Clock.Scale == b.Clock.Scale && a.Clock.Now.Equal(b.Clock.Now) && a.Speed == b.Speed && a.Progression == b.Progression &&
		a.Quota == b.Quota && a.ResetEvery == b.ResetEvery
}

// What the help calls the default is what happens when nothing is said.
func TestDefaultsAreTrue(t *testing.T) {
	unsaid, err := planned(t, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	was, _ := setup(t, unsaid)
	for _, s := range settings() {
		if !slices.Contains(samples[s.name].right, s.std) && !slices.Contains([]string{"1", "120", "10000", "100", defaultListen}, s.std) {
			continue // described in words, or there is none
		}
		if s.name == "scale" {
			continue // implies a clock of its own
		}
		said, err := planned(t, []string{"--" + s.name + "=" + s.std}, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		is, _ := setup(t, said)
		if is.RateLimit != nil {
			is.RateLimit.Separate = was.RateLimit.Separate
		}
		if !same(was, is) || said.listen != unsaid.listen || said.level != unsaid.level || said.json != unsaid.json {
			t.Errorf("--%s=%s makes a difference: %+v, without it %+v", s.name, s.std, is, was)
		}
	}
	if want := (emulator.RateLimit{PerMinute: 120, PerDay: 10_000, Separate: true}); was.RateLimit == nil || *was.RateLimit != want || was.Quota != 100 {
		t.Errorf("limits %+v, quota %d", was.RateLimit, was.Quota)
	}
}

// What is said wins over the fixture, which wins over the defaults (S61).
func TestFixtureLimits(t *testing.T) {
	fixture := filepath.Join(t.TempDir(), "own.yaml")
	const text = "format: skystack-sandbox/1\nlimits: {per_minute: 5, per_day: null, scope: workspace}\nquota: off\nclock: {mode: auto, now: 2026-01-01T00:00:00Z}\n"
	if err := os.WriteFile(fixture, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args  []string
		want  emulator.RateLimit
		quota int
		clock emulator.ClockMode
	}{
		{nil, emulator.RateLimit{PerMinute: 5, PerDay: emulator.Unlimited, Shared: true}, emulator.Unlimited, emulator.AutoClock},
		{[]string{"--rate-limit-per-day=9", "--quota=2", "--clock=frozen"}, emulator.RateLimit{PerMinute: 5, PerDay: 9, Shared: true}, 2, emulator.FrozenClock},
		{[]string{"--rate-limit-scope=key", "--rate-limit-algorithm=fixed", "--scale=2"}, emulator.RateLimit{PerMinute: 5, PerDay: emulator.Unlimited, Separate: true, Fixed: true}, emulator.Unlimited, emulator.ScaledClock},
	} {
		p, err := planned(t, append(tc.args, "--fixture="+fixture), nil, "")
		if err != nil {
			t.Fatal(err)
		}
		s, _ := setup(t, p)
		if s.RateLimit == nil || *s.RateLimit != tc.want || s.Quota != tc.quota || s.Clock.Mode != tc.clock || !s.Clock.Now.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%v: limits %+v, quota %d, clock %+v", tc.args, s.RateLimit, s.Quota, s.Clock)
		}
	}
}
