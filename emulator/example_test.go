package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator"
)

// An instance is created, time is moved on, and it runs.
func ExampleNew() {
	sandbox, err := emulator.New(emulator.WithFixture("docs"), emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sandbox.Close() }()

	status := func(method, path, body string) (id, status string) {
		r, err := http.NewRequest(method, path, strings.NewReader(body))
		if err != nil {
			return "", err.Error()
		}
		r.Header.Set("Authorization", "Bearer "+sandbox.Key())
		r.Header.Set("Content-Type", "application/json")
		resp, err := sandbox.Client().Do(r)
		if err != nil {
			return "", err.Error()
		}
		defer func() { _ = resp.Body.Close() }()
		var instance struct{ ID, Status string }
		if err := json.NewDecoder(resp.Body).Decode(&instance); err != nil {
			return "", err.Error()
		}
		return instance.ID, instance.Status
	}

	id, now := status(http.MethodPost, "/v1/instances", `{"name": "worker-b", "region": "us-east-1", "size": "standard-2"}`)
	fmt.Println(id, now)
	if err := sandbox.Advance(3 * time.Second); err != nil {
		fmt.Println(err)
	}
	fmt.Println(status(http.MethodGet, "/v1/instances/"+id, ""))
	// Output:
	// ins_987 provisioning
	// ins_987 running
}

// frozen starts an emulator with a frozen clock.
func frozen() *emulator.Emulator {
	sandbox, err := emulator.New(emulator.WithFixture("empty"),
		emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC)}))
	if err != nil {
		panic(err)
	}
	return sandbox
}

// An instance in any state is there at once, and time brings it on.
func ExampleWorkspace_CreateInstance() {
	sandbox := frozen()
	defer func() { _ = sandbox.Close() }()
	i, err := sandbox.CreateInstance(emulator.Instance{ID: "ins_db", Name: "db-1", Status: "rebooting"})
	fmt.Println(i.Status, err)
	fmt.Println(sandbox.AdvanceToNext(), sandbox.Now().Format(time.TimeOnly))
	i, _ = sandbox.Instance("ins_db")
	fmt.Println(i.Status)
	// Output:
	// rebooting <nil>
	// true 10:22:47
	// running
}

// A service of ComputeStacks is ordered with the API credentials of the workspace, and is
// online when the clock has moved past the work of the order.
func ExampleWorkspace_ComputeStacks() {
	sandbox := frozen()
	defer func() { _ = sandbox.Close() }()
	credentials := sandbox.ComputeStacks().Credentials()
	send := func(method, path, body string, into any) {
		r, err := http.NewRequest(method, path, strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		r.SetBasicAuth(credentials.Username, credentials.Password)
		r.Header.Set("Content-Type", "application/json")
		resp, err := sandbox.Client().Do(r)
		if err != nil {
			panic(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			panic(err)
		}
	}

	var placed struct{ Order struct{ ID string } }
	send(http.MethodPost, "/api/orders",
		`{"order": {"project_name": "cache", "containers": [{"image_id": 4, "name": "sessions", "resources": {"product_id": 1}}]}}`, &placed)
	order, _ := sandbox.ComputeStacks().Order(placed.Order.ID)
	fmt.Println(order.Status)
	if err := sandbox.Advance(10 * time.Second); err != nil {
		fmt.Println(err)
	}

	var listed struct {
		Services []struct {
			Label string
			State string `json:"current_state"`
		} `json:"container_services"`
	}
	send(http.MethodGet, "/api/container_services", "", &listed)
	order, _ = sandbox.ComputeStacks().Order(placed.Order.ID)
	fmt.Println(order.Status, listed.Services)
	// Output:
	// pending
	// completed [{sessions online}]
}

// What happens between two snapshots can be shown, and undone.
func ExampleDiff() {
	sandbox := frozen()
	defer func() { _ = sandbox.Close() }()
	if _, err := sandbox.CreateInstance(emulator.Instance{ID: "ins_db", Name: "db-1", Status: "stopping"}); err != nil {
		fmt.Println(err)
	}
	before := sandbox.Snapshot()
	if err := sandbox.Fail("ins_db", "host_failure"); err != nil {
		fmt.Println(err)
	}
	for line := range strings.Lines(emulator.Diff(before, sandbox.Snapshot())) {
		if strings.Contains(line, "status") {
			fmt.Print(line)
		}
	}
	fmt.Println(sandbox.Restore(before))
	i, _ := sandbox.Instance("ins_db")
	fmt.Println(i.Status)
	// Output:
	// -   status "stopping"
	// +   status "error"
	// -   status "in_progress"
	// +   status "failed"
	// <nil>
	// stopping
}

// The record says the request, the response, and the reason.
func ExampleWorkspace_Requests() {
	sandbox := frozen()
	defer func() { _ = sandbox.Close() }()
	resp, err := sandbox.Client().Get("/v1/instances")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	for _, r := range sandbox.Requests(emulator.Match{Status: 4}) {
		fmt.Println(r.Operation, r.Status, "by", r.Stage+":", r.Code)
	}
	// Output:
	// listInstances 401 by authenticate: authentication_required
}
