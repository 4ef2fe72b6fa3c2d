package skystack_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// exampleOperation is an operation of the contract as its examples show it.
type exampleOperation struct {
	*openapi3.Operation
	method, path string
}

// exampleOperations lists all operations by their id.
func exampleOperations(t *testing.T) (all []exampleOperation) {
	t.Helper()
	root, err := wire.Root()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(root, "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			all = append(all, exampleOperation{op, method, path})
		}
	}
	slices.SortFunc(all, func(a, b exampleOperation) int { return strings.Compare(a.OperationID, b.OperationID) })
	return all
}

// bodies are the examples of the request's body as JSON; one that is empty for none.
func (o exampleOperation) bodies(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	if o.RequestBody != nil {
		for name, example := range o.RequestBody.Value.Content["application/json"].Examples {
			text, err := json.Marshal(example.Value.Value)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = string(text)
		}
	}
	if len(all) == 0 {
		all["none"] = ""
	}
	return all
}

// request is the operation with the examples of its parameters, all of them or those
// of the path alone. The objects that the path names are those of the workspace.
func (o exampleOperation) request(t *testing.T, ids map[string]string, all bool) (path string, headers []string) {
	t.Helper()
	path = o.path
	query := url.Values{}
	for _, ref := range o.Parameters {
		p := ref.Value
		if p.In == "path" {
			collection, _, _ := strings.Cut(strings.TrimPrefix(path, "/v1/"), "/{"+p.Name+"}")
			id, ok := ids[collection[strings.LastIndex(collection, "/")+1:]]
			if !ok {
				t.Fatalf("%s: no object of %s was made", o.OperationID, collection)
			}
			path = strings.Replace(path, "{"+p.Name+"}", id, 1)
			continue
		}
		if !all || p.Example == nil {
			continue
		}
		values, several := p.Example.([]any)
		if !several {
			values = []any{p.Example}
		}
		var texts []string
		for _, v := range values {
			texts = append(texts, fmt.Sprint(v))
		}
		switch {
		case p.In == "header":
			headers = append(headers, p.Name, texts[0])
		case several && p.Explode != nil && !*p.Explode:
			query.Set(p.Name, strings.Join(texts, ","))
		default:
			query[p.Name] = texts
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path, headers
}

// exampleWorkspace is a workspace that has one of everything, at a moment.
func exampleWorkspace(t *testing.T, at time.Time) (s *wire.Server, ids map[string]string) {
	t.Helper()
	s = wire.Start(t, emulator.WithFixture("docs"), emulator.WithClock(emulator.Clock{Mode: emulator.AutoClock, Now: at}), emulator.WithWebhookTransport(&inbox{}))
	ids = map[string]string{"projects": "prj_web", "regions": "us-east-1", "audit-logs": ""}
	ids["instances"] = s.Post("/v1/instances", `{"name":"web-1","region":"us-east-1","size":"standard-2","project_id":"prj_web","autoscale":true}`).Wants(201).Text("id")
	i := s.Get("/v1/instances/"+ids["instances"]).Wants(200).Has("status", "running")
	ids["autoscale-policies"] = i.Text("autoscale_policy.id")
	ids["actions"] = s.Get("/v1/instances/" + ids["instances"] + "/actions").Wants(200).Text("data.0.id")
	s.Get("/v1/actions/"+s.Post("/v1/instances/"+ids["instances"]+"/actions", `{"type":"snapshot"}`).Wants(202).Text("id")).Wants(200).Has("status", "completed")
	ids["images"] = s.Get("/v1/images?custom=true").Wants(200).Text("data.0.slug")
	ids["profiles"] = s.Post("/v1/profiles", `{"slug":"odd","vcpus":3,"memory_mb":3072,"disk_gb":10}`).Wants(201).Text("slug")
	ids["sizes"] = ids["profiles"]
	ids["tokens"] = s.Post("/v1/tokens", `{"name":"ci"}`).Wants(201).Text("id")
	ids["webhooks"] = s.Post("/v1/projects/prj_web/webhooks", `{"url":"http://127.0.0.1:3000/hooks","event_types":["*"]}`).Wants(201).Text("id")
	ids["deliveries"] = s.Post("/v1/webhooks/"+ids["webhooks"]+"/test", "").Wants(202).Text("id")
	ids["events"] = s.Get("/v1/events").Wants(200).Text("data.0.id")
	ids["jobs"] = s.Post("/v1/jobs", `{"name":"night","project_id":"prj_web","trigger":{"every":"1h"},"action":{"type":"reboot","target":{"labels":{"none":"has"}}}}`).Wants(201).Text("id")
	ids["runs"] = s.Post("/v1/jobs/"+ids["jobs"]+"/run", "").Wants(202).Text("id")
	s.Get("/v1/instances/"+ids["instances"]).Wants(200).Has("status", "running")
	return s, ids
}

// send sends an example. Where the instance must be stopped, or an empty project or
// default is asked for, it makes it so first.
func (o exampleOperation) send(s *wire.Server, ids map[string]string, path, body string, headers []string) *wire.Reply {
	r := s.Send(o.method, path, body, headers...)
	if code, _ := r.Find("error.code"); code == "instance_not_stopped" || code == "invalid_state" && strings.Contains(body, `"start"`) {
		s.Post("/v1/instances/"+ids["instances"]+"/actions", `{"type":"stop"}`).Wants(202)
		s.Get("/v1/instances/"+ids["instances"]).Wants(200).Has("status", "stopped")
		r = s.Send(o.method, path, body, headers...)
	}
	return r
}

// Every example of a body is accepted, whatever day it is, and so are the examples of
// all parameters together.
func TestExamplesAreAccepted(t *testing.T) {
	days := []time.Time{
		time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC), time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC), time.Date(2090, 12, 31, 0, 0, 0, 0, time.UTC),
	}
	sent := 0
	for _, o := range exampleOperations(t) {
		bodies := o.bodies(t)
		for _, name := range slices.Sorted(maps.Keys(bodies)) {
			for _, day := range days {
				for _, all := range []bool{false, true} {
					if all && day != days[0] && day != days[3] || !all && o.RequestBody == nil && day != days[0] {
						continue
					}
					t.Run(fmt.Sprintf("%s/%s/%d/%v", o.OperationID, name, day.Year(), all), func(t *testing.T) {
						s, ids := exampleWorkspace(t, day)
						o.prepare(s, ids)
						path, headers := o.request(t, ids, all)
						r := o.send(s, ids, path, bodies[name], headers)
						if r.Status < 200 || r.Status > 299 {
							t.Errorf("%s %s %s %q: %d %s", o.method, path, bodies[name], headers, r.Status, r.Body)
						}
					})
					sent++
				}
			}
		}
	}
	if sent < 200 {
		t.Errorf("only %d examples were sent", sent)
	}
}

// prepare makes what an operation needs besides one of everything.
func (o exampleOperation) prepare(s *wire.Server, ids map[string]string) {
	switch o.OperationID {
	case "deleteProject":
		ids["projects"] = s.Post("/v1/projects", `{"name":"short"}`).Wants(http.StatusCreated).Text("id")
	case "deleteImage":
	}
}
