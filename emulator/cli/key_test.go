package cli

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// A fresh key is printed in each of the formats that the README names.
func TestKeyNewFormats(t *testing.T) {
	printed := func(args ...string) string {
		t.Helper()
		var out, message strings.Builder
		if code := Run(append([]string{"key", "new"}, args...), nil, &out, &message); code != exitOK || message.Len() != 0 {
			t.Fatalf("%v: exit code %d, %q", args, code, &message)
		}
		return out.String()
	}
	const key = `sky_test_[0-9A-Za-z]{36}`
	for format, want := range map[string]string{
		"text": `^` + key + `\n$`,
		"json": `^\{"token":"` + key + `"\}\n$`,
		"yaml": `^keys:\n  - token: ` + key + `\n$`,
		"env":  `^SKYSTACK_SANDBOX_KEY=(` + key + `)\nSKYSTACK_API_TOKEN=(` + key + `)\n$`,
	} {
		got := printed("--output=" + format)
		found := regexp.MustCompile(want).FindStringSubmatch(got)
		if found == nil || format == "env" && found[1] != found[2] {
			t.Errorf("%s: %q", format, got)
		}
	}
	details := []string{"--name=ci", "--scope=instances:read", "--workspace=wsp_other", "--environment=staging", "--expires-in=1h"}
	var one keySnippet
	if err := json.Unmarshal([]byte(printed(append(details, "--output=json")...)), &one); err != nil {
		t.Fatal(err)
	}
	var file map[string][]keySnippet
	if err := yaml.Unmarshal([]byte(printed(append(details, "--output=yaml")...)), &file); err != nil || len(file["keys"]) != 1 {
		t.Fatal(file, err)
	}
	for _, k := range []keySnippet{one, file["keys"][0]} {
		if k.Token == "" || k.Name != "ci" || strings.Join(k.Scopes, " ") != "instances:read" || k.Workspace != "wsp_other" || k.Environment != "staging" || k.ExpiresAt == "" {
			t.Errorf("got %+v", k)
		}
	}
	for _, format := range []string{"text", "env"} {
		var out, message strings.Builder
		if code := Run([]string{"key", "new", "--name=ci", "--output=" + format}, nil, &out, &message); code != exitUsage || out.Len() != 0 ||
			!strings.Contains(message.String(), "add --output=yaml or --output=json") {
			t.Errorf("%s: exit code %d, %q, %q", format, code, &out, &message)
		}
	}
}
