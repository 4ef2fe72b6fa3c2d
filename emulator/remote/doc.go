// Package remote is the sandbox of a test when the sandbox runs elsewhere: in
// another process, in a container, on a build server. A Workspace has the
// methods of package emulator and sends them to the control API under
// /_sandbox/, so one test body serves both:
//
//	func TestDeploy(t *testing.T) {
//		w := remote.Start(t, os.Getenv("SKYSTACK_BASE_URL"), os.Getenv("SKYSTACK_API_TOKEN"))
//		cloud := myclient.New(w.URL(), w.Key())
//
//		id := cloud.CreateInstance("web-1", "eu-central", "standard-2")
//		if err := w.Advance(3 * time.Second); err != nil {
//			t.Fatal(err)
//		}
//		if i, _ := w.Instance(id); i.Status != "running" {
//			t.Fatalf("status %q", i.Status)
//		}
//	}
//
// ComputeStacks is typed access to the ComputeStacks API of the sandbox, with its
// credentials, as in package emulator.
//
// A key controls its own workspace and no other. Tests that run at the same time
// should not share one: with the admin token each takes a workspace of its own,
// which ends with the test:
//
//	root := remote.Start(t, url, key, remote.WithAdminToken(token))
//	w := root.NewWorkspace(t)
//
// # What can get lost on the way
//
// Methods with an error result return what went wrong; a refusal of the server
// is an *Error in it. Methods without one stop the test, if the workspace is
// from Start, NewWorkspace or Fork: they call Fatalf, so call them from the
// goroutine of the test. If it is from New they return zero values, and
// Workspace.Err tells the first failure, as bufio.Scanner does.
//
// Every call ends: one without a response within two minutes fails,
// and Close ends those that are under way. The waiting methods have a context of
// their own.
package remote
