package skystack_test

import (
	"regexp"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// Numbers, objects and states that no row can have are refused, by the name of their
// table (10.2 row 12).
func TestLoadChecksNumbersAndObjects(t *testing.T) {
	r, file := stored(t)
	for _, c := range []struct{ table, old, replacement, want string }{
		{"deliveries", `"tries": \d+`, `"tries": -5`, "-5 tries"},
		{"deliveries", `"tries": \d+`, `"tries": 999`, "999 tries"},
		{"instances", `"version": \d+`, `"version": 0`, "version: is 0, not within 1 to 1073741824"},
		{"instances", `"labels": \{[^}]*\}`, `"labels": 5`, "labels: must be an object of strings"},
		{"instances", `"metadata": \{[^}]*\}`, `"metadata": 5`, "metadata: must be an object"},
		{"instances", `"pending_action": "act_[^"]*"`, `"pending_action": ""`, "without a pending action"},
		{"events", `"type": "instance\.[a-z]*"`, `"type": "instance.none"`, `type "instance.none" is unknown`},
		{"deliveries", `"attempts": \[\s*\{`, `"attempts": [{"status": 7}, {`, "an attempt's status 7 is not an HTTP status"},
		{"addresses", `"id": "10\.0\.0\.1"`, `"id": "::1"`, `"::1" is not an IPv4 address`},
	} {
		head, rest, found := strings.Cut(file, `"name": "`+c.table+`",`)
		at := regexp.MustCompile(c.old).FindStringIndex(rest)
		if !found || at == nil {
			t.Errorf("%s: %s is not in the file", c.table, c.old)
			continue
		}
		broken := head + `"name": "` + c.table + `",` + rest[:at[0]] + c.replacement + rest[at[1]:]
		if _, err := engine.Load(r.schema, strings.NewReader(broken)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %s: got %v, want %s", c.table, c.replacement, err, c.want)
		}
	}
}
