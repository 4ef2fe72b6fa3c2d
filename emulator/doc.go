// Package emulator is the SkyStack cloud API in your test: every request is
// checked against the OpenAPI contract, instances move through their states,
// keys run into their limits, and one clock, which you can move, stands behind
// all of it. It needs no account, no network and no disk. It serves SkyStack under
// /v1 and the end-user API of ComputeStacks under /api; WithAPIs chooses one of them.
//
//	func TestDeploy(t *testing.T) {
//		sandbox := emulator.Start(t)
//		cloud := myclient.New(sandbox.URL(), sandbox.Key())
//
//		id := cloud.CreateInstance("web-1", "eu-central", "standard-2")
//		sandbox.Advance(3 * time.Second)
//		if got := cloud.Status(id); got != "running" {
//			t.Fatalf("status %s", got)
//		}
//	}
//
// ComputeStacks has credentials of its own, and typed access to its objects:
//
//	stacks := sandbox.ComputeStacks()
//	c := stacks.Credentials() // for HTTP Basic, and for OAuth
//	order := deploy(t, sandbox.URL(), c.Username, c.Password)
//	sandbox.Advance(10 * time.Second)
//	if o, _ := stacks.Order(order); o.Status != "completed" {
//		t.Fatalf("status %s", o.Status)
//	}
//
// An Emulator is its default workspace, and a Workspace is an isolated world: with
// its own instances, keys, limits, clock and record of requests. NewWorkspace gives
// a test one of its own, Fork a copy of what there is, so that parallel tests
// cannot disturb each other:
//
//	before := sandbox.Snapshot()
//	sandbox.CreateInstance(emulator.Instance{Name: "db-1", Status: "error"})
//	sandbox.SetRateLimit(emulator.RateLimit{PerMinute: 10})
//	// ... the code under test ...
//	sandbox.AssertRequested(t, "deleteInstance", 1)
//	t.Log(emulator.Diff(before, sandbox.Snapshot()))
//	sandbox.Restore(before)
//
// Client returns an http.Client that reaches the emulator without a socket,
// which also works inside a testing/synctest bubble; there, use no URL: a path
// such as /v1/instances is enough.
//
// The same seed and the same requests give the same bytes; WithSecretSalt makes the
// secrets among them ones that cannot be computed. Limits on requests
// and instances are off unless WithLimits turns them on. When a test fails, its
// seed and the command that replays it are logged.
//
// What the sandbox assumes where the SkyStack documents leave something open is in
// https://skystack.dev/sandbox/emulator/CONFORMANCE.md, sentence by sentence; in the
// repository it is emulator/CONFORMANCE.md, and emulator/CONFORMANCE-COMPUTESTACKS.md for
// ComputeStacks.
//
// Package remote has the same methods for a sandbox behind a URL, and package
// testcontainer starts one in a container; both, and a Workspace of this package,
// are a sandbox.Workspace. Other languages use the control API under /_sandbox/,
// which GET /_sandbox/openapi.json describes.
package emulator
