package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/retry"

	"skystack.dev/sandbox/emulator"
)

// attributes are what a configuration says of a resource, by path, as
// network.subnet.
type attributes map[string]any

// kind is a type of resources as a provider describes it.
type kind struct {
	collection string
	// defaults are the optional attributes; those that are neither here nor in a
	// configuration are what the cloud makes them.
	defaults attributes
	fixed    []string // attributes that only a new resource can have
}

func kinds() map[string]kind {
	return map[string]kind{
		"instance": {"/v1/instances", attributes{
			"labels": map[string]any{}, "metadata": map[string]any{}, "autoscale": false, "network.subnet": nil, "network.public_ip": false,
			"network.firewall_ids": []any{}, "storage": []any{},
		}, []string{"region", "size", "image"}},
		"project": {"/v1/projects", attributes{"description": "", "environment": ""}, nil},
		"webhook": {"/v1/webhooks", attributes{
			"description": "", "signature_format": "body_hex", "timeout_ms": 10000, "max_in_flight": 1, "honor_410": false, "auto_disable_after_seconds": nil,
			"insecure_tls": false, "status": "enabled", "sandbox.duplicates": 0, "sandbox.delay_seconds": 0,
		}, []string{"project_id"}},
		"job": {"/v1/jobs", attributes{"enabled": true, "condition": nil, "concurrency": "skip"}, []string{"project_id"}},
	}
}

// tool is a client as infrastructure-as-code tools are written: it has a
// configuration, a state, and commands that make the cloud what the one says by
// way of the other.
type tool struct {
	t      *testing.T
	http   *retryablehttp.Client
	base   string
	key    string
	made   int  // resources so far
	whole  bool // sends whole bodies, not just what changes
	config map[string]attributes
	state  map[string]map[string]any // the bodies that were read, by address
}

// send makes a request and returns status and body.
func (x *tool) send(method, path string, body any, headers ...string) (int, map[string]any, http.Header) {
	x.t.Helper()
	var sent any
	if body != nil {
		sent = []byte(inJSON(x.t, body))
	}
	r, err := retryablehttp.NewRequest(method, x.base+path, sent)
	if err != nil {
		x.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+x.key)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	resp, err := x.http.Do(r)
	if err != nil {
		x.t.Fatalf("%s %s: %v", method, path, err)
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	var out map[string]any
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		x.t.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
	return resp.StatusCode, out, resp.Header
}

// must is send for a request that has to succeed.
func (x *tool) must(want int, method, path string, body any, headers ...string) map[string]any {
	x.t.Helper()
	status, out, _ := x.send(method, path, body, headers...)
	if status != want {
		x.t.Fatalf("%s %s %s: %d %v", method, path, inJSON(x.t, body), status, out)
	}
	return out
}

// path is where a resource of the state is.
func (x *tool) path(address string) string {
	id, _ := x.state[address]["id"].(string)
	return kindOf(address).collection + "/" + id
}

func kindOf(address string) kind {
	name, _, _ := strings.Cut(address, ".")
	return kinds()[name]
}

// becomes polls a resource until it has the status; "" is gone.
func (x *tool) becomes(address, want string) {
	x.t.Helper()
	target := []string{want}
	if want == "" {
		target = nil
	}
	wait := retry.StateChangeConf{
		Pending: []string{"provisioning", "stopping", "starting", "deleting", "running", "stopped"}, Target: target, Timeout: 20 * time.Minute, Delay: 2 * time.Second, MinTimeout: 3 * time.Second,
		Refresh: func() (any, string, error) {
			status, body, _ := x.send("GET", x.path(address), nil)
			switch status {
			case http.StatusNotFound:
				return nil, "", nil
			case http.StatusOK:
				text, _ := body["status"].(string)
				return body, text, nil
			}
			return nil, "", fmt.Errorf("%d %v", status, body)
		},
	}
	body, err := wait.WaitForStateContext(context.Background())
	if err != nil {
		x.t.Fatalf("%s does not become %q: %v", address, want, err)
	}
	if want != "" {
		x.state[address] = body.(map[string]any)
	}
}

// plan reads what there is and says what apply would do.
func (x *tool) plan() []string {
	x.t.Helper()
	for _, address := range slices.Sorted(maps.Keys(x.state)) {
		switch status, body, _ := x.send("GET", x.path(address), nil); status {
		case http.StatusOK:
			x.state[address] = body
		case http.StatusNotFound:
			delete(x.state, address)
		default:
			x.t.Fatalf("%s: %d %v", address, status, body)
		}
	}
	var out []string
	for _, address := range slices.Sorted(maps.Keys(x.state)) {
		if x.config[address] == nil {
			out = append(out, "destroy "+address)
		}
	}
	for _, address := range slices.Sorted(maps.Keys(x.config)) {
		changed := x.changed(address)
		fixed := kindOf(address).fixed
		switch {
		case x.state[address] == nil:
			out = append(out, "create "+address)
		case slices.ContainsFunc(changed, func(name string) bool { return slices.Contains(fixed, name) }):
			out = append(out, "replace "+address)
		case len(changed) > 0:
			out = append(out, "update "+address+" "+strings.Join(changed, " "))
		}
	}
	return out
}

// changed lists the attributes whose value is not as configured.
func (x *tool) changed(address string) []string {
	wanted := maps.Clone(kindOf(address).defaults)
	maps.Copy(wanted, x.config[address])
	var out []string
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if x.state[address] != nil && inJSON(x.t, wanted[name]) != inJSON(x.t, read(x.state[address], name)) {
			out = append(out, name)
		}
	}
	return out
}

