package cli

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
)

// The exit code says whether the user or the machine must mend it.
func TestExitCodes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, tc := range []struct {
		args string
		code int
		want string // in the output, or in the message
	}{
		{"version", 0, program + " " + emulator.Version},
		{"--help", 0, "Usage:"},
		{"key new", 0, "sky_test_"},
		{"env", 0, "export SKYSTACK_BASE_URL=http://127.0.0.1:8080\n"},
		{"--listen " + taken.Addr().String(), 1, "address already in use"},
		{"--listen 192.0.2.1:0", 1, "no such address"},
		{"--sped fast", 2, "unknown flag --sped"},
		{"--speed quick", 2, `speed: "quick" is unknown`},
		{"--config nowhere.yaml", 2, "nowhere.yaml"},
		{"--fixture busy=many", 2, "busy=N"},
		{"--listen 0.0.0.0:0 --accept-any-token", 2, "accept-any-token"},
		{"env --listen 127.0.0.1:0", 2, "port 0"},
		{"env --listen 0.0.0.0:8080", 2, "give it a key with --key"},
		{"env --listen 0.0.0.0:8080 --key mine", 0, "export SKYSTACK_API_TOKEN=mine\n"},
		{"start", 2, "the commands are ca, clock, "},
		{"key", 2, "key is followed by new"},
		{"key old", 2, "there is no command key old; key is followed by new"},
		{"version please", 2, "version takes no argument; got please"},
		{"clock advance", 2, "give one of a duration as 3s, --to=TIME, --next or --until-idle"},
		{"clock advance 3s --next", 2, "give one of a duration as 3s, --to=TIME, --next or --until-idle"},
		{"clock advance 3s 4s", 2, "clock advance takes no further argument; got 4s"},
		{"clock advance soon", 2, `"soon" is not a duration from 0 on`},
		{"clock advance --to=noon", 2, `--to: "noon" is not a time`},
		{"clock set", 2, "give at least one of --mode, --now and --scale"},
		{"clock set --mode=fast", 2, `--mode: "fast" is unknown`},
		{"clock set --mode=frozen --scale=2", 2, "--scale: a frozen clock has no scale"},
		{"clock set --now=later", 2, `--now: "later" is not a time`},
		{"clock forth", 2, "there is no command clock forth; clock is followed by advance, agenda, set or show"},
		{"clock agend", 2, "(did you mean agenda?)"},
		{"clock --url=127.0.0.1:1", 2, "--url: this is not the URL of a sandbox: use scheme and host alone"},
		{"clock --url=http://127.0.0.1:1", 1, "nothing listens at http://127.0.0.1:1"},
		{"clock --key=sky_live_1", 2, "production key"},
		{"clock --cacert=nowhere.pem", 2, "--cacert: open nowhere.pem"},
		{"clock --workspace=wsp_1", 2, "set SKYSTACK_SANDBOX_ADMIN_TOKEN"},
		{"reset --fixture=defalt", 2, "did you mean default?"},
		{"reset now", 2, "reset takes no argument; got now"},
		{"requests --status=7xx", 2, `--status: "7xx" is not a status`},
		{"requests --last=-1", 2, `--last: "-1" is not a whole number from 0 to 1000000000`},
		{"requests --operation=x --unmatched", 2, "--unmatched: a request cannot both"},
		{"snapshot", 2, "snapshot is followed by diff, dump, load or save"},
		{"snapshot save", 2, "FILE is missing: write " + program + " snapshot save FILE"},
		{"snapshot load nowhere.json", 2, "open nowhere.json"},
		{"snapshot save .", 2, ".: not a file"},
		{"snapshot diff - -", 2, "only one of the files can be standard input"},
		{"test", 2, "name the command to run"},
		{"test --", 2, "name the command to run"},
		{"test --speed=quick -- true", 2, `speed: "quick" is unknown`},
		{"test -- no-such-command", 127, "no-such-command: command not found"},
		{"test -- ./no-such-command", 127, "no-such-command: command not found"},
		{"test -- /", 126, "/: cannot be run"},
		{"test --listen=192.0.2.1:0 -- true", 1, "no such address"},
		{"healthcheck --listen=127.0.0.1:1", 1, "not ready: http://127.0.0.1:1/readyz: "},
		{"healthcheck --listen=127.0.0.1:0", 2, "with port 0"},
		{"completion ksh", 2, "completion is followed by bash, fish, powershell or zsh"},
		{"completion", 2, "completion is followed by bash, fish, powershell or zsh"},
		{"clok --help", 2, "there is no command clok (did you mean clock?)"},
		{"help clok", 2, "there is no command clok (did you mean clock?)"},
		{"help help help", 2, "there is no command help help; help is followed by no other"},
		{"clock advance --utnil-idle", 2, "unknown flag --utnil-idle (did you mean --until-idle?)"},
		{"requests -x", 2, "unknown flag -x"},
		{"clock --url=http://127.0.0.1:1/v1", 2, "--url: this is not the URL of a sandbox"},
		{"key new --scope=instances:reed", 2, `--scope: "instances:reed" is unknown (did you mean instances:read?)`},
		{"key new --workspace=other", 2, `--workspace: "other" is not an id`},
		{"token create --name=x --scope=foo", 2, `--scope: "foo" is unknown: use *, instances:read, `},
		{"token list --status=gone", 2, `--status: "gone" is unknown: use active, expired or revoked`},
		{"requests --before=1", 2, `--before: "1" is not a whole number from 2 on`},
		{"requests --since=5 --before=6", 2, "--since: no number is after 5 and before 6"},
		{"requests --since=99999999999999999999", 2, "is not a whole number from 0 on"},
		{"healthcheck --url=http://localhost", 2, "unknown flag --url: healthcheck finds the sandbox of this machine by --listen=HOST:PORT"},
		{"env --url=http://localhost", 2, "by --listen=HOST:PORT"},
		{"--fixture=busy=many", 2, `--fixture: "busy=many" is not a fixture: use busy=N`},
		{"key new --scope=instances:read", 2, "--output=text prints only the key, without its name, scopes and the rest"},
		{"requests --since=-1", 2, `--since: "-1" is not a whole number from 0 on`},
		{"requests --last=few", 2, `--last: "few" is not a whole number`},
		{"requests --follow=maybe", 2, `--follow: "maybe" is unknown`},
		{"token create", 2, "--name is missing: write --name=TEXT"},
		{"token rotate", 2, "ID is missing: write " + program + " token rotate ID"},
		{"token rotate tok_1 --overlap=-1h", 2, "--overlap: -1h0m0s is not a duration from 0 on in whole seconds"},
		{"key new --output=xml", 2, `--output: "xml" is unknown`},
		{"key new --expires-in=soon", 2, `--expires-in: "soon" is not a duration`},
		{"--speed=fast version", 2, "unknown flag --speed"},
		{"--listen=127.0.0.1:9 env", 0, "export SKYSTACK_BASE_URL=http://127.0.0.1:9\n"},
		{"--version --speed=quick", 0, program + " " + emulator.Version},
		{"completion bash", 0, "complete "},
	} {
		var out, message strings.Builder
		code := Run(strings.Fields(tc.args), nil, &out, &message)
		if code != tc.code || !strings.Contains(out.String()+message.String(), tc.want) {
			t.Errorf("%q: exit code %d, output %q, message %q", tc.args, code, &out, &message)
		}
		if (code == 0) == (out.Len() == 0) || (code == 0) != (message.Len() == 0) {
			t.Errorf("%q: exit code %d with output %q and message %q", tc.args, code, &out, &message)
		}
		for line := range strings.Lines(message.String()) {
			if !strings.HasPrefix(line, program+": ") || !strings.HasSuffix(line, "\n") {
				t.Errorf("%q: a line of the message does not say whose it is: %q", tc.args, line)
			}
		}
	}
}

