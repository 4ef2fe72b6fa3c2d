package emulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// projectBoundary is what an operation is to a key that is bound to a project.
type projectBoundary struct {
	// own is the status of the operation about objects of the project, and body what
	// is sent; objects in it are written as in paths.
	own  int
	body string
	// missing is the code of the 404 that the same about objects of another project
	// is; "" for an operation that names no object.
	missing string
	// list marks one whose page shows objects of the project alone.
	list bool
	// forbidden marks one that is 403 project_forbidden whatever it names.
	forbidden bool
	// free marks one that all projects share, so that it names none.
	free bool
}

// boundaries is every operation of the contract.
func boundaries() map[string]projectBoundary {
	const (
		instance = `{"name":"web","region":"eu-central","size":"standard-1"}`
		hook     = `{"url":"http://receiver.test/","event_types":["instance.*"]}`
		job      = `{"name":"j","trigger":{"every":"1h"},"action":{"type":"reboot","target":{"instance_ids":["{instance}"]}}}`
		size     = `{"slug":"own-1","name":"Own","vcpus":1,"memory_mb":1024,"disk_gb":10}`
	)
	rows := map[string]projectBoundary{
		"getAction":             {own: 200, missing: "action_not_found"},
		"listAutoscalePolicies": {own: 200, list: true},
		"getAutoscalePolicy":    {own: 200, missing: "autoscale_policy_not_found"},
		"listAutoscaleHistory":  {own: 200, missing: "autoscale_policy_not_found"},
		"listProjects":          {own: 200, list: true},
		"createProject":         {forbidden: true, body: `{"name":"p"}`},
		"getProject":            {own: 200, missing: "project_not_found"},
		"updateProject":         {own: 200, missing: "project_not_found", body: `{"description":"d"}`},
		"deleteProject":         {own: 409, missing: "project_not_found"}, // it has instances
		"listJobs":              {own: 200, list: true},
		"createJob":             {own: 201, body: job},
		"getJob":                {own: 200, missing: "job_not_found"},
		"updateJob":             {own: 200, missing: "job_not_found", body: `{"name":"k"}`},
		"deleteJob":             {own: 204, missing: "job_not_found"},
		"runJob":                {own: 202, missing: "job_not_found"},
		"listJobRuns":           {own: 200, missing: "job_not_found"},
		"getJobRun":             {own: 200, missing: "job_not_found"},
		"listEvents":            {own: 200, list: true},
		"getEvent":              {own: 200, missing: "event_not_found"},
		"streamEvents":          {own: 200},
		"getQuota":              {forbidden: true},
		"listAuditLogs":         {forbidden: true},
		"listAudit":             {forbidden: true},
		"createToken":           {own: 201, body: `{"name":"t"}`},
		"listTokens":            {own: 200, list: true},
		// Of tokens it may use its own: see TestBoundKeysAndTokens.
		"getToken":      {own: 200, free: true},
		"revokeToken":   {own: 204, free: true},
		"rotateToken":   {own: 201, free: true},
		"createProfile": {forbidden: true, body: size},
		"createSize":    {forbidden: true, body: size},
		"deleteProfile": {forbidden: true},
		"deleteSize":    {forbidden: true},
		"deleteImage":   {forbidden: true},
	}
	for _, name := range []string{"listRegions", "getRegion", "listProfiles", "getProfile", "listSizes", "getSize", "listImages", "getImage"} {
		rows[name] = projectBoundary{own: 200, free: true}
	}
	for _, family := range []string{"Instance", "ComputeInstance"} {
		rows["list"+family+"s"] = projectBoundary{own: 200, list: true}
		rows["create"+family] = projectBoundary{own: 201, body: instance}
		rows["get"+family] = projectBoundary{own: 200, missing: "instance_not_found"}
		rows["update"+family] = projectBoundary{own: 200, missing: "instance_not_found", body: `{"labels":{"a":"b"}}`}
		rows["delete"+family] = projectBoundary{own: 204, missing: "instance_not_found"}
		rows["list"+family+"Actions"] = projectBoundary{own: 200, missing: "instance_not_found"}
		rows["create"+family+"Action"] = projectBoundary{own: 202, missing: "instance_not_found", body: `{"type":"reboot"}`}
		rows["get"+family+"Metrics"] = projectBoundary{own: 200, missing: "instance_not_found"}
		rows["get"+family+"Health"] = projectBoundary{own: 200, missing: "instance_not_found"}
	}
	for _, in := range []string{"", "Workspace"} {
		missing := "webhook_not_found"
		if in == "" { // below a project, which is looked for first
			missing = "project_not_found"
			rows["listWebhooks"] = projectBoundary{own: 200, missing: missing}
			rows["createWebhook"] = projectBoundary{own: 201, missing: missing, body: hook}
		} else {
			rows["listWorkspaceWebhooks"] = projectBoundary{own: 200, list: true}
			rows["createWorkspaceWebhook"] = projectBoundary{own: 201, body: hook}
		}
		rows["get"+in+"Webhook"] = projectBoundary{own: 200, missing: missing}
		rows["update"+in+"Webhook"] = projectBoundary{own: 200, missing: missing, body: `{"description":"d"}`}
		rows["delete"+in+"Webhook"] = projectBoundary{own: 204, missing: missing}
		rows["rotate"+in+"WebhookSecret"] = projectBoundary{own: 200, missing: missing}
		rows["test"+in+"Webhook"] = projectBoundary{own: 202, missing: missing}
		rows["list"+in+"Deliveries"] = projectBoundary{own: 200, missing: missing}
		rows["get"+in+"Delivery"] = projectBoundary{own: 200, missing: missing}
		rows["replay"+in+"Delivery"] = projectBoundary{own: 202, missing: missing}
	}
	return rows
}

