package control

import (
	"strings"
	"testing"
)

// stackExchanges has every operation about the ComputeStacks API.
func stackExchanges() []testRequest {
	const (
		stackUserBody      = `{"id":1,"fname":"Dana","lname":"W","email":"d@x.test","created_at":"2026-03-19T10:22:44Z","updated_at":"2026-03-19T10:22:44Z"}`
		stackProjectBody   = `{"id":1,"user_id":1,"name":"shop","status":"ok","created_at":"2026-03-19T10:22:44Z","updated_at":"2026-03-19T10:22:44Z"}`
		stackServiceBody   = `{"id":1,"user_id":1,"project_id":1,"image_id":3,"name":"calm-bohr1","label":"nginx","created_at":"2026-03-19T10:22:44Z","updated_at":"2026-03-19T10:22:44Z"}`
		stackContainerBody = `{"id":1,"user_id":1,"project_id":1,"service_id":1,"name":"calm-bohr1-1","status":"running","req_state":"running","created_at":"2026-03-19T10:22:44Z","updated_at":"2026-03-19T10:22:44Z"}`
		stackOrderBody     = `{"id":"o-1","user_id":1,"status":"pending","created_at":"2026-03-19T10:22:44Z","updated_at":"2026-03-19T10:22:44Z"}`
		stackEventBody     = `{"id":1,"locale":"container.stop","event_code":"0b264bd661e2d449","status":"running","description":"Stopping","created_at":"2026-03-19T10:22:44Z","updated_at":"2026-03-19T10:22:44Z"}`
		at                 = "/_sandbox/computestacks/"
	)
	page := func(body string) string { return `{"data":[` + body + `],"next_cursor":null}` }
	return []testRequest{
		{operation: "getStackCredentials", request: "GET " + at + "credentials", status: 200, answer: `{"username":"u","password":"p","client_id":"c","client_secret":"s","redirect_uri":"http://127.0.0.1/callback"}`},
		{operation: "createStackApplication", request: "POST " + at + "applications", body: `{"name":"app","redirect_uris":["https://app.test/cb"],"scopes":["public"],"confidential":true}`, status: 201,
			answer: `{"client_id":"c2","client_secret":"s2"}`, calls: []string{`a.CreateApplication {"name":"app","redirect_uris":["https://app.test/cb"],"scopes":["public"],"confidential":true}`}, fails: true},
		{operation: "renewStackCredentials", request: "POST " + at + "users/1/api_credentials", body: `{}`, status: 201, answer: `{"username":"u2","password":"p2"}`, calls: []string{"a.RenewCredentials 1"}, fails: true},
		{operation: "renewStackCredentials", request: "POST " + at + "users/1/api_credentials", status: 201, answer: `{"username":"u2","password":"p2"}`, calls: []string{"a.RenewCredentials 1"}, fails: true},
		{operation: "listStackUsers", request: "GET " + at + "users", status: 200, answer: page(stackUserBody)},
		{operation: "createStackUser", request: "POST " + at + "users", body: `{"fname":"Ana","lname":"Ruiz","email":"a@x.test"}`, status: 201, answer: stackUserBody, calls: []string{`a.CreateUser {"fname":"Ana","lname":"Ruiz","email":"a@x.test"}`}, fails: true},
		{operation: "getStackUser", request: "GET " + at + "users/1", status: 200, answer: stackUserBody},
		{operation: "updateStackUser", request: "PATCH " + at + "users/1", body: `{"container_quota":0}`, status: 200, answer: stackUserBody, calls: []string{`a.UpdateUser 1 {"container_quota":0}`}, fails: true},
		{operation: "listStackProjects", request: "GET " + at + "projects", status: 200, answer: page(stackProjectBody)},
		{operation: "createStackProject", request: "POST " + at + "projects", body: `{"name":"shop"}`, status: 201, answer: stackProjectBody, calls: []string{`a.CreateProject {"name":"shop"}`}, fails: true},
		{operation: "getStackProject", request: "GET " + at + "projects/1", status: 200, answer: stackProjectBody},
		{operation: "updateStackProject", request: "PATCH " + at + "projects/1", body: `{"name":"store"}`, status: 200, answer: stackProjectBody, calls: []string{`a.UpdateProject 1 {"name":"store"}`}, fails: true},
		{operation: "listStackServices", request: "GET " + at + "services", status: 200, answer: page(stackServiceBody)},
		{operation: "createStackService", request: "POST " + at + "services", body: `{"project_id":1,"image_id":3}`, status: 201, answer: stackServiceBody, calls: []string{`a.CreateService {"project_id":1,"image_id":3}`}, fails: true},
		{operation: "getStackService", request: "GET " + at + "services/1", status: 200, answer: stackServiceBody},
		{operation: "updateStackService", request: "PATCH " + at + "services/1", body: `{"label":"front"}`, status: 200, answer: stackServiceBody, calls: []string{`a.UpdateService 1 {"label":"front"}`}, fails: true},
		{operation: "listStackContainers", request: "GET " + at + "containers", status: 200, answer: page(stackContainerBody)},
		{operation: "createStackContainer", request: "POST " + at + "containers", body: `{"service_id":1,"status":"error"}`, status: 201, answer: stackContainerBody, calls: []string{`a.CreateContainer {"service_id":1,"status":"error"}`}, fails: true},
		{operation: "getStackContainer", request: "GET " + at + "containers/1", status: 200, answer: stackContainerBody},
		{operation: "updateStackContainer", request: "PATCH " + at + "containers/1", body: `{"status":"error"}`, status: 200, answer: stackContainerBody, calls: []string{`a.UpdateContainer 1 {"status":"error"}`}, fails: true},
		{operation: "listStackOrders", request: "GET " + at + "orders", status: 200, answer: page(stackOrderBody)},
		{operation: "createStackOrder", request: "POST " + at + "orders", body: `{"project_name":"blog","containers":[{"image_id":3,"product_id":1,"params":{"a":"b"}}]}`, status: 201, answer: stackOrderBody,
			calls: []string{`a.CreateOrder {"project_name":"blog","containers":[{"image_id":3,"product_id":1,"params":{"a":"b"}}]}`}, fails: true},
		{operation: "getStackOrder", request: "GET " + at + "orders/o-1", status: 200, answer: stackOrderBody},
		{operation: "updateStackOrder", request: "PATCH " + at + "orders/o-1", body: `{"status":"failed"}`, status: 200, answer: stackOrderBody, calls: []string{`a.UpdateOrder o-1 {"status":"failed"}`}, fails: true},
		{operation: "listStackEvents", request: "GET " + at + "events", status: 200, answer: page(stackEventBody)},
		{operation: "getStackEvent", request: "GET " + at + "events/1", status: 200, answer: stackEventBody},
		{operation: "finishStackEvent", request: "POST " + at + "events/1/finish", status: 200, answer: stackEventBody, calls: []string{"a.Finish 1"}, fails: true},
		{operation: "failStackEvent", request: "POST " + at + "events/1/fail", body: `{"reason":"full"}`, status: 200, answer: stackEventBody, calls: []string{`a.Fail 1 "full"`}, fails: true},
		{operation: "failStackEvent", request: "POST " + at + "events/1/fail", status: 200, answer: stackEventBody, calls: []string{`a.Fail 1 ""`}, fails: true},
	}
}

// An object that is not there is a 404 that names it.
func TestNoSuchStackObject(t *testing.T) {
	r := newTestServer(t)
	for _, tc := range []struct{ method, path, body string }{
		{"GET", "users/2", ""}, {"GET", "users/01", ""}, {"GET", "users/x", ""}, {"PATCH", "users/2", `{"fname":"A"}`}, {"POST", "users/2/api_credentials", ""},
		{"GET", "projects/2", ""}, {"PATCH", "projects/2", `{"name":"A"}`}, {"GET", "services/2", ""}, {"PATCH", "services/2", `{"label":"A"}`},
		{"GET", "containers/2", ""}, {"PATCH", "containers/2", `{"status":"error"}`}, {"GET", "orders/2", ""}, {"PATCH", "orders/2", `{"status":"failed"}`},
		{"GET", "events/2", ""}, {"POST", "events/2/finish", ""}, {"POST", "events/2/fail", ""},
	} {
		kind, _, _ := strings.Cut(tc.path, "s/")
		r.send(t, tc.method, "/_sandbox/computestacks/"+tc.path, keyA, tc.body).refused(t, 404, kind+"_not_found")
	}
	if calls := r.takeCalls(); len(calls) > 0 {
		t.Errorf("calls %q", calls)
	}
}
