package computestacks

import (
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/limit"
)

// TestBodiesRefused covers C12: bodies that cannot be read, or lack their object, are a
// 400.
func TestBodiesRefused(t *testing.T) {
	r := newRig(t)
	const path = "/api/zones/1/collaborators"
	const wrapper = "param is missing or the value is empty: collaborator"
	for name, at := range map[string]struct {
		body any
		want string
	}{
		"none":        {nil, "The body is empty; send a JSON object."},
		"broken":      {`{"a`, "The JSON value breaks off: line 1, column 4."},
		"repeated":    {`{"a":1,"a":2}`, "A member is given twice: line 1, column 8."},
		"two values":  {`{} {}`, "After the JSON value there is more; send one value: line 1, column 3."},
		"array":       {`[{"collaborator":{}}]`, "The body must be a JSON object, not an array."},
		"null":        {`null`, "The body must be a JSON object, not null."},
		"text":        {`"collaborator"`, "The body must be a JSON object, not a string."},
		"no object":   {`{}`, wrapper},
		"not wrapped": {`{"user_email":"sam@example.test"}`, wrapper},
		"null inside": {`{"collaborator":null}`, wrapper},
		"text inside": {`{"collaborator":"sam"}`, wrapper},
		"list inside": {`{"collaborator":[]}`, wrapper},
	} {
		t.Run(name, func(*testing.T) { r.post(path, at.body).refused(400, at.want) })
	}
	for _, media := range []string{"text/plain", "application/xml", ""} {
		r.post(path, `{}`, "Content-Type", media).refused(400, "The body must be JSON in UTF-8: send the header Content-Type: application/json.")
	}
	r.post(path, `{"collaborator":{"user_email":"sam@example.test"}}`, "Content-Type", "application/json; charset=utf-8").wants(201)
	r.post(path, `{"a":"`+strings.Repeat("x", 1<<20)+`"}`).refused(413, "The body is larger than 1048576 bytes.")
}

// TestErrors covers C11, C14 and C16: the form of errors, paths and media types that do
// not exist, and members that do not count.
func TestErrors(t *testing.T) {
	r := newRig(t)
	for _, at := range [][2]string{
		{"GET", "/api/"}, {"GET", "/api/nothing"}, {"GET", "/api/users/ssh_keys/"}, {"GET", "/api/projects/1/nothing/2"}, {"DELETE", "/api/users"}, {"PUT", "/api/users"},
		{"POST", "/api/version"}, {"GET", "/api/auth"}, {"PATCH", "/api/subscriptions/1"}, {"POST", "/api/projects"}, {"TRACE", "/api/users"},
	} {
		for _, auth := range []string{r.auth, "", basic("x", "y")} {
			a := r.as(auth).send(at[0], at[1], nil)
			a.refused(404, "Unknown API Call. Please check the documentation.")
			if a.Header.Get("Content-Type") != "application/json; charset=utf-8" || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Request-Id") == "" || a.Header.Get("Allow") != "" {
				t.Errorf("%v: the headers are %v", at, a.Header)
			}
		}
	}
	for _, accept := range []string{"text/html", "application/xml", "application/json;q=0", "image/*"} {
		r.get("/api/users", "Accept", accept).refused(406, "This is answered in application/json only, which the Accept header rules out.")
	}
	r.get("/api/users", "Accept", "text/html, */*;q=0.1").wants(200)
	r.get("/api/users?nonsense=1&page=x").wants(200)
	r.post("/api/zones/1/collaborators", `{"nonsense":1,"collaborator":{"user_email":"sam@example.test","active":true,"id":7}}`).wants(201)
	r.user(2).get("/api/zones/1/collaborators").wants(404) // active did not count
}

// TestValidation covers C13: violations of the contract are worded like those that the
// product finds itself, and all of them are listed.
func TestValidation(t *testing.T) {
	panel := newRig(t).token(0, "register")
	for name, at := range map[string]struct {
		user string
		want []string
	}{
		"absent": {`{}`, []string{"Fname can't be blank", "Lname can't be blank"}},
		"empty":  {`{"fname":"","lname":""}`, []string{"Fname can't be blank", "Lname can't be blank"}},
		"null":   {`{"fname":null,"lname":"x"}`, []string{"Fname can't be blank"}},
	} {
		t.Run(name, func(t *testing.T) {
			panel.post("/api/users", `{"provider_server":"h","provider_username":"x","user":`+at.user+`}`).refused(422, at.want...)
		})
	}
}

// TestRateLimit covers C8.
func TestRateLimit(t *testing.T) {
	two := 2
	r := newRig(t, func(c *Config) {
		c.Limits = func(*engine.Tx) credential.Limits {
			return credential.Limits{Limited: true, Policy: limit.Policy{PerMinute: &two}}
		}
	})
	r.get("/api/users").wants(200)
	r.get("/api/event_logs/1").wants(404)
	a := r.get("/api/users")
	a.refused(429, "Throttled: too many requests; the next one is served in 60 s.")
	for name, want := range map[string]string{"Ratelimit-Limit": "2", "Ratelimit-Remaining": "0", "Ratelimit-Reset": "1768478460", "Retry-After": "60"} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	r.advance(60e9)
	r.get("/api/users").wants(200)
}

// A dry run is refused, since its sender expects no effect (C16).
func TestDryRun(t *testing.T) {
	r := newRig(t)
	a := r.post("/api/container_registry?dry_run=true", `{"container_registry":{}}`).wants(400)
	if !strings.Contains(a.Body, "dry_run is not served for POST /api/container_registry: nothing was done.") {
		t.Error(a.Body)
	}
	r.post("/api/container_registry?dryrun=true", `{"container_registry":{}}`).wants(400)
	r.get("/api/container_registry?dry_run=false&other=1").is(200, `{"container_registries":[]}`)
}