// read is an attribute of a body.
func read(body map[string]any, name string) any {
	var v any = body
	for part := range strings.SplitSeq(name, ".") {
		object, _ := v.(map[string]any)
		v = object[part]
	}
	if name == "network.public_ip" {
		return v != nil
	}
	return v
}

// write sets an attribute of a body.
func write(body map[string]any, name string, value any) {
	first, rest, nested := strings.Cut(name, ".")
	if !nested {
		body[first] = value
		return
	}
	inner, _ := body[first].(map[string]any)
	inner = maps.Clone(inner)
	if inner == nil {
		inner = map[string]any{}
	}
	write(inner, rest, value)
	body[first] = inner
}

// patchOf turns a value into another by the rules of JSON merge patch.
func patchOf(from, to any) any {
	was, isObject := from.(map[string]any)
	is, becomesObject := to.(map[string]any)
	if !isObject || !becomesObject {
		return to
	}
	out := maps.Clone(is)
	for name := range was {
		if _, stays := is[name]; !stays {
			out[name] = nil
		}
	}
	return out
}

// apply carries a plan out and returns it.
func (x *tool) apply() []string {
	x.t.Helper()
	steps := x.plan()
	for _, step := range steps {
		words := strings.Fields(step)
		switch address := words[1]; words[0] {
		case "create":
			x.create(address)
		case "replace":
			x.destroy(address)
			x.create(address)
		case "update":
			x.update(address, words[2:])
		case "destroy":
			x.destroy(address)
		}
	}
	return steps
}

// create sends every optional attribute, null where the configuration has none.
func (x *tool) create(address string) {
	x.t.Helper()
	body := map[string]any{}
	for name := range kindOf(address).defaults {
		if name != "status" { // a webhook cannot be created disabled
			write(body, name, nil)
		}
	}
	for name, value := range x.config[address] {
		write(body, name, value)
	}
	x.made++
	x.state[address] = x.must(http.StatusCreated, "POST", kindOf(address).collection, body, "Idempotency-Key", fmt.Sprintf("%s-%d", address, x.made))
	if strings.HasPrefix(address, "instance.") {
		x.becomes(address, "running")
	}
}

