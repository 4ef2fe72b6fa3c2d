package testcontainer_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/suite"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
	"skystack.dev/sandbox/emulator/testcontainer"
)

// run starts a container that ends with the test.
func run(t *testing.T, opts ...testcontainers.ContainerCustomizer) *testcontainer.Container {
	t.Helper()
	c, err := testcontainer.Run(t.Context(), image(t), opts...)
	testcontainers.CleanupContainer(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// open is the container's default workspace.
func open(t *testing.T, c *testcontainer.Container) *wire.Server {
	t.Helper()
	w, err := c.Remote(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return wire.In(t, w)
}

// gone wants that nothing is left of a container that was made but not served.
func gone(t *testing.T, c *testcontainer.Container) {
	t.Helper()
	if c == nil {
		t.Fatal("there is no container to look at and to end")
	}
	if err := testcontainers.TerminateContainer(c); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Inspect(t.Context()); !errdefs.IsNotFound(err) {
		t.Errorf("the container is still there: %v", err)
	}
}

const newInstance = `{"name":"web-1","region":"eu-central","size":"standard-2"}`

var noon = time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)

// The project's suite passes in a container as it does in-process and behind a
// URL.
func TestSuite(t *testing.T) {
	t.Parallel()
	c := run(t, testcontainers.WithEnv(map[string]string{"SKYSTACK_SANDBOX_CHECK_RESPONSES": "true"}))
	home := open(t, c)
	suite.Run(t, func(t *testing.T, s sandbox.Setup) sandbox.Workspace { return home.NewWorkspace(t, s) })
}

// The README's curl works against a container, but for the key: that one is the
// container's own.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	curl := regexp.MustCompile(`(?s)curl -sS http://127\.0\.0\.1:8080(/v1/\w+).*?-d '([^']*)'`).FindSubmatch(readme)
	if curl == nil {
		t.Fatal("there is no such curl in the README any more")
	}
	s := open(t, run(t))
	s.Post(string(curl[1]), string(curl[2])).Wants(201).Has("status", "provisioning")
	s.As(emulator.DefaultKey).Get("/v1/instances").Refused(401, "invalid_token")
}

// A webhook to localhost is one to the container itself: the delivery's error says
// what to use instead.
func TestWebhookToLocalhost(t *testing.T) {
	t.Parallel()
	s := open(t, run(t))
	s.Post("/v1/webhooks", `{"url":"http://localhost:3999/hooks","event_types":["instance.created"]}`).Wants(201)
	s.Post("/v1/instances", newInstance).Wants(201)
	if err := s.FlushWebhooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = `The sandbox runs in a container, and localhost is the container itself: use http://host.docker.internal:3999/hooks for a receiver outside of it, ` +
		`or run "skystack-sandbox listen --forward-to http://localhost:3999/hooks" there.`
	log := s.Deliveries(sandbox.DeliveryMatch{})
	if len(log) != 1 || len(log[0].Attempts) != 1 || log[0].Attempts[0].Error != "connection_refused" || !strings.Contains(log[0].Attempts[0].Message, want) {
		t.Errorf("deliveries %+v", log)
	}
}

// SIGTERM ends the sandbox at once, and well: Docker waits for a second
// before it kills, and finds no need to.
func TestStops(t *testing.T) {
	t.Parallel()
	c := run(t)
	timeout := time.Second
	if err := c.Stop(t.Context(), &timeout); err != nil {
		t.Fatal(err)
	}
	state, err := c.State(t.Context())
	if err != nil || state.Running || state.ExitCode != 0 {
		t.Errorf("state %+v, error %v, want exit code 0", state, err)
	}
}

// The sandbox needs no right at all.
func TestWithoutRights(t *testing.T) {
	t.Parallel()
	c := run(t, testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
		h.ReadonlyRootfs, h.CapDrop, h.SecurityOpt = true, []string{"ALL"}, []string{"no-new-privileges"}
	}))
	open(t, c).Post("/v1/instances", newInstance).Wants(201)
	if inspect, err := c.Inspect(t.Context()); err != nil || inspect.Config.User != "65532:65532" {
		t.Errorf("%+v, error %v", inspect.Config, err)
	}
}

