// Package testcontainer runs the sandbox in a container, for tests that want the
// image they deploy against, or that start other containers beside it:
//
//	func TestDeploy(t *testing.T) {
//		c, err := testcontainer.Run(t.Context(), "skystack-sandbox:latest")
//		testcontainers.CleanupContainer(t, c)
//		if err != nil {
//			t.Fatal(err)
//		}
//		sandbox, err := c.Remote(t.Context())
//		if err != nil {
//			t.Fatal(err)
//		}
//		cloud := myclient.New(sandbox.URL(), sandbox.Key())
//
//		id := cloud.CreateInstance("web-1", "eu-central", "standard-2")
//		if err := sandbox.Advance(3 * time.Second); err != nil {
//			t.Fatal(err)
//		}
//		if got := cloud.Status(id); got != "running" {
//			t.Fatalf("status %s", got)
//		}
//	}
//
// The image is built in the sandbox's repository, once:
//
//	docker build -t skystack-sandbox:latest .
//
// A test that needs no container is faster with package emulator, and says the
// same: both are a sandbox.Workspace.
package testcontainer
