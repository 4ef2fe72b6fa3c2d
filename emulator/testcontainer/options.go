package testcontainer

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/testcontainers/testcontainers-go"

	"skystack.dev/sandbox/emulator/sandbox"
)

// Where files are put in the container.
const (
	fixtureDir = "/fixtures"
	configDir  = "/config"
)

// WithAPIs chooses the APIs that are served, sandbox.SkyStack and sandbox.ComputeStacks; default
// all of them. The control API and Container.Remote do not depend on it.
func WithAPIs(names ...string) testcontainers.CustomizeRequestOption {
	return func(req *testcontainers.GenericContainerRequest) error {
		if len(names) == 0 {
			return errors.New("apis: name one or more")
		}
		set(req, "apis", strings.Join(names, ","))
		return nil
	}
}

// WithFixture chooses what the workspaces start with: "default", "docs",
// "empty", "busy=N", or the path of a YAML or JSON file, which is read and
// copied into the container; default "default".
func WithFixture(nameOrPath string) testcontainers.CustomizeRequestOption {
	return func(req *testcontainers.GenericContainerRequest) error {
		if !isFile(nameOrPath) {
			set(req, "fixture", nameOrPath)
			return nil
		}
		data, err := os.ReadFile(nameOrPath)
		if err != nil {
			return fmt.Errorf("fixture: %w", err)
		}
		return WithFixtureData(nameOrPath, data)(req)
	}
}

// WithFixtureData is WithFixture with the text of a fixture. name appears in
// messages about it; it ends in .json if the text is JSON.
func WithFixtureData(name string, data []byte) testcontainers.CustomizeRequestOption {
	return func(req *testcontainers.GenericContainerRequest) error {
		base := filepath.Base(filepath.FromSlash(cmp.Or(name, "fixture")))
		if !isFile(base) {
			base += ".yaml"
		}
		yield(req, "quota", data)
		give(req, "fixture", path.Join(fixtureDir, base), data)
		return nil
	}
}

// isFile reports whether a fixture is named by its path.
func isFile(fixture string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(fixture)))
}

// WithConfig gives the sandbox a configuration file, which is read and copied
// into the container. Options win over it. A file that mentions rate-limit
// or quota decides about that itself; with any other there are none. A fixture must
// come with WithFixture, for the container does not have the file's directory.
func WithConfig(file string) testcontainers.CustomizeRequestOption {
	return func(req *testcontainers.GenericContainerRequest) error {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("config: %w", err)
		}
		configure(req, filepath.Base(file), data)
		return nil
	}
}

// WithConfigReader is WithConfig with a file that is read from r, once.
func WithConfigReader(r io.Reader) testcontainers.CustomizeRequestOption {
	return func(req *testcontainers.GenericContainerRequest) error {
		data, err := io.ReadAll(r)
		if err != nil {
			return fmt.Errorf("config: %w", err)
		}
		configure(req, "config.yaml", data)
		return nil
	}
}

func configure(req *testcontainers.GenericContainerRequest, name string, data []byte) {
	yield(req, "rate-limit", data)
	yield(req, "quota", data)
	yield(req, "secret-salt", data)
	give(req, "config", path.Join(configDir, name), data)
}

// yield leaves a setting that has its default of this package to a file that mentions
// it.
func yield(req *testcontainers.GenericContainerRequest, setting string, data []byte) {
	if v := variable(setting); bytes.Contains(data, []byte(setting)) && (req.Env[v] == "off" || req.Env[v] == fromSeed) {
		delete(req.Env, v)
	}
}

// WithFullHeaders sends every header with every response; default those that say
// something about it.
func WithFullHeaders() testcontainers.CustomizeRequestOption {
	return func(req *testcontainers.GenericContainerRequest) error {
		set(req, "headers", "full")
		return nil
	}
}

// WithSeed decides everything random; default 1. The same seed and the same
// requests give the same responses, secrets of keys and webhooks included, unless
// SKYSTACK_SANDBOX_SECRET_SALT is set to a text of the test's own.
func WithSeed(seed uint64) testcontainers.CustomizeRequestOption {
	return func(req *testcontainers.GenericContainerRequest) error {
		set(req, "seed", strconv.FormatUint(seed, 10))
		return nil
	}
}

