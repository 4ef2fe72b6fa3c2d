package computestacks

import (
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/finding"
)

// A client that goes on with refused credentials, or misspells a member, is told so among
// the findings.
func TestFindings(t *testing.T) {
	var log finding.Log
	r := newRig(t, func(c *Config) { c.Findings = &log })
	for range 20 {
		r.as("Bearer unknown").get("/api/projects").wants(403)
	}
	r.post("/api/container_registry", `{"container_registry":{"lable":"x"}}`).wants(201)
	all := ""
	for _, f := range log.All() {
		all += f.Code + ": " + f.Message + "\n"
	}
	for _, want := range []string{
		"retries_after_401: a client sent 20 requests in 0s with a token that is refused (forbidden): it should stop and refresh it",
		"unknown_parameter: createContainerRegistry was sent a misspelt member of the body, which is ignored: container_registry.lable is not known here (did you mean container_registry.label?).",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%s\nlacks %s", all, want)
		}
	}
}