// update sends what differs, and null for what the configuration has no more; in a
// whole body, besides, everything as it was read.
func (x *tool) update(address string, names []string) {
	x.t.Helper()
	storage := slices.Contains(names, "storage")
	if storage {
		x.act(address, "stop", "stopped")
	}
	body := map[string]any{}
	if x.whole {
		body = maps.Clone(x.state[address])
	}
	for _, name := range names {
		value, configured := x.config[address][name]
		if !configured {
			write(body, name, nil)
			continue
		}
		write(body, name, patchOf(read(x.state[address], name), value))
	}
	_, _, head := x.send("GET", x.path(address), nil)
	x.state[address] = x.must(http.StatusOK, "PATCH", x.path(address), body, "If-Match", head.Get("ETag"))
	if storage {
		x.act(address, "start", "running")
	}
}

func (x *tool) act(address, action, status string) {
	x.t.Helper()
	x.must(http.StatusAccepted, "POST", x.path(address)+"/actions", map[string]any{"type": action, "force": nil})
	x.becomes(address, status)
}

// destroy deletes a resource, twice, as a tool does whose first response got lost.
func (x *tool) destroy(address string) {
	x.t.Helper()
	for range 2 {
		if status, body, _ := x.send("DELETE", x.path(address), nil); status != http.StatusNoContent && status != http.StatusNotFound {
			x.t.Fatalf("destroy %s: %d %v", address, status, body)
		}
	}
	x.becomes(address, "")
	delete(x.state, address)
}

func inJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wants runs a command and then plan, which must have nothing left to do.
func (x *tool) wants(command string, run func() []string, want ...string) {
	x.t.Helper()
	if got := run(); !slices.Equal(got, want) {
		x.t.Fatalf("%s: got %q, want %q", command, got, want)
	}
	if left := x.plan(); command != "plan" && len(left) > 0 {
		x.t.Fatalf("after %s there is something left to do: %q; there is %s", command, left, inJSON(x.t, x.state))
	}
}

// fourteenCommands is a day in the life of a configuration.
func fourteenCommands(x *tool) {
	web, site, hook, job := attributes{
		"name": "web", "region": "us-east-1", "size": "standard-1", "labels": map[string]any{"env": "prod", "tier": "web"}, "metadata": map[string]any{"owner": map[string]any{"team": "a"}},
		"network.subnet": "subnet-a", "network.public_ip": true, "network.firewall_ids": []any{"fw-1"}, "storage": []any{map[string]any{"size_gb": 10, "type": "nvme"}},
	}, attributes{"name": "site", "description": "all of it", "environment": "staging"}, attributes{
		"url": "http://127.0.0.1:3000/hooks", "event_types": []any{"token.created"}, "timeout_ms": 5000, "signature_format": "timestamped", "sandbox.delay_seconds": 5,
	}, attributes{
		"name": "heal", "trigger": map[string]any{"event": "instance.failed"}, "action": map[string]any{"type": "stop", "force": false}, "concurrency": "queue",
		"condition": map[string]any{"older_than": "1h"},
	}
	x.config = map[string]attributes{"instance.web": web, "project.site": site, "webhook.hook": hook, "job.heal": job}
	x.wants("plan", x.plan, "create instance.web", "create job.heal", "create project.site", "create webhook.hook")                   // 1
	x.wants("apply", x.apply, "create instance.web", "create job.heal", "create project.site", "create webhook.hook")                 // 2
	x.wants("apply again", x.apply)                                                                                                   // 3
	web["name"], web["labels"], hook["timeout_ms"], job["enabled"] = "web-1", map[string]any{"env": "prod", "new": "1"}, 6000, false  // changes
	x.wants("apply changes", x.apply, "update instance.web labels name", "update job.heal enabled", "update webhook.hook timeout_ms") // 4
	web["storage"] = []any{map[string]any{"size_gb": 20, "type": "nvme"}, map[string]any{"size_gb": 5, "type": "ssd"}}
	x.wants("apply what needs a stop", x.apply, "update instance.web storage") // 5
	for _, removed := range []string{"metadata", "network.subnet", "network.public_ip", "network.firewall_ids"} {
		delete(web, removed)
	}
	delete(site, "description")
	delete(hook, "timeout_ms")
	delete(hook, "signature_format")
	delete(hook, "sandbox.delay_seconds")
	for _, removed := range []string{"condition", "concurrency", "enabled"} {
		delete(job, removed)
	}
	x.wants("apply removed lines", x.apply, "update instance.web metadata network.firewall_ids network.public_ip network.subnet", // 6
		"update job.heal concurrency condition enabled", "update project.site description", "update webhook.hook sandbox.delay_seconds signature_format timeout_ms")

	x.must(http.StatusOK, "PATCH", x.path("instance.web"), map[string]any{"name": "by-hand", "labels": map[string]any{"by": "hand"}, "autoscale": true})
	x.must(http.StatusOK, "PATCH", x.path("webhook.hook"), map[string]any{"status": "disabled"})
	status, _, _ := x.send("DELETE", x.path("project.site"), nil)
	x.wants("plan", x.plan, "update instance.web autoscale labels name", "create project.site", "update webhook.hook status")              // 7, drift
	x.wants("apply over drift", x.apply, "update instance.web autoscale labels name", "create project.site", "update webhook.hook status") // 8
	if status != http.StatusNoContent {
		x.t.Fatalf("the project was not deleted: %d", status)
	}

	byHand := x.must(http.StatusCreated, "POST", "/v1/instances", map[string]any{"name": "old", "region": "eu-central", "profile": "standard-2"})
	x.state["instance.old"] = byHand // import reads by id alone
	x.becomes("instance.old", "running")
	x.config["instance.old"] = attributes{"name": "old", "region": "eu-central", "size": "standard-2"}
	x.wants("import", x.apply)                                                   // 9
	x.config["instance.old"]["labels"] = map[string]any{"adopted": "true"}       //
	x.wants("apply to what was imported", x.apply, "update instance.old labels") // 10
	id := x.state["instance.web"]["id"]
	web["region"] = "eu-central"
	x.wants("apply that replaces", x.apply, "replace instance.web") // 11
	if x.state["instance.web"]["id"] == id {
		x.t.Error("the instance was not replaced")
	}
	delete(x.config, "instance.old")
	x.wants("apply without a resource", x.apply, "destroy instance.old") // 12
	gone := maps.Clone(x.state)
	x.config = map[string]attributes{}
	x.wants("destroy", x.apply, "destroy instance.web", "destroy job.heal", "destroy project.site", "destroy webhook.hook") // 13
	x.state = gone
	x.wants("destroy again", x.apply) // 14
}

