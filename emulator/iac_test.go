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
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/retry"
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
