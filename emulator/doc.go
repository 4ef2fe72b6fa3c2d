// Package emulator is the SkyStack cloud API in your test: every request is
// checked against the OpenAPI contract, instances move through their states,
// keys run into their limits, and one clock, which you can move, stands behind
// all of it. It needs no account, no network and no disk.
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
// Client returns an http.Client that reaches the emulator without a socket,
// which also works inside a testing/synctest bubble; there, use no URL: a path
// such as /v1/instances is enough.
//
// The same seed and the same requests give the same bytes. Limits on requests
// and instances are off unless WithLimits turns them on.
package emulator