// WithClock sets how time moves; default the fixture's clock, else real. A Clock
// without a mode keeps the fixture's mode, one without a Now the fixture's first
// instant. Now must be a whole second.
func WithClock(clock sandbox.Clock) testcontainers.CustomizeRequestOption {
	return func(req *testcontainers.GenericContainerRequest) error {
		if clock.Now.Nanosecond() != 0 {
			return fmt.Errorf("clock: %s is not a whole second: truncate it to one", clock.Now.Format(time.RFC3339Nano))
		}
		if clock.Mode != "" {
			set(req, "clock", string(clock.Mode))
		}
		if clock.Mode == sandbox.ScaledClock && clock.Scale != 0 {
			set(req, "scale", strconv.FormatFloat(clock.Scale, 'g', -1, 64))
		}
		if !clock.Now.IsZero() {
			set(req, "now", clock.Now.UTC().Format(time.RFC3339))
		}
		return nil
	}
}

// WithWorkspaceBudget bounds the memory that one workspace may take, in bytes, at
// least 1 MiB; sandbox.Unlimited is no bound. Default 256 MiB, or a quarter of the
// container's memory if that is limited.
func WithWorkspaceBudget(bytes int64) testcontainers.CustomizeRequestOption {
	return func(req *testcontainers.GenericContainerRequest) error {
		if bytes == sandbox.Unlimited {
			set(req, "workspace-budget", "off")
			return nil
		}
		if bytes < 1<<20 {
			return fmt.Errorf("workspace budget of %d bytes: use at least 1048576, or sandbox.Unlimited", bytes)
		}
		set(req, "workspace-budget", strconv.FormatInt(bytes, 10))
		return nil
	}
}

// WithRateLimit turns rate limits on. Without it, as in emulator.Start, there
// are none.
func WithRateLimit(r sandbox.RateLimit) testcontainers.CustomizeRequestOption {
	return func(req *testcontainers.GenericContainerRequest) error {
		set(req, "rate-limit", "on")
		if r.PerMinute != 0 {
			set(req, "rate-limit-per-minute", allowance(r.PerMinute))
		}
		if r.PerDay != 0 {
			set(req, "rate-limit-per-day", allowance(r.PerDay))
		}
		switch {
		case r.Separate:
			set(req, "rate-limit-scope", "key")
		case r.Shared:
			set(req, "rate-limit-scope", "workspace")
		}
		if r.Fixed {
			set(req, "rate-limit-algorithm", "fixed")
		}
		return nil
	}
}

func allowance(n int) string {
	if n < 0 {
		return "off"
	}
	return strconv.Itoa(n)
}

// WithHostAccess lets the container reach ports of the machine that runs the
// test even if they are open on its loopback interface alone, or if the Docker
// engine is on another machine. testcontainers starts a further container for
// it, from the image testcontainers/sshd. Ports that are open on all interfaces,
// as that of emulator.NewReceiver is, need no option: see Container.HostURL.
func WithHostAccess(ports ...int) testcontainers.CustomizeRequestOption {
	return func(req *testcontainers.GenericContainerRequest) error {
		for _, port := range ports {
			if port < 1 || port > 65535 {
				return fmt.Errorf("host access: %d is not a port: use 1 to 65535", port)
			}
		}
		return testcontainers.WithHostPortAccess(ports...)(req)
	}
}

// set gives the sandbox a setting.
func set(req *testcontainers.GenericContainerRequest, setting, value string) {
	if req.Env == nil {
		req.Env = map[string]string{}
	}
	req.Env[variable(setting)] = value
}

// give copies a file into the container and names it in a setting. Every user
// may read it there, because the sandbox does not run as root.
func give(req *testcontainers.GenericContainerRequest, setting, at string, data []byte) {
	req.Files = append(req.Files, testcontainers.ContainerFile{Reader: bytes.NewReader(data), ContainerFilePath: at, FileMode: 0o644})
	set(req, setting, at)
}
