package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"

	"skystack.dev/sandbox/emulator"
)

// hostile is what a name may hold: the beginning of an escape sequence in seven and
// in eight bits, a title, characters that reverse a line, and what a shell expands.
const hostile = "\x1b[31m\u009b2J\x1b]0;owned\a\u202e\u2066\u200f\x7f\x00\b'\"$(id)`id`\\"

// hasControl reports whether the text contains characters that control a terminal.
func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return isControl(r) && r != '\n' && r != '\t' })
}

// Only characters that control a terminal are escaped.
func TestScreen(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"a\tb\n":                         "a\tb\n",
		"größe 漢字 👩\u200d💻\u00a0…":       "größe 漢字 👩\u200d💻\u00a0…",
		"\x1b[31mred\x1b[0m":             `\u001b[31mred\u001b[0m`,
		"a\rb\a\b\v\x7f\x00":             `a\rb\u0007\u0008\u000b\u007f\u0000`,
		"\u009b2J\u0085":                 `\u009b2J\u0085`,
		"\u202eabc\u2066\u200e\u061c":    `\u202eabc\u2066\u200e\u061c`,
		"a\u2028b\u2029":                 `a\u2028b\u2029`,
		"\U000e0041":                     `\udb40\udc41`,
		"\x9b2J":                         "\uFFFD2J",
		"\xff\xc3":                       "\uFFFD\uFFFD",
		`{"name":"\u202e\\"}` + "\u202e": `{"name":"\u202e\\"}\u202e`,
	} {
		for name, from := range map[string]io.Reader{"at once": strings.NewReader(in), "byte by byte": iotest.OneByteReader(strings.NewReader(in))} {
			var out bytes.Buffer
			s := &screen{to: &out}
			if n, err := io.Copy(s, from); err != nil || n != int64(len(in)) {
				t.Fatal(n, err)
			}
			s.end()
			if out.String() != want {
				t.Errorf("%q %s: %q, want %q", in, name, out.String(), want)
			}
		}
	}
	if got := visible("a\nb\tc"); got != `a\nb\tc` {
		t.Errorf("on one line: %q", got)
	}
}

// JSON that is shown on a screen stays what it is.
func FuzzScreen(f *testing.F) {
	for _, s := range []string{hostile, "plain", "\U000e0001", "\xff", "a\\\u202e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var plain, shown bytes.Buffer
		for _, to := range []io.Writer{&plain, &screen{to: &shown}} {
			if err := printJSON(to, map[string]string{"name": s}); err != nil {
				t.Fatal(err)
			}
		}
		var want, got map[string]string
		if err := json.Unmarshal(plain.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(shown.Bytes(), &got); err != nil || got["name"] != want["name"] {
			t.Fatalf("%q came back as %q: %v", want["name"], got["name"], err)
		}
		if hasControl(shown.String()) || hasControl(visible(s)) {
			t.Fatalf("%q controls the terminal: %q and %q", s, shown.String(), visible(s))
		}
	})
}

