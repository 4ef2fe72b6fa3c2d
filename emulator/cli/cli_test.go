package cli

import (
	"errors"
	"net"
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
		{"--speed quick", 2, `speed "quick" is unknown`},
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
		{"clock advance", 2, "say how far, in one way"},
		{"clock advance 3s --next", 2, "say how far, in one way"},
		{"clock advance 3s 4s", 2, "clock advance takes no further argument; got 4s"},
		{"clock advance soon", 2, `"soon" is not a duration ahead`},
		{"clock advance --to=noon", 2, `--to: "noon" is not a time`},
		{"clock set", 2, "say what to change"},
		{"clock set --mode=fast", 2, `--mode: "fast" is unknown`},
		{"clock set --mode=frozen --scale=2", 2, "--scale: there is no scale with a clock that is frozen"},
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
		{"requests --last=-1", 2, "--last: -1 is not a number of requests"},
		{"requests --operation=x --unmatched", 2, "--unmatched: no request is without"},
		{"snapshot", 2, "snapshot is followed by diff, dump, load or save"},
		{"snapshot save", 2, "FILE is missing: write " + program + " snapshot save FILE"},
		{"snapshot load nowhere.json", 2, "open nowhere.json"},
		{"snapshot save .", 2, ".: not a file"},
		{"snapshot diff - -", 2, "standard input holds one file"},
		{"test", 2, "name the command to run"},
		{"test --", 2, "name the command to run"},
		{"test --speed=quick -- true", 2, `speed "quick" is unknown`},
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
		{"key new --scope=instances:read", 2, "--output=text prints the key alone, without its name, scopes and the rest"},
		{"requests --since=-1", 2, `--since: "-1" is not a whole number from 0 on`},
		{"requests --last=few", 2, `--last: "few" is not a whole number`},
		{"requests --follow=maybe", 2, `--follow: "maybe" is unknown`},
		{"token create", 2, "--name is missing: write --name=TEXT"},
		{"token rotate", 2, "ID is missing: write " + program + " token rotate ID"},
		{"token rotate tok_1 --overlap=-1h", 2, "--overlap: -1h0m0s is not a time to come in whole seconds"},
		{"key new --output=xml", 2, `--output: "xml" is unknown`},
		{"key new --expires-in=soon", 2, `--expires-in: "soon" is not a duration`},
		{"--speed=fast version", 2, "unknown flag --speed"},
		{"--listen=127.0.0.1:9 env", 0, "export SKYSTACK_BASE_URL=http://127.0.0.1:9\n"},
		{"--version --speed=quick", 0, program + " " + emulator.Version},
		{"completion bash", 0, "complete "},
	} {
		var out, faults strings.Builder
		code := Run(strings.Fields(tc.args), nil, &out, &faults)
		if code != tc.code || !strings.Contains(out.String()+faults.String(), tc.want) {
			t.Errorf("%q: exit code %d, output %q, message %q", tc.args, code, &out, &faults)
		}
		if (code == 0) == (out.Len() == 0) || (code == 0) != (faults.Len() == 0) {
			t.Errorf("%q: exit code %d with output %q and message %q", tc.args, code, &out, &faults)
		}
		for line := range strings.Lines(faults.String()) {
			if !strings.HasPrefix(line, program+": ") || !strings.HasSuffix(line, "\n") {
				t.Errorf("%q: a line of the message does not say whose it is: %q", tc.args, line)
			}
		}
	}
}

// A message repeats what was typed, but for secrets (S24, S74).
func TestMessagesHoldNoSecret(t *testing.T) {
	const secret = "0000000000000000000000000000002LWGSy"
	for _, args := range [][]string{
		{"sky_live_" + secret}, {"--sky_live_" + secret}, {"--key=sky_live_" + secret}, {"--speed=sky_live_" + secret},
		{"--listen=sky_live_" + secret}, {"--durations=sky_live_" + secret}, {"--fixture=sky_live_" + secret}, {"--config=sky_live_" + secret},
		{"clock", "--key=sky_live_" + secret}, {"clock", "sky_live_" + secret}, {"requests", "--status=sky_live_" + secret}, {"--admin-token=" + secret[:15]},
	} {
		var out, faults strings.Builder
		if code := Run(args, nil, &out, &faults); code != exitUsage || strings.Contains(out.String()+faults.String(), secret[:15]) {
			t.Errorf("%s: exit code %d, %s", args[0][:8], code, &faults)
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

// The banner says in words what is on (S73).
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

// Nobody reads the banner: the server does not pretend to run.
func TestBannerMustBeWritten(t *testing.T) {
	var faults strings.Builder
	if code := Run([]string{"--listen=127.0.0.1:0"}, nil, brokenPipe{}, &faults); code != exitFailure || !strings.Contains(faults.String(), "standard output") {
		t.Errorf("exit code %d, message %q", code, &faults)
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