// operation is one of the contract.
type operation struct{ method, path string }

// boundOperations lists those of the contract that need a key.
func boundOperations(t *testing.T, s *wire.Server) map[string]operation {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(s.Get("/openapi.json").Wants(200).Body, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]operation{}
	for path, item := range doc.Paths {
		for method, raw := range item {
			var op struct {
				ID    string `json:"operationId"`
				Scope string `json:"x-scope"`
			}
			if json.Unmarshal(raw, &op) == nil && op.ID != "" && op.Scope != "" {
				out[op.ID] = operation{strings.ToUpper(method), path}
			}
		}
	}
	if len(out) < 70 {
		t.Fatalf("only %d operations", len(out))
	}
	return out
}

// acceptingReceiver is a receiver that accepts everything.
type acceptingReceiver struct{}

// RoundTrip implements http.RoundTripper.
func (acceptingReceiver) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 204, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
}

// twoProjects is a workspace with objects of every kind in two projects, and a key
// that is bound to one of them.
type twoProjects struct {
	root, bound  *wire.Server
	key          string            // the id of the bound key
	mine, theirs map[string]string // ids by the kind of object
}

func startTwo(t *testing.T) twoProjects {
	t.Helper()
	e := emulator.Start(t, emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}), emulator.WithSpeed("instant"), emulator.WithWebhookTransport(acceptingReceiver{}))
	w := twoProjects{root: wire.In(t, e)}
	objects := func(project string) map[string]string {
		w.root.Post("/v1/webhooks", `{"project_id":"`+project+`","url":"http://receiver.test/","event_types":["*"]}`).Wants(201)
		i := w.root.Post("/v1/instances", `{"name":"led","region":"eu-central","size":"standard-1","project_id":"`+project+`","autoscale":true}`).Wants(201)
		job := w.root.Post("/v1/jobs", `{"name":"j","project_id":"`+project+`","trigger":{"every":"1h"},"action":{"type":"reboot","target":{"instance_ids":["`+i.Text("id")+`"]}}}`).Wants(201).Text("id")
		if err := e.Advance(0); err != nil {
			t.Fatal(err)
		}
		run := w.root.Post("/v1/jobs/"+job+"/run", "").Wants(202).Text("id")
		if err := e.FlushWebhooks(t.Context()); err != nil {
			t.Fatal(err)
		}
		hooks := w.root.Get("/v1/projects/" + project + "/webhooks").Wants(200)
		hook := hooks.Text("data.0.id")
		return map[string]string{
			"project": project, "instance": i.Text("id"), "job": job, "run": run, "webhook": hook,
			"policy":   w.root.Get("/v1/instances/" + i.Text("id")).Wants(200).Text("autoscale_policy.id"),
			"action":   w.root.Get("/v1/instances/" + i.Text("id") + "/actions").Wants(200).Text("data.0.id"),
			"event":    w.root.Get("/v1/events?project_id=" + project).Wants(200).Text("data.0.id"),
			"delivery": w.root.Get("/v1/webhooks/" + hook + "/deliveries").Wants(200).Text("data.0.id"),
			"region":   "eu-central", "profile": "standard-1", "image": "debian-12", "token": "tok_default",
		}
	}
	w.mine, w.theirs = objects("prj_data"), objects("prj_web")
	made := w.root.Post("/v1/tokens", `{"name":"bound","project_id":"prj_data"}`).Wants(201)
	w.key, w.bound = made.Text("id"), w.root.As(made.Text("secret"))
	w.mine["token"] = w.key
	return w
}

