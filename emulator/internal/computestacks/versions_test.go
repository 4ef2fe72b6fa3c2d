package computestacks

import (
	"fmt"
	"testing"
)

// TestVersionsOfRequests covers C2: which versions the Accept header may name, alone and
// before everything else.
func TestVersionsOfRequests(t *testing.T) {
	r := newRig(t)
	for accept, deprecated := range map[string]string{
		"": "", "*/*": "", "application/json": "", "application/json; api_version=60": "", "application/json; api_version=60;": "", "application/json;api_version=60": "",
		"application/json; api_version=abc": "", "application/json; api_version=": "", "text/html, application/json; api_version=60": "", "application/*; api_version=60": "",
		"application/json; api_version=51": "true", "application/json; api_version=52;": "true", "application/json; api_version=53; q=0.5": "true",
		"application/json; api_version=54": "true",
	} {
		a := r.get("/api/version", "Accept", accept).wants(200)
		if got := a.Header.Get("Api-Deprecated"); got != deprecated || a.Header.Get("Api-Version-Supported") != "" {
			t.Errorf("%q: API-Deprecated is %q", accept, got)
		}
	}
	for _, version := range []string{"0", "1", "40", "50", "55", "59", "61", "62", "65", "70", "71", "80", "99", "600", "99999999999999999999"} {
		for _, auth := range []string{r.auth, "", basic("x", "y"), "Bearer x"} {
			for _, path := range []string{"/api/version", "/api/users", "/api/auth"} {
				method := "GET"
				if path == "/api/auth" {
					method = "POST"
				}
				a := r.as(auth).send(method, path, nil, "Accept", fmt.Sprintf("application/json; api_version=%s;", version))
				a.refused(422, fmt.Sprintf("You requested an unsupported version (%s)", version))
				if a.Header.Get("Api-Version-Supported") != "false" || a.Header.Get("Api-Deprecated") != "" {
					t.Errorf("%s: the headers are %v", version, a.Header)
				}
			}
		}
	}
	// Only Accept names a version.
	r.get("/api/version?api_version=99", "Api-Version", "99").wants(200)
	// Responses that are no success say it as well, but for those without a caller.
	const old = "application/json; api_version=54"
	if a := r.get("/api/event_logs/9", "Accept", old).wants(404); a.Header.Get("Api-Deprecated") != "true" {
		t.Errorf("the headers of a 404 are %v", a.Header)
	}
	for _, auth := range []string{"", basic("x", "y")} {
		if a := r.as(auth).get("/api/version", "Accept", old); a.Header.Get("Api-Deprecated") != "" {
			t.Errorf("the headers of a %d are %v", a.Status, a.Header)
		}
	}
}

// TestVersionRoute covers C3: who may read the versions.
func TestVersionRoute(t *testing.T) {
	r := newRig(t)
	const body = `{"version":"6.0.0","api_latest_version":"60","api_available_versions":[51,52,53,54,60]}`
	r.get("/api/version").is(200, body)
	r.get("/api/version", "Accept", "application/json; api_version=51").is(200, body)
	r.token(0, "public").get("/api/version").is(200, body)
	r.token(2, "order_read", "public").get("/api/version").is(200, body)
	r.token(0, "register").get("/api/version").wants(403)
	r.as("").get("/api/version").wants(403)
}