// A client as infrastructure-as-code tools are written gets what it asks for, and
// what it asks for once it need not ask for again: with whole bodies and with
// patches, with limits and without, whatever the clock does.
func TestInfrastructureAsCode(t *testing.T) {
	for name, clock := range map[string]emulator.Clock{
		"real": {Mode: emulator.RealClock}, "scaled": {Mode: emulator.ScaledClock, Scale: 60}, "auto": {Mode: emulator.AutoClock}, "frozen": {Mode: emulator.FrozenClock},
	} {
		for _, whole := range []bool{false, true} {
			for _, limited := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s whole=%t limited=%t", name, whole, limited), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						options := []emulator.Option{emulator.WithFixture("empty"), emulator.WithClock(clock), emulator.WithResponseCheck(), emulator.WithSpeed("realistic")}
						if limited { // so few that it meets them
							options = append(options, emulator.WithRateLimit(emulator.RateLimit{PerMinute: 20}))
						}
						e := emulator.Start(t, options...)
						client := retryablehttp.NewClient()
						client.HTTPClient, client.Logger = e.Client(), nil
						refusals := 0
						client.CheckRetry = func(ctx context.Context, resp *http.Response, err error) (bool, error) {
							if err == nil && resp.StatusCode == http.StatusTooManyRequests {
								refusals++
							}
							return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
						}
						if clock.Mode == emulator.FrozenClock {
							defer advancing(t, e)()
						}
						fourteenCommands(&tool{t: t, http: client, base: "http://localhost", key: e.Key(), whole: whole, state: map[string]map[string]any{}})
						if limited != (refusals > 0) {
							t.Errorf("%d requests were over the limit", refusals)
						}
					})
				})
			}
		}
	}
}

// advancing moves a clock that stands by a second every second.
func advancing(t *testing.T, e *emulator.Emulator) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := e.Advance(time.Second); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
