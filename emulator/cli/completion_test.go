package cli

import (
	"slices"
	"strings"
	"testing"
)

// completed returns the words that a shell gets for the last given one. The shell itself
// selects the values that begin with it.
func completed(t *testing.T, words []string) string {
	t.Helper()
	var out, message strings.Builder
	if code := Run(append([]string{"__completeNoDesc"}, words...), nil, &out, &message); code != exitOK {
		t.Fatalf("%q: exit code %d, %s", words, code, &message)
	}
	offered, _, ok := strings.Cut("\n"+out.String(), "\n:")
	if !ok {
		t.Fatalf("%q: %s", words, &out)
	}
	return strings.Join(strings.Fields(offered), " ")
}

func TestComplete(t *testing.T) {
	const commands = "ca clock completion deliveries env healthcheck help key listen requests reset serve snapshot test token trigger version webhooks"
	for _, tc := range []struct {
		words string // _ stands for nothing yet
		want  string
	}{
		{"_", commands},
		{"sn", "snapshot"},
		{"xyz", ""},
		{"clock _", "advance agenda set show"},
		{"clock ad", "advance"},
		{"clock --url http://localhost _", "advance agenda set show"},
		{"clock advance --un", "--until-idle"},
		{"clock advance --u", "--url --until-idle"},
		{"clock set --mode _", "real scaled frozen auto"},
		{"clock set --mode=f", "real scaled frozen auto"},
		{"key new --sc", "--scope"},
		{"--sp", "--speed"},
		{"--speed _", "instant fast realistic"},
		{"--speed r", "instant fast realistic"},
		{"--speed=", "instant fast realistic"},
		{"--strict --catalog _", "strict open"},
		{"--quota _", "off"},
		{"--fixture _", "default docs empty"},
		{"--config _", ""},
		{"--progression _", "time immediate manual"},
		{"--nothing _", ""},
		{"--nothing=x", ""},
		{"test --clock _", "real scaled frozen auto"},
		{"test --clock auto -- _", ""},
		{"test go _", ""},
		{"test go --", ""},
		{"completion _", "bash fish powershell zsh"},
		{"completion z", "zsh"},
		{"completion zsh _", ""},
		{"requests -f --st", "--status"},
		{"requests -n 3 --st", "--status"},
		{"snapshot save _", ""},
		{"version _", ""},
		{"help _", commands},
		{"help clock ad", "advance"},
		{"requests --output _", "text json"},
		{"ca --output=p", "text pem env"},
		{"token list --status _", "active expired revoked"},
		{"deliveries --status _", "queued delivering waiting succeeded exhausted abandoned"},
		{"requests --status _", "1xx 2xx 3xx 4xx 5xx"},
		{"deliveries --webhook _", ""},
		{"trigger instance.running _", ""},
	} {
		words := strings.Fields(strings.ReplaceAll(tc.words, "_", ""))
		if strings.HasSuffix(tc.words, "_") {
			words = append(words, "")
		}
		if got := completed(t, words); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.words, got, tc.want)
		}
	}
}

// Operations, events, codes and scopes are completed by the names that the API knows.
func TestCompleteNames(t *testing.T) {
	for line, want := range map[string]string{
		"requests --operation": "createInstance", "requests --code": "rate_limited", "trigger": "instance.running", "deliveries --event": "instance.*",
		"listen --events": "instance.*", "token create --scope": "instances:read", "key new --scope": "instances:read",
	} {
		if got := strings.Fields(completed(t, append(strings.Fields(line), ""))); !slices.Contains(got, want) {
			t.Errorf("%s: %s is not among %q", line, want, got)
		}
	}
}

// Whatever is on the line, completion neither fails nor panics.
func FuzzComplete(f *testing.F) {
	for _, line := range []string{"", "clock\nadvance\n--u", "--speed\n=\nf", "test\n--\ngo", "-n\n1", "--=\n", "=\n=", "--a\n:\n:\n", "help\n--\n-h"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var out, message strings.Builder
		if code := Run(append([]string{"__complete"}, strings.Split(line, "\n")...), nil, &out, &message); code != exitOK || !strings.Contains("\n"+out.String(), "\n:") {
			t.Fatalf("%q: exit code %d, %s, %s", line, code, &out, &message)
		}
	})
}