// Two containers at once do not know of each other, and the same options and
// requests give the same bytes; another seed gives others.
func TestSeedClockAndFixture(t *testing.T) {
	t.Parallel()
	world := filepath.Join(t.TempDir(), "world.yaml")
	if err := os.WriteFile(world, []byte("format: skystack-sandbox/1\ninstances:\n  - {name: from-a-file, status: stopped}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func(seed uint64) *wire.Server {
		return open(t, run(t, testcontainer.WithFixture(world), testcontainer.WithSeed(seed),
			testcontainer.WithClock(sandbox.Clock{Mode: sandbox.FrozenClock, Now: noon})))
	}
	one, two, other := start(7), start(7), start(8)
	one.Get("/v1/instances").Wants(200).Has("data.0.name", "from-a-file").Has("data.0.status", "stopped").Header("Date", "Thu, 19 Mar 2026 12:00:00 GMT")
	first := one.Post("/v1/instances", newInstance).Wants(201)
	two.Get("/v1/instances").Wants(200)
	if n := len(two.Instances()); n != 1 {
		t.Errorf("the second container has %d instances, want its own", n)
	}
	if second := two.Post("/v1/instances", newInstance).Wants(201); !bytes.Equal(first.Body, second.Body) {
		t.Errorf("the same seed, and yet\n%s\n%s", first.Body, second.Body)
	}
	other.Get("/v1/instances").Wants(200)
	if third := other.Post("/v1/instances", newInstance).Wants(201); third.Text("id") == first.Text("id") {
		t.Errorf("seeds 7 and 8 both give %s", first.Text("id"))
	}
	if err := one.Advance(3 * time.Second); err != nil {
		t.Fatal(err)
	}
	one.Get("/v1/instances/"+first.Text("id")).Has("status", "running")
	two.Get("/v1/instances/"+first.Text("id")).Has("status", "provisioning")
}

func TestLimitsAndConfig(t *testing.T) {
	t.Parallel()
	const quota = "quota: 0\nspeed: instant\n"
	s := open(t, run(t, testcontainer.WithConfigReader(strings.NewReader(quota))))
	s.Get("/v1/projects").Wants(200).Header("X-RateLimit-Limit", "")
	s.Post("/v1/instances", newInstance).Refused(403, "quota_exceeded")

	s = open(t, run(t, testcontainer.WithRateLimit(sandbox.RateLimit{PerMinute: 2}), testcontainer.WithClock(sandbox.Clock{Mode: sandbox.FrozenClock})))
	s.Get("/v1/projects").Wants(200).Header("X-RateLimit-Remaining", "1")
	s.Get("/v1/projects").Wants(200)
	s.Get("/v1/projects").Refused(429, "rate_limited").Header("Retry-After", "60")
}

// A world is taken out of a container into the test's process.
func TestTakeOut(t *testing.T) {
	t.Parallel()
	there := open(t, run(t, testcontainer.WithFixture("docs")))
	there.Post("/v1/instances", newInstance).Wants(201).Has("id", "ins_987")
	var saved bytes.Buffer
	if err := there.Snapshot().Save(&saved); err != nil {
		t.Fatal(err)
	}
	here := emulator.Start(t)
	if err := here.Import(&saved); err != nil {
		t.Fatal(err)
	}
	if a, b := there.Dump(), here.Dump(); a != b {
		t.Errorf("there\n%s\nhere\n%s", a, b)
	}
}

// The container reaches a server of the test by the URL that HostURL tells.
func TestHostURL(t *testing.T) {
	t.Parallel()
	c := run(t)
	receiver := emulator.NewReceiver(t, nil)
	url := c.HostURL(receiver.Port)
	// No shell and no curl are in the image; the sandbox's own client is.
	if _, _, err := c.Exec(t.Context(), []string{"/skystack-sandbox", "requests", "--url", url}); err != nil {
		t.Fatal(err)
	}
	if got := receiver.Received(); len(got) == 0 || !strings.HasPrefix(got[0].Path, "/_sandbox/") {
		t.Errorf("%s returned %v", url, got)
	}
}

// HTTPS works in a container that can write nothing: its authority is in memory.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	c := run(t, testcontainers.WithEnv(map[string]string{"SKYSTACK_SANDBOX_HTTPS": "0.0.0.0:8443"}), testcontainers.WithExposedPorts("8443/tcp"),
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) { h.ReadonlyRootfs = true }))
	url, err := c.PortEndpoint(t.Context(), "8443/tcp", "https")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := open(t, c).Client().Get("/_sandbox/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, error %v", resp.Status, ca, err)
	}
	w, err := remote.New(t.Context(), url, c.Key(), remote.WithCA(ca))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	wire.In(t, w).Post("/v1/instances", newInstance).Wants(201)
}