// A shell reads back what was quoted for it, whatever that is, and what is printed
// controls no terminal.
func TestShellWordRoundTrip(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	for _, value := range []string{
		"plain", "", " ", "two words", "it's", `"double"`, "$HOME", "`id`", "$(id)", `back\slash\`, "a\nb", "tab\there", "!history", "~", "*", "a;b&c|d>e",
		"\x9b2J", "\u009b2J", "\u202ereversed", "\x1b[31m", "\xff\xfe", "\r", "\x7f", "'\x1b'", "\uFFFD", "größe", strings.ReplaceAll(hostile, "\x00", ""),
	} {
		for name, line := range map[string]string{
			"env": exports([]string{"SKYSTACK_API_TOKEN=" + value}), "ca": trustVariable{name: "SKYSTACK_API_TOKEN"}.line(value),
		} {
			if hasControl(line) {
				t.Errorf("%s: %q controls the terminal", name, line)
			}
			var shown bytes.Buffer
			if _, err := io.WriteString(&screen{to: &shown}, line); err != nil || shown.String() != line {
				t.Errorf("%s: a screen shows %q as %q", name, line, shown.String())
			}
			cmd := exec.Command(sh, "-c", `eval "$0"; printf %s "$SKYSTACK_API_TOKEN"`, line)
			got, err := cmd.CombinedOutput()
			if err != nil || string(got) != value {
				t.Errorf("%s: %q came back as %q (%v) from %q", name, value, got, err, line)
			}
		}
	}
}

// Commands print what a server says of keys, and why it refuses, but obey none of it.
func TestHostileAPI(t *testing.T) {
	text, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	key := `{"id":` + string(text) + `,"name":` + string(text) + `,"status":"active","scopes":[` + string(text) + `],"expires_at":` + string(text) + `,"secret":SECRET}`
	for _, tc := range []struct {
		name, answer string
		status       int
		args         []string
		code         int
	}{
		{"a list", `{"data":[` + key + `]}`, 200, []string{"token", "list"}, 0},
		{"a list in JSON", `{"data":[` + key + `]}`, 200, []string{"token", "list", "--output=json"}, 0},
		{"a new key", strings.ReplaceAll(key, "SECRET", `"sky_test_1"`), 201, []string{"token", "create", "--name=x"}, 0},
		{"a new key in JSON", strings.ReplaceAll(key, "SECRET", `"sky_test_1"`), 201, []string{"token", "create", "--name=x", "--output=json"}, 0},
		{"a new key for a shell", strings.ReplaceAll(key, "SECRET", `"$(id)"`), 201, []string{"token", "create", "--name=x", "--output=env"}, 0},
		{"a key that is none", strings.ReplaceAll(key, "SECRET", string(text)), 201, []string{"token", "create", "--name=x", "--output=env"}, 1},
		{"two lines", strings.ReplaceAll(key, "SECRET", `"a\nPATH=/tmp"`), 201, []string{"token", "create", "--name=x", "--output=env"}, 1},
		{"a refusal", `{"error":{"code":` + string(text) + `,"message":` + string(text) + `}}`, 403, []string{"token", "list"}, 1},
		{"no API", hostile, 500, []string{"token", "list"}, 1},
		{"no API at the control API", hostile, 500, []string{"clock"}, 1},
		{"a refusal of the control API", `{"error":{"code":` + string(text) + `,"message":` + string(text) + `}}`, 403, []string{"requests"}, 1},
		{"an id of one's own", "", 500, []string{"token", "revoke", hostile[:8]}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, strings.ReplaceAll(tc.answer, "SECRET", "null"))
			}))
			defer s.Close()
			var stdout, stderr bytes.Buffer
			if code := Run(append(tc.args, "--url="+s.URL, "--key=mine"), nil, &stdout, &stderr); code != tc.code {
				t.Errorf("exit code %d, want %d: %q", code, tc.code, stderr.String())
			}
			if out := stdout.String() + stderr.String(); hasControl(out) || out == "" {
				t.Errorf("it prints %q", out)
			}
		})
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.ReplaceAll(key, "SECRET", `"it's$(id)"`))
	}))
	defer s.Close()
	var stdout, stderr bytes.Buffer
	Run([]string{"token", "create", "--name=x", "--output=env", "--url=" + s.URL, "--key=mine"}, nil, &stdout, &stderr)
	if got := stdout.String(); got != `SKYSTACK_API_TOKEN='it'\''s$(id)'`+"\n" {
		t.Errorf("it prints %q, %q", got, stderr.String())
	}
}

// What clients put into a sandbox is shown by every command that shows it, and obeyed
// by no terminal.
func TestHostileWorkspace(t *testing.T) {
	e := emulator.Start(t)
	text, err := json.Marshal("\x1b[31m\u009b2J\u202e")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]string{
		{"/v1/instances", `{"name":"web","region":"eu-central","size":"standard-2","metadata":{"note":` + string(text) + `}}`},
		{"/v1/projects", `{"name":"p","description":` + string(text) + `}`},
		{"/v1/%1b%5b31m%c2%9b2J%e2%80%ae", `{}`},
		{"/v1/instances", `{` + string(text) + `:1}`},
	} {
		resp, err := send(e, r[0], r[1])
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	for _, args := range [][]string{{"requests"}, {"requests", "--output=json"}, {"snapshot", "dump"}, {"clock", "agenda"}, {"trigger", "instance.running"}, {"deliveries"}} {
		var stdout, stderr bytes.Buffer
		if code := Run(append(args, "--url="+e.URL()), nil, &stdout, &stderr); code != 0 {
			t.Errorf("%v: exit code %d: %s", args, code, stderr.String())
		}
		if out := stdout.String() + stderr.String(); hasControl(out) {
			t.Errorf("%v prints %q", args, out)
		}
	}
}

func send(e *emulator.Emulator, path, body string) (*http.Response, error) {
	r, err := http.NewRequest(http.MethodPost, e.URL()+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+e.Key())
	r.Header.Set("Content-Type", "application/json")
	return http.DefaultClient.Do(r)
}
