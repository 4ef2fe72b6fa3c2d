// Package sandbox is what a test says to a sandbox and hears from it, wherever
// the sandbox runs. A Workspace of package emulator lives in the test's own
// process, one of package remote behind a URL; both are a sandbox.Workspace, so
// one test body serves both:
//
//	func lifecycle(t *testing.T, w sandbox.Workspace) {
//		id := createInstance(t, w.Client(), w.Key())
//		if err := w.Advance(3 * time.Second); err != nil {
//			t.Fatal(err)
//		}
//		if i, _ := w.Instance(id); i.Status != "running" {
//			t.Fatalf("status %s", i.Status)
//		}
//	}
//
// The types are also the JSON of the control API under /_sandbox/. Package computestacks,
// below this one, has those of the ComputeStacks API.
package sandbox
