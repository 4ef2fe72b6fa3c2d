package cli

import (
	"os/exec"
	"strings"
	"testing"
)

// The line that repeats the run keeps references to variables, hides what is secret,
// and is one that a shell reads.
func TestDiscreet(t *testing.T) {
	const key = "sky_test_LocalSandboxDefaultKey000000003FyOq4"
	for _, tc := range []struct {
		name  string
		words []string
		want  string
	}{
		{"a variable", []string{"sh", "-c", `curl -H "Authorization: Bearer $X" $URL; exit 1`}, `sh -c 'curl -H "Authorization: Bearer $X" $URL; exit 1'`},
		{"in braces", []string{"sh", "-c", `curl -H "authorization: bearer ${SKYSTACK_API_TOKEN}"`}, `sh -c 'curl -H "authorization: bearer ${SKYSTACK_API_TOKEN}"'`},
		{"a key", []string{"sh", "-c", "curl -H 'X: Bearer " + key + "' /v1", "next"}, `sh -c 'curl -H '\''X: Bearer sky_test_… /v1' next`},
		{"a header", []string{"curl", "-H", "Authorization: Basic YTpi", "/v1"}, `curl -H 'Authorization: …' /v1`},
		{"a variable and a key", []string{"sh", "-c", `curl -H "Authorization: Bearer $X" ?token=hunter22`}, `sh -c 'curl -H "Authorization: …'`},
		{"a variable in a cookie", []string{`Cookie: a="Bearer $X" hunter22`, "b"}, `'Cookie: …' b`},
		{"a variable that goes on", []string{"Bearer $X-hunter22"}, `'Bearer …'`},
		{"two words", []string{"x", "Bearer", "hunter22", "y"}, `x Bearer … y`},
		{"more words", []string{"x", "Authorization:", "Basic", "hunter22"}, `x Authorization: …`},
		{"an announced word", []string{"Authorization: Bearer", "hunter22"}, `'Authorization: …`},
		{"a variable behind a word", []string{"Bearer", "Bearer $X"}, `Bearer …`},
		{"nothing", []string{"go", "test", "./..."}, `go test ./...`},
	} {
		got := withoutSecrets(nil, tc.words)
		if got != tc.want || strings.Contains(got, "hunter22") || strings.Contains(got, key) {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
		if tc.name == "an announced word" {
			continue // what two words make up together ends with the line
		}
		if out, err := exec.Command("sh", "-n", "-c", got).CombinedOutput(); err != nil {
			t.Errorf("%s: a shell does not read %s: %s", tc.name, got, out)
		}
	}
}