// namedIn says what the parameter of a path is called, by the collection before it.
var namedIn = map[string]string{
	"instances": "instance", "actions": "action", "autoscale-policies": "policy", "projects": "project", "webhooks": "webhook", "deliveries": "delivery",
	"jobs": "job", "runs": "run", "events": "event", "tokens": "token", "regions": "region", "profiles": "profile", "sizes": "profile", "images": "image",
}

// about is a path with the ids of some objects.
func about(path string, ids map[string]string) string {
	parts := strings.Split(path, "/")
	for n, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[n] = ids[namedIn[parts[n-1]]]
		}
	}
	return strings.Join(parts, "/")
}

// A key that is bound to a project is a boundary, whatever the operation: of its own
// project it sees and does everything, those of others do not exist, naming another is
// refused, and what concerns the whole workspace is forbidden (S13).
func TestBoundKeyAndEveryOperation(t *testing.T) {
	rows := boundaries()
	all := boundOperations(t, wire.In(t, emulator.Start(t)))
	for name := range rows {
		if _, ok := all[name]; !ok {
			t.Errorf("the contract has no operation %s", name)
		}
	}
	for name, op := range all {
		t.Run(name, func(t *testing.T) {
			row, ok := rows[name]
			if !ok {
				t.Fatalf("what %s %s is to a key that is bound to a project is not in the table: add it", op.method, op.path)
			}
			w := startTwo(t)
			send := func(path, body string, headers ...string) *wire.Reply {
				return w.bound.Send(op.method, path, body, headers...)
			}
			body := strings.ReplaceAll(row.body, "{instance}", w.mine["instance"])
			path, changes := about(op.path, w.mine), op.method != http.MethodGet
			if row.forbidden {
				send(path, body).Refused(403, "project_forbidden")
				send(path+"?project_id="+w.mine["project"], body).Wants(403)
				return
			}
			if row.missing != "" {
				send(about(op.path, w.theirs), body).Refused(404, row.missing)
				if inner := strings.Replace(about(op.path, w.theirs), w.theirs["project"], w.mine["project"], 1); strings.Count(op.path, "{") > 1 && inner != about(op.path, w.theirs) {
					send(inner, body).Refused(404, "webhook_not_found") // of another project than the path says
				}
			}
			for _, foreign := range []string{w.theirs["project"], "prj_none"} {
				want, code := 404, "project_not_found"
				if changes {
					want, code = 403, "project_forbidden"
				}
				send(path, body, "SkyStack-Project", foreign).Refused(want, code)
				send(path+"?project_id="+foreign, body).Refused(want, code)
				if changes && strings.HasPrefix(body, "{") {
					send(path, `{"project_id":"`+foreign+`",`+body[1:]).Refused(403, "project_forbidden")
				}
			}
			got := send(path, body, "SkyStack-Project", w.mine["project"]).Wants(row.own)
			if row.list {
				w.onlyMine(t, name, got)
			}
		})
	}
}

// onlyMine wants a page that shows the project alone, and something of it.
func (w twoProjects) onlyMine(t *testing.T, name string, page *wire.Reply) {
	t.Helper()
	member := "project_id"
	if name == "listProjects" {
		member = "id"
	}
	projects := page.Strings("data", member)
	if name == "listTokens" {
		if ids := page.Strings("data", "id"); !slices.Equal(ids, []string{w.key}) {
			t.Errorf("it lists the tokens %v", ids)
		}
	}
	if len(projects) == 0 || slices.ContainsFunc(projects, func(p string) bool { return p != w.mine["project"] }) {
		t.Errorf("it lists objects of the projects %v", projects)
	}
	for kind, id := range w.theirs { // but for the key that made an object, which is named in it
		if kind != "token" && id != w.mine[kind] && strings.Contains(string(page.Body), `"`+id+`"`) {
			t.Errorf("it shows the %s %s", kind, id)
		}
	}
}

