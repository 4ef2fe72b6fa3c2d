package remote_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

// In a test. What goes wrong stops it.
func ExampleStart() {
	_ = func(t *testing.T) {
		w := remote.Start(t, os.Getenv("SKYSTACK_BASE_URL"), os.Getenv("SKYSTACK_API_TOKEN"))
		if _, err := w.CreateInstance(sandbox.Instance{Name: "web-1", Status: "error"}); err != nil {
			t.Fatal(err)
		}
		// … let the code under test talk to w.URL() with w.Key() …
		w.AssertRequested(t, "deleteInstance", 1)
	}
}

// Outside of a test. The sandbox stands for one that runs elsewhere.
func ExampleNew() {
	server, err := emulator.New(emulator.WithFixture("docs"), emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Close() }()

	w, err := remote.New(context.Background(), server.URL(), server.Key())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = w.Close() }()

	i, err := w.CreateInstance(sandbox.Instance{Name: "worker-b", Status: "provisioning"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(i.ID, i.Status)
	if err := w.Advance(3 * time.Second); err != nil {
		fmt.Println(err)
	}
	i, _ = w.Instance(i.ID)
	fmt.Println(i.ID, i.Status, w.Err())
	// Output:
	// ins_987 provisioning
	// ins_987 running <nil>
}

// What went wrong can be told apart.
func ExampleError() {
	server, err := emulator.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Close() }()

	_, err = remote.New(context.Background(), server.URL(), "not-a-key")
	var refused *remote.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Code)
	}
	// Output:
	// 401 invalid_token
}

// Requests of the client need no host; they do need the key.
func ExampleWorkspace_Client() {
	server, err := emulator.New(emulator.WithFixture("docs"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Close() }()
	w, err := remote.New(context.Background(), server.URL(), server.Key())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = w.Close() }()

	for _, key := range []string{"", w.Key()} {
		r, err := http.NewRequest(http.MethodGet, "/v1/instances/ins_123", nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		resp, err := w.Client().Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	// Output:
	// 401
	// 200
}

// Tests that run at the same time take a workspace each.
func ExampleWorkspace_NewWorkspace() {
	_ = func(t *testing.T) {
		root := remote.Start(t, os.Getenv("SKYSTACK_BASE_URL"), os.Getenv("SKYSTACK_API_TOKEN"),
			remote.WithAdminToken(os.Getenv("SKYSTACK_SANDBOX_ADMIN_TOKEN")))
		for _, name := range []string{"one", "two"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := root.NewWorkspace(t, sandbox.Setup{Clock: sandbox.Clock{Mode: sandbox.FrozenClock}})
				if err := w.Advance(time.Hour); err != nil { // nobody else's
					t.Fatal(err)
				}
			})
		}
	}
}
