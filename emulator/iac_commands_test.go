package emulator_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"skystack.dev/sandbox/emulator"
)

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

// advancing advances a frozen clock by a second every second.
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
