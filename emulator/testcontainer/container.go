package testcontainer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"skystack.dev/sandbox/emulator/internal/secret"
	"skystack.dev/sandbox/emulator/remote"
)

const (
	httpPort = "8080/tcp"

	// dockerHost is what a container calls the machine that runs it.
	dockerHost = "host.docker.internal"

	// fromSeed stands for a secret salt that follows from the seed.
	fromSeed = "from-seed"

	// pollInterval is short: the sandbox is ready before a person could blink.
	pollInterval = 20 * time.Millisecond
)

// Container is a sandbox in a container. It is made by Run.
type Container struct {
	testcontainers.Container
	key, admin string
	tunnelled  []int // the ports of WithHostAccess
}

// Run starts a sandbox from an image, as skystack-sandbox:latest, and returns
// when it is ready. Requests are not limited unless WithRateLimit or a
// configuration file says so. Besides the options of this package it takes those
// of testcontainers; every setting of the sandbox is an environment variable,
// which testcontainers.WithEnv sets.
//
// When something goes wrong after the container was created, it is returned
// together with the error, so that it can be looked at. Hand it to
// testcontainers.CleanupContainer before looking at the error:
//
//	c, err := testcontainer.Run(ctx, "skystack-sandbox:latest")
//	testcontainers.CleanupContainer(t, c)
//	if err != nil {
//		t.Fatal(err)
//	}
//
// The error says what to do when there is no Docker engine, when there is no
// such image, when a port is taken, and when the sandbox does not start; then
// with what it printed last.
func Run(ctx context.Context, img string, opts ...testcontainers.ContainerCustomizer) (*Container, error) {
	// testcontainers remembers for good how its first look for an engine ended.
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("run skystack-sandbox: %w", err)
	}
	req, err := request(img, opts...)
	if err != nil {
		return nil, fmt.Errorf("run skystack-sandbox: %w", err)
	}
	if err := prepare(ctx, req); err != nil {
		return nil, fmt.Errorf("run skystack-sandbox: %w", err)
	}
	ctr, err := testcontainers.Run(ctx, req.Image, as(req))
	var c *Container
	if ctr != nil {
		c = &Container{Container: ctr, tunnelled: req.HostAccessPorts}
		c.key, c.admin = c.tokens(ctx, req)
	}
	if err != nil {
		return c, fmt.Errorf("run skystack-sandbox: %w", explain(ctx, req, c, err))
	}
	return c, nil
}

// request is the container that Run starts.
func request(img string, opts ...testcontainers.ContainerCustomizer) (*testcontainers.GenericContainerRequest, error) {
	req := &testcontainers.GenericContainerRequest{ContainerRequest: testcontainers.ContainerRequest{Image: img}, Started: true}
	defaults := []testcontainers.ContainerCustomizer{
		testcontainers.WithExposedPorts(httpPort),
		testcontainers.WithEnv(map[string]string{
			variable("listen"):      "0.0.0.0:8080",
			variable("key"):         secret.New(secret.Key),
			variable("admin-token"): secret.New(secret.Admin),
			variable("secret-salt"): fromSeed,
			variable("rate-limit"):  "off",
			variable("quota"):       "off",
		}),
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			h.ExtraHosts = append(h.ExtraHosts, dockerHost+":host-gateway")
		}),
		testcontainers.WithWaitStrategy(wait.ForHTTP("/readyz").WithPort(httpPort).WithPollInterval(pollInterval)),
	}
	for _, o := range slices.Concat(defaults, opts) {
		if o == nil {
			continue
		}
		if err := o.Customize(req); err != nil {
			return nil, err
		}
	}
	// The container listens where others can reach it, so its secrets are mixed with a
	// salt: one that follows from the seed, so that the same test gets the same.
	if salt := variable("secret-salt"); req.Env[salt] == fromSeed {
		req.Env[salt] = "seed-" + cmp.Or(req.Env[variable("seed")], "1")
	}
	return req, nil
}

// as is a request that is complete already, as an option.
func as(complete *testcontainers.GenericContainerRequest) testcontainers.CustomizeRequestOption {
	return func(req *testcontainers.GenericContainerRequest) error {
		*req = *complete
		return nil
	}
}

// tokens is what opens the sandbox. A container that is used again has those of
// the test that made it.
func (c *Container) tokens(ctx context.Context, req *testcontainers.GenericContainerRequest) (key, admin string) {
	env := req.Env
	if req.Reuse {
		if inspect, err := c.Inspect(ctx); err == nil && inspect.Config != nil {
			env = map[string]string{}
			for _, pair := range inspect.Config.Env {
				name, value, _ := strings.Cut(pair, "=")
				env[name] = value
			}
		}
	}
	key, _, _ = strings.Cut(env[variable("key")], ",")
	return strings.TrimSpace(key), env[variable("admin-token")]
}

// Key is the key of the default workspace: one of the container's own, unless
// SKYSTACK_SANDBOX_KEY was set.
func (c *Container) Key() string { return c.key }

// AdminToken controls all workspaces of the container: one of the container's
// own, unless SKYSTACK_SANDBOX_ADMIN_TOKEN was set.
func (c *Container) AdminToken() string { return c.admin }

// URL is where the test reaches the sandbox, as http://localhost:32768. Another
// container in the same network uses its alias there and port 8080.
func (c *Container) URL(ctx context.Context) (string, error) {
	return c.PortEndpoint(ctx, httpPort, "http")
}

// Remote is the container's default workspace, with the admin token: it can make
// further ones. Close it in the end, or let the end of the container do.
func (c *Container) Remote(ctx context.Context, opts ...remote.Option) (*remote.Workspace, error) {
	url, err := c.URL(ctx)
	if err != nil {
		return nil, err
	}
	return remote.New(ctx, url, c.key, slices.Concat([]remote.Option{remote.WithAdminToken(c.admin)}, opts)...)
}

// HostURL is where the sandbox reaches a port of the machine that runs the
// test, as http://host.docker.internal:41234: what a test tells it as the URL of
// a webhook. On Linux the port must be open on more than the loopback interface,
// as that of emulator.NewReceiver is, or be one of WithHostAccess.
func (c *Container) HostURL(port int) string {
	host := dockerHost
	if slices.Contains(c.tunnelled, port) {
		host = testcontainers.HostInternal
	}
	return "http://" + host + ":" + strconv.Itoa(port)
}

// variable is the environment's name for a setting.
func variable(setting string) string {
	return "SKYSTACK_SANDBOX_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}