// Of tokens a bound key may use its own, and make others for its project.
func TestBoundKeysAndTokens(t *testing.T) {
	w := startTwo(t)
	for _, op := range []operation{{"GET", ""}, {"DELETE", ""}, {"POST", "/rotate"}} {
		for _, id := range []string{"tok_default", "tok_none"} {
			w.bound.Send(op.method, "/v1/tokens/"+id+op.path, "").Refused(403, "project_forbidden")
		}
	}
	w.bound.Post("/v1/tokens", `{"name":"child"}`).Wants(201).Has("project_id", w.mine["project"])
	w.bound.Get("/v1/tokens/"+w.key).Wants(200).Has("project_id", w.mine["project"])
	next := w.bound.Post("/v1/tokens/"+w.key+"/rotate", "").Wants(201).Has("project_id", w.mine["project"])
	w.bound.Delete("/v1/tokens/" + w.key).Wants(204)
	w.bound.Get("/v1/instances").Refused(401, "token_revoked")
	w.bound.As(next.Text("secret")).Get("/v1/instances/"+w.theirs["instance"]).Refused(404, "instance_not_found")
}

// A job of a bound key acts on no instance of another project, and its stream tells
// of none.
func TestBoundKeyReachesNothingByAJob(t *testing.T) {
	w := startTwo(t)
	foreign := []string{w.theirs["instance"], "ins_web01"}
	before := []string{}
	for _, id := range foreign {
		before = append(before, string(w.root.Get("/v1/instances/"+id).Wants(200).Body))
	}
	ran := 0
	for _, target := range []string{`{"instance_ids":["` + w.theirs["instance"] + `"]}`, `{"labels":{"role":"web"}}`} {
		made := w.bound.Post("/v1/jobs", `{"name":"reach","trigger":{"every":"1h"},"action":{"type":"stop","target":`+target+`}}`)
		if made.Status == 201 { // or it is refused at once
			ran++
			w.bound.Post("/v1/jobs/"+made.Text("id")+"/run", "").Wants(202)
		}
	}
	for n, id := range foreign {
		if after := string(w.root.Get("/v1/instances/" + id).Wants(200).Body); after != before[n] {
			t.Errorf("%d jobs made of %s\n%s", ran, before[n], after)
		}
	}
	if ran == 0 {
		t.Error("no job ran")
	}
}

// The scope of an idempotency key includes the project that a key is bound to.
func TestIdempotencyWithinTheBoundary(t *testing.T) {
	w := startTwo(t)
	const body = `{"name":"once","region":"eu-central","size":"standard-1"}`
	first := w.root.Post("/v1/instances", body, "Idempotency-Key", "k").Wants(201).Has("project_id", "prj_web")
	w.root.Post("/v1/instances", body, "Idempotency-Key", "k").Wants(201).Has("id", first.Text("id")).Header("Idempotent-Replayed", "true")
	mine := w.bound.Post("/v1/instances", body, "Idempotency-Key", "k").Wants(201).Has("project_id", w.mine["project"]).Header("Idempotent-Replayed", "")
	w.bound.Post("/v1/instances", body, "Idempotency-Key", "k").Wants(201).Has("id", mine.Text("id")).Header("Idempotent-Replayed", "true")
}

// A bound key controls nothing of the sandbox.
func TestBoundKeyControlsNothing(t *testing.T) {
	e := emulator.Start(t, emulator.WithKey(emulator.Key{Token: "root"}), emulator.WithKey(emulator.Key{Token: "bound", Project: "prj_data"}))
	public := []string{"/_sandbox/openapi.json", "/_sandbox/openapi.yaml", "/_sandbox/ca.pem"}
	for _, c := range controlCalls(t, e) {
		if slices.Contains(public, c.path) {
			continue
		}
		c.path = strings.ReplaceAll(c.path, "{id}", "x")
		status, _, body := ask(t, e, c, "bound", "")
		if status != 403 || !strings.Contains(body, `"code":"project_forbidden"`) {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, body)
		}
	}
}
