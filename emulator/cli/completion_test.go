package cli

import (
	"os/exec"
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	for _, tc := range []struct {
		words string // _ stands for nothing yet
		want  string
	}{
		{"_", "serve test env healthcheck clock reset snapshot requests listen deliveries trigger webhooks key token completion version help"},
		{"sn", "snapshot"},
		{"xyz", ""},
		{"clock _", "show advance set agenda"},
		{"clock ad", "advance"},
		{"clock --url http://localhost _", "show advance set agenda"},
		{"clock advance --un", "--until-idle"},
		{"clock advance --u", "--url --until-idle"},
		{"clock set --mode _", "real scaled frozen auto"},
		{"clock set --mode=f", "--mode=frozen"},
		{"key new --sc", "--scope"},
		{"--sp", "--speed"},
		{"--speed _", "instant fast realistic"},
		{"--speed r", "realistic"},
		{"--speed=", "--speed=instant --speed=fast --speed=realistic"},
		{"--strict --catalog _", "strict open"},
		{"--quota _", "off"},
		{"--fixture _", "default docs empty"},
		{"--config _", ""},
		{"--progression _", "time immediate manual"},
		{"--nothing _", "serve test env healthcheck clock reset snapshot requests listen deliveries trigger webhooks key token completion version help"},
		{"--nothing=x", ""},
		{"test --clock _", "real scaled frozen auto"},
		{"test --clock auto -- _", ""},
		{"test go _", ""},
		{"test go --", ""},
		{"completion _", "bash zsh fish"},
		{"completion z", "zsh"},
		{"completion zsh _", ""},
		{"requests -f --st", "--status"},
		{"requests -n 3 --st", "--status"},
		{"snapshot save _", ""},
		{"version _", ""},
		{"help _", "serve test env healthcheck clock reset snapshot requests listen deliveries trigger webhooks key token completion version"},
		{"help clock ad", "advance"},
		{"requests --output _", "text json"},
		{"ca --output=p", "--output=pem"},
	} {
		words := strings.Fields(strings.ReplaceAll(tc.words, "_", ""))
		if strings.HasSuffix(tc.words, "_") {
			words = append(words, "")
		}
		found, err := candidates(words)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range found {
			if c.word != "ca" {
				got = append(got, c.word)
			}
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: got %q, want %s", tc.words, got, tc.want)
		}
	}
}

// Each shell hears it in its own way.
func TestCompleteForAShell(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"bash", "--speed", "=", "f"}, "fast\n"},
		{[]string{"bash", "--speed", "="}, "instant\nfast\nrealistic\n"},
		{[]string{"bash", "--speed=f"}, "--speed=fast\n"},
		{[]string{"bash", "--listen", "=", "127.0.0.1", ":", "0", "ver"}, "version\n"},
		{[]string{"zsh", "ver"}, "version:Print the version\n"},
		{[]string{"zsh", "--speed=f"}, "--speed=fast\n"},
		{[]string{"fish", "ver"}, "version\tPrint the version\n"},
		{[]string{"fish"}, "serve\t"},
		{nil, ""},
	} {
		var out strings.Builder
		if err := run(append([]string{completeCommand}, tc.args...), nil, &out, &out); err != nil || !strings.HasPrefix(out.String(), tc.want) || (tc.want == "") != (out.Len() == 0) {
			t.Errorf("%q: got %q, %v, want %q", tc.args, &out, err, tc.want)
		}
	}
}

// bash understands its script. The program it asks is one that echoes.
func TestBashScript(t *testing.T) {
	const check = `
skystack-sandbox() { printf '%s\n' "$@"; }
COMP_WORDS=(skystack-sandbox clock 'a b'); COMP_CWORD=2
_skystack_sandbox
printf '<%s>' "${COMPREPLY[@]}"
complete -p skystack-sandbox
`
	out, err := exec.Command("bash", "--norc", "-c", scripts["bash"]+check).CombinedOutput()
	const want = "<__complete><bash><clock><a b>complete -o bashdefault -o default -F _skystack_sandbox skystack-sandbox\n"
	if err != nil || string(out) != want {
		t.Errorf("%v, got %s, want %s", err, out, want)
	}
}

// Whatever is on the line, what is offered continues it.
func FuzzComplete(f *testing.F) {
	for _, line := range []string{"", "clock\nadvance\n--u", "--speed\n=\nf", "test\n--\ngo", "-n\n1", "--=\n", "=\n=", "--a\n:\n:\n"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Split(line, "\n")
		found, err := candidates(words)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range found {
			if !strings.HasPrefix(c.word, words[len(words)-1]) {
				t.Fatalf("%q after %q", c.word, words)
			}
		}
		whole, from := unsplit(words)
		if len(whole) > 0 && !strings.HasPrefix(whole[len(whole)-1], from) || strings.Join(whole, "") != strings.Join(words, "") {
			t.Fatalf("%q became %q, %q", words, whole, from)
		}
	})
}
