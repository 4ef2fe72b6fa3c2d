package computestacks

import (
	"os"
	"strings"
	"testing"
)

// TestVersion covers C2 and C3.
func TestVersion(t *testing.T) {
	r := newRig(t)
	r.get("/api/version").is(200, `{"version":"6.0.0","api_latest_version":"60","api_available_versions":[51,52,53,54,60]}`)
	r.get("/api/version", "Accept", "application/json; api_version=60;").wants(200)
	if got := r.get("/api/version", "Accept", "application/json; api_version=54").wants(200).Header.Get("Api-Deprecated"); got != "true" {
		t.Errorf("API-Deprecated is %q", got)
	}
	for _, auth := range []string{r.auth, "", "Basic eDp5"} {
		a := r.as(auth).get("/api/version", "Accept", "application/json; api_version=65;")
		a.refused(422, "You requested an unsupported version (65)")
		if got := a.Header.Get("Api-Version-Supported"); got != "false" {
			t.Errorf("API-Version-Supported is %q", got)
		}
	}
	r.as("").get("/api/version").wants(403)
	r.as(basic("x", "y")).get("/api/version").refused(401, "Not Authorized")
	r.as("Bearer x").get("/api/version").refused(403, "The access token is invalid")
	r.token(1, "public").get("/api/version").wants(200)
	r.token(1, "dns_read").get("/api/version").refused(403, "The access token lacks the scope: this needs public.")
	r.get("/api/nothing").refused(404, "Unknown API Call. Please check the documentation.")
	r.post("/api/version", nil).refused(404, "Unknown API Call. Please check the documentation.")
}

// TestDocument covers C1.
func TestDocument(t *testing.T) {
	r := newRig(t).as("")
	if a := r.get("/api/openapi.json").wants(200); a.text("info.version") != "60" || a.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%s %.80s", a.Header.Get("Content-Type"), a.Body)
	}
	text, err := os.ReadFile("openapi.yaml")
	if a := r.get("/api/openapi.yaml").wants(200); err != nil || a.Body != strings.TrimSpace(string(text)) {
		t.Errorf("%v: %.80s", err, a.Body)
	}
}
