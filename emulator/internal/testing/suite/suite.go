// Package suite is what every sandbox must do, wherever it runs: in the test's
// process, behind a URL, or in a container. Only tests import it.
package suite

import (
	"context"
	"errors"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Open returns a workspace of its own for a test, made with a setup.
type Open func(t *testing.T, s sandbox.Setup) sandbox.Workspace

// Run runs the suite, each part in a workspace of its own, in parallel.
func Run(t *testing.T, open Open) {
	for _, part := range []struct {
		name string
		run  func(t *testing.T, start func(s sandbox.Setup) *wire.Server)
	}{
		{"lifecycle", lifecycle},
		{"actions", actions},
		{"clock", clock},
		{"auto clock", autoClock},
		{"until idle", untilIdle},
		{"refused clock", refusedClock},
		{"any state", anyState},
		{"stuck", stuck},
		{"refused objects", refusedObjects},
		{"snapshot", snapshot},
		{"fork", fork},
		{"strangers", strangers},
		{"export and import", exportAndImport},
		{"export of secrets", exportSecrets},
		{"damaged import", damagedImport},
		{"load", load},
		{"reset", reset},
		{"busy", busy},
		{"scaling", scaling},
		{"rate limits", rateLimits},
		{"shared limits", sharedLimits},
		{"keys", keys},
		{"journal", journal},
		{"why", why},
		{"misnamed", misnamed},
		{"waiting", waiting},
		{"setup", setup},
		{"idempotency", idempotency},
		{"errors", errorBodies},
		{"lists", lists},
		{"events", events},
		{"deliveries", deliveries},
		{"trigger", trigger},
		{"listeners", listeners},
		{"listeners that end", listenersThatEnd},
		{"ComputeStacks objects", stackObjects},
		{"ComputeStacks refusals", stackRefusals},
		{"ComputeStacks orders", stackOrders},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.run(t, func(s sandbox.Setup) *wire.Server { return wire.In(t, open(t, s)) })
		})
	}
}

// frozen is a setup whose time stands still at the start of the documents.
func frozen() sandbox.Setup {
	return sandbox.Setup{Fixture: "empty", Clock: sandbox.Clock{Mode: sandbox.FrozenClock, Now: start()}}
}

// start is the first instant of a frozen setup.
func start() time.Time { return time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC) }

const newInstance = `{"name":"web-1","region":"eu-central","size":"standard-2"}`

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// canceled wants the error of a context that ended.
func canceled(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// refused wants an error whose text holds a part.
func refused(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !contains(err.Error(), part) {
		t.Errorf("error %v, want one with %q", err, part)
	}
}
