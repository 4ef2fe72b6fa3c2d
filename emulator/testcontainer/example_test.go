package testcontainer_test

import (
	"context"
	"fmt"
	"time"

	"github.com/testcontainers/testcontainers-go"

	"skystack.dev/sandbox/emulator/sandbox"
	"skystack.dev/sandbox/emulator/testcontainer"
)

// A sandbox for a program that takes a base URL and a key.
func ExampleRun() {
	ctx := context.Background()
	c, err := testcontainer.Run(ctx, "skystack-sandbox:latest")
	defer func() { _ = testcontainers.TerminateContainer(c) }()
	if err != nil {
		fmt.Println(err)
		return
	}
	url, err := c.URL(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("export SKYSTACK_BASE_URL=" + url)
	fmt.Println("export SKYSTACK_API_TOKEN=" + c.Key())
}

// The world of the documents, with time that only the test moves and the limits
// of a customer. Options of testcontainers stand beside those of this package.
func ExampleRun_options() {
	ctx := context.Background()
	c, err := testcontainer.Run(ctx, "skystack-sandbox:latest",
		testcontainer.WithFixture("docs"),
		testcontainer.WithSeed(7),
		testcontainer.WithClock(sandbox.Clock{Mode: sandbox.FrozenClock}),
		testcontainer.WithRateLimit(sandbox.RateLimit{PerMinute: 120}),
		testcontainers.WithEnv(map[string]string{"SKYSTACK_SANDBOX_SPEED": "realistic"}),
	)
	defer func() { _ = testcontainers.TerminateContainer(c) }()
	if err != nil {
		fmt.Println(err)
	}
}

// The commands of package emulator, given to a container.
func ExampleContainer_Remote() {
	ctx := context.Background()
	c, err := testcontainer.Run(ctx, "skystack-sandbox:latest")
	defer func() { _ = testcontainers.TerminateContainer(c) }()
	if err != nil {
		fmt.Println(err)
		return
	}
	w, err := c.Remote(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = w.Close() }()
	if _, err := w.CreateInstance(sandbox.Instance{Name: "web-1", Status: "provisioning"}); err != nil {
		fmt.Println(err)
	}
	if err := w.Advance(time.Minute); err != nil {
		fmt.Println(err)
	}
	fmt.Println(w.Dump())
}

// The sandbox reaches a server of the test.
func ExampleContainer_HostURL() {
	ctx := context.Background()
	c, err := testcontainer.Run(ctx, "skystack-sandbox:latest")
	defer func() { _ = testcontainers.TerminateContainer(c) }()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.HostURL(8081)) // where the sandbox finds port 8081 of this machine
}
