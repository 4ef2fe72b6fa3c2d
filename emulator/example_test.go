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