// A container that is used again keeps its tokens.
func TestReuse(t *testing.T) {
	t.Parallel()
	name := testcontainers.WithReuseByName("skystack-sandbox-" + emulator.NewKey()[len("sky_test_"):])
	first := run(t, name)
	again, err := testcontainer.Run(t.Context(), image(t), name)
	if err != nil {
		t.Fatal(err)
	}
	if again.GetContainerID() != first.GetContainerID() || again.Key() != first.Key() || again.AdminToken() != first.AdminToken() {
		t.Errorf("first %s %s, again %s %s", first.GetContainerID(), first.Key(), again.GetContainerID(), again.Key())
	}
	open(t, again).Get("/v1/instances").Wants(200)
}

// What cannot start says why, and leaves nothing behind once it is ended.
func TestFailures(t *testing.T) {
	t.Parallel()
	img := image(t)
	taken, err := run(t).MappedPort(t.Context(), "8080/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		img  string
		opt  testcontainers.ContainerCustomizer
		want []string
		made bool // a container comes with the error
	}{
		{"faulty fixture", img, testcontainer.WithFixtureData("world.yaml", []byte("format: skystack-sandbox/1\ninstances: 7\n")),
			[]string{`the image "` + img + `" did not start: `, "container exited with code 2", "the last it printed:", "/fixtures/world.yaml:2:12: instances: "}, true},
		{"unknown fixture", img, testcontainer.WithFixture("dosc"), []string{"container exited with code 2", "SKYSTACK_SANDBOX_FIXTURE: ", "docs"}, true},
		{"unknown setting", img, testcontainers.WithEnv(map[string]string{"SKYSTACK_SANDBOX_SPED": "fast"}), []string{"SKYSTACK_SANDBOX_SPED: there is no such setting (did you mean "}, true},
		{"not a program", img, testcontainers.WithEntrypoint("/etc/ssl/certs/ca-certificates.crt"), []string{"did not start", "permission denied"}, true},
		{"taken port", img, testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			h.PortBindings = network.PortMap{network.MustParsePort("8080/tcp"): {{HostPort: taken.Port()}}}
		}), []string{"a port is taken that the container is to be published on: end what listens there"}, true},
		{"no such image", "skystack-sandbox:no-such-tag", nil, []string{
			`there is no image "skystack-sandbox:no-such-tag" on this machine, and it could not be pulled: build it in the sandbox's repository with docker build -t skystack-sandbox:no-such-tag . or correct the name: `,
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, err := testcontainer.Run(t.Context(), tc.img, tc.opt)
			testcontainers.CleanupContainer(t, c)
			if err == nil {
				t.Fatal("it started")
			}
			for _, part := range append(tc.want, "run skystack-sandbox: ") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %v", part, err)
				}
			}
			if tc.made {
				gone(t, c)
			} else if c != nil {
				t.Errorf("container %s", c.GetContainerID())
			}
		})
	}
}