// A message repeats the typed value, except for secrets (S24, S74).
func TestMessagesHoldNoSecret(t *testing.T) {
	const secret = "0000000000000000000000000000002LWGSy"
	for _, args := range [][]string{
		{"sky_live_" + secret}, {"--sky_live_" + secret}, {"--key=sky_live_" + secret}, {"--speed=sky_live_" + secret},
		{"--listen=sky_live_" + secret}, {"--durations=sky_live_" + secret}, {"--fixture=sky_live_" + secret}, {"--config=sky_live_" + secret},
		{"clock", "--key=sky_live_" + secret}, {"clock", "sky_live_" + secret}, {"requests", "--status=sky_live_" + secret}, {"--admin-token=" + secret[:15]},
	} {
		var out, message strings.Builder
		if code := Run(args, nil, &out, &message); code != exitUsage || strings.Contains(out.String()+message.String(), secret[:15]) {
			t.Errorf("%s: exit code %d, %s", args[0][:8], code, &message)
		}
	}
}

func TestShellWord(t *testing.T) {
	for s, want := range map[string]string{
		"http://127.0.0.1:8080": "http://127.0.0.1:8080", "": "''", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "a b": "'a b'",
		"<token>": "'<token>'", "[::1]": "'[::1]'", "a\nb": "'a\nb'",
	} {
		if got := shellWord(s); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}

// A message names the setting once, wherever the value is.
func TestMessagesNameTheSettingOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	for flag, want := range map[string]string{
		"speed=x": `"x" is unknown: use instant, fast or realistic`, "progression=x": `"x" is unknown: use time, immediate, manual, or reads:N with N from 1 to 1000000`,
		"cors-origin=x": `"x": use scheme and host alone`, "max-body=-1": "limit -1: use at least 1 byte", "workspace-budget=1": `"1" is too small: use at least 1MiB, or off`,
		"fixture=x": `"x" is not a fixture: use default`, "durations=x=5s": `"x": there is no such action`, "durations=create=-5s": "create is -5s: use 0 to 366 days",
		"key=": "is empty", "key=sky_live_x": "looks like a production key", "admin-token=x": "must have 16 to 255 visible", "secret-salt=a b": "must have at most 255 visible",
		"journal=1": "1 bytes: use at least 65536", "rate-limit=x": `"x" is unknown: use on or off`, "control=x": `"x" is unknown: use on or off`,
	} {
		name, value, _ := strings.Cut(flag, "=")
		for origin, args := range map[string][]string{"--" + name: {"env", "--" + flag}, variable(name): {"env"}} {
			var environ []string
			if len(args) == 1 {
				environ = []string{variable(name) + "=" + value}
			}
			var out, message strings.Builder
			code := Run(args, environ, &out, &message)
			if value == "" && environ != nil { // an empty variable is as none
				continue
			}
			if code != exitUsage || !strings.HasPrefix(message.String(), program+": "+origin+": "+want) {
				t.Errorf("%s: exit code %d, %q, want %s: %s", origin, code, &message, origin, want)
			}
		}
	}
	if err := os.WriteFile("f.yaml", []byte("speed: slow\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, message strings.Builder
	if code := Run([]string{"env", "--config=f.yaml"}, nil, &out, &message); code != exitUsage || !strings.HasPrefix(message.String(), program+`: f.yaml:1:8: speed: "slow" is unknown: `) {
		t.Errorf("exit code %d, %q", code, &message)
	}
}

// A suggestion differs from the written word by few slips; short words get few suggestions.
func TestHint(t *testing.T) {
	commands := []string{"ca", "clock", "completion", "deliveries", "env", "healthcheck", "help", "key", "listen", "requests", "reset", "serve", "snapshot", "test", "token", "trigger", "version", "webhooks"}
	for written, want := range map[string]string{
		"y": "", "up": "", "ls": "", "set": "", "get": "", "foo": "", "run": "", "list": "", "banana": "", "rate": "",
		"kye": " (did you mean key?)", "rest": " (did you mean reset or test?)", "sevre": " (did you mean serve?)", "Clock": " (did you mean clock?)", "wehbook": " (did you mean webhooks?)",
	} {
		if got := hint(written, commands...); got != want {
			t.Errorf("%s: %q, want %q", written, got, want)
		}
	}
	if got, want := hint("--rate", "--rate-limit", "--rate-limit-scope", "--seed"), " (did you mean --rate-limit or --rate-limit-scope?)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The banner describes the settings in words (S73).
func TestDescriptions(t *testing.T) {
	now := time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC)
	for got, want := range map[string]string{
		describeClock(emulator.Clock{Mode: emulator.RealClock}):              "real",
		describeClock(emulator.Clock{Mode: emulator.ScaledClock, Scale: 60}): "scaled, 60 times as fast as the wall clock",
		describeClock(emulator.Clock{Mode: emulator.FrozenClock, Now: now}):  "frozen, from 2026-03-19T10:22:44Z",
		describeLimits(nil): "off",
		describeLimits(&emulator.RateLimit{PerMinute: 5, PerDay: -1}):               "5 requests a minute for each key",
		describeLimits(&emulator.RateLimit{PerMinute: -1, PerDay: 7, Shared: true}): "7 requests a day for all keys of a workspace together",
		describeQuota(emulator.Unlimited):                                           "off",
		describeReset(0):                                                            "never",
		baseURL(&net.TCPAddr{IP: net.IPv4zero, Port: 1}):                            "http://127.0.0.1:1",
		baseURL(&net.TCPAddr{Port: 1}):                                              "http://127.0.0.1:1",
		baseURL(&net.TCPAddr{IP: net.IPv6loopback, Port: 1}):                        "http://[::1]:1",
		baseURL(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 1}):                   "http://10.0.0.7:1",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// When the banner cannot be written, the server does not start.
func TestBannerMustBeWritten(t *testing.T) {
	var message strings.Builder
	if code := Run([]string{"--listen=127.0.0.1:0"}, nil, brokenPipe{}, &message); code != exitFailure || !strings.Contains(message.String(), "standard output") {
		t.Errorf("exit code %d, message %q", code, &message)
	}
}

type brokenPipe struct{}

// Write implements io.Writer.
func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// The help has room for everything.
func TestHelpFits(t *testing.T) {
	var out strings.Builder
	if err := run([]string{"--help"}, nil, &out, &out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if len(line)-1 > helpWidth {
			t.Errorf("too long: %q", line)
		}
	}
	for _, s := range settings() {
		if s.kind != fileOnly && !strings.Contains(out.String(), "  --"+s.name) {
			t.Errorf("nothing about --%s", s.name)
		}
	}
}
