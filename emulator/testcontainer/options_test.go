package testcontainer

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"skystack.dev/sandbox/emulator/sandbox"
)

type options []testcontainers.ContainerCustomizer

func requested(t *testing.T, opts ...testcontainers.ContainerCustomizer) *testcontainers.GenericContainerRequest {
	t.Helper()
	req, err := request("skystack-sandbox:latest", opts...)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestDefaults(t *testing.T) {
	req := requested(t)
	if req.Image != "skystack-sandbox:latest" || !req.Started {
		t.Errorf("image %q, started %v", req.Image, req.Started)
	}
	if len(req.ExposedPorts) != 1 || req.ExposedPorts[0] != "8080/tcp" {
		t.Errorf("ports %v", req.ExposedPorts)
	}
	ready, ok := req.WaitingFor.(*wait.MultiStrategy)
	if !ok || len(ready.Strategies) != 1 {
		t.Fatalf("waiting for %v", req.WaitingFor)
	}
	if got := ready.Strategies[0].(*wait.HTTPStrategy).String(); got != `HTTP GET request on port 8080 path "/readyz"` {
		t.Errorf("waiting for %s", got)
	}
	want := map[string]string{
		"SKYSTACK_SANDBOX_LISTEN": "0.0.0.0:8080", "SKYSTACK_SANDBOX_RATE_LIMIT": "off", "SKYSTACK_SANDBOX_QUOTA": "off",
		"SKYSTACK_SANDBOX_SECRET_SALT": "seed-1",
		"SKYSTACK_SANDBOX_KEY":         req.Env["SKYSTACK_SANDBOX_KEY"], "SKYSTACK_SANDBOX_ADMIN_TOKEN": req.Env["SKYSTACK_SANDBOX_ADMIN_TOKEN"],
	}
	if !maps.Equal(req.Env, want) {
		t.Errorf("environment %v", req.Env)
	}
	for name, prefix := range map[string]string{"SKYSTACK_SANDBOX_KEY": "sky_test_", "SKYSTACK_SANDBOX_ADMIN_TOKEN": "sky_admin_"} {
		if got := req.Env[name]; !strings.HasPrefix(got, prefix) || got == requested(t).Env[name] {
			t.Errorf("%s=%s, want one of the container's own", name, got)
		}
	}
	if len(req.Files)+len(req.Mounts)+len(req.Cmd)+len(req.HostAccessPorts) != 0 {
		t.Errorf("files %v, mounts %v, command %v, host ports %v", req.Files, req.Mounts, req.Cmd, req.HostAccessPorts)
	}
}

// What an option says to the sandbox, in its environment and its files.
func TestOptions(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	noon := time.Date(2026, 3, 19, 12, 0, 0, 0, time.FixedZone("", 3600))
	for _, tc := range []struct {
		name  string
		opts  options
		env   map[string]string // "": not there
		files map[string]string
	}{
		{"fixture by name", options{WithFixture("docs")}, map[string]string{"FIXTURE": "docs"}, nil},
		{"one API", options{WithAPIs(sandbox.ComputeStacks)}, map[string]string{"APIS": "computestacks"}, nil},
		{"both APIs", options{WithAPIs(sandbox.SkyStack, sandbox.ComputeStacks)}, map[string]string{"APIS": "skystack,computestacks"}, nil},
		{"all headers", options{WithFullHeaders()}, map[string]string{"HEADERS": "full"}, nil},
		{"busy fixture", options{WithFixture("busy=1000")}, map[string]string{"FIXTURE": "busy=1000"}, nil},
		{"fixture by path", options{WithFixture(file("my world.yaml", "format: x"))}, map[string]string{"FIXTURE": "/fixtures/my world.yaml"}, map[string]string{"/fixtures/my world.yaml": "format: x"}},
		{"fixture in JSON", options{WithFixture(file("w.JSON", "{}"))}, map[string]string{"FIXTURE": "/fixtures/w.JSON"}, map[string]string{"/fixtures/w.JSON": "{}"}},
		{"fixture as text", options{WithFixtureData("a/b.yml", []byte("x"))}, map[string]string{"FIXTURE": "/fixtures/b.yml"}, map[string]string{"/fixtures/b.yml": "x"}},
		{"fixture without a name", options{WithFixtureData("", nil)}, map[string]string{"FIXTURE": "/fixtures/fixture.yaml"}, map[string]string{"/fixtures/fixture.yaml": ""}},
		{"fixture without an ending", options{WithFixtureData("../..", []byte("x"))}, map[string]string{"FIXTURE": "/fixtures/...yaml"}, map[string]string{"/fixtures/...yaml": "x"}},
		{"the last fixture", options{WithFixtureData("a.yaml", nil), WithFixture("empty")}, map[string]string{"FIXTURE": "empty"}, map[string]string{"/fixtures/a.yaml": ""}},
		{"config", options{WithConfig(file("c.yaml", "speed: instant"))}, map[string]string{"CONFIG": "/config/c.yaml", "RATE_LIMIT": "off"}, map[string]string{"/config/c.yaml": "speed: instant"}},
		{"config by reader", options{WithConfigReader(strings.NewReader("strict: true"))}, map[string]string{"CONFIG": "/config/config.yaml"}, map[string]string{"/config/config.yaml": "strict: true"}},
		{"config with limits", options{WithConfigReader(strings.NewReader("rate-limit: on"))}, map[string]string{"RATE_LIMIT": ""}, map[string]string{"/config/config.yaml": "rate-limit: on"}},
		{"config with limits and an option", options{WithRateLimit(sandbox.RateLimit{}), WithConfigReader(strings.NewReader("rate-limit: off"))}, map[string]string{"RATE_LIMIT": "on"}, map[string]string{"/config/config.yaml": "rate-limit: off"}},
		{"seed", options{WithSeed(1<<64 - 1)}, map[string]string{"SEED": "18446744073709551615"}, nil},
		{"the salt follows from the seed", options{WithSeed(7)}, map[string]string{"SECRET_SALT": "seed-7"}, nil},
		{"or from its variable", options{testcontainers.WithEnv(map[string]string{"SKYSTACK_SANDBOX_SEED": "8"})}, map[string]string{"SECRET_SALT": "seed-8"}, nil},
		{"a salt of one's own", options{WithSeed(7), testcontainers.WithEnv(map[string]string{"SKYSTACK_SANDBOX_SECRET_SALT": "mine"})}, map[string]string{"SECRET_SALT": "mine"}, nil},
		{"or of the configuration", options{WithConfigReader(strings.NewReader("secret-salt: mine"))}, map[string]string{"SECRET_SALT": ""}, map[string]string{"/config/config.yaml": "secret-salt: mine"}},
		{"seed 0", options{WithSeed(0)}, map[string]string{"SEED": "0"}, nil},
		{"zero clock", options{WithClock(sandbox.Clock{})}, map[string]string{"CLOCK": "", "NOW": "", "SCALE": ""}, nil},
		{"frozen clock", options{WithClock(sandbox.Clock{Mode: sandbox.FrozenClock, Now: noon, Scale: 7})}, map[string]string{"CLOCK": "frozen", "NOW": "2026-03-19T11:00:00Z", "SCALE": ""}, nil},
		{"scaled clock", options{WithClock(sandbox.Clock{Mode: sandbox.ScaledClock, Scale: 0.5})}, map[string]string{"CLOCK": "scaled", "NOW": "", "SCALE": "0.5"}, nil},
		{"default limits", options{WithRateLimit(sandbox.RateLimit{})}, map[string]string{"RATE_LIMIT": "on", "RATE_LIMIT_PER_MINUTE": "", "RATE_LIMIT_PER_DAY": "", "RATE_LIMIT_SCOPE": "", "RATE_LIMIT_ALGORITHM": ""}, nil},
		{"limits", options{WithRateLimit(sandbox.RateLimit{PerMinute: 5, PerDay: sandbox.Unlimited, Shared: true, Fixed: true})}, map[string]string{"RATE_LIMIT": "on", "RATE_LIMIT_PER_MINUTE": "5", "RATE_LIMIT_PER_DAY": "off", "RATE_LIMIT_SCOPE": "workspace", "RATE_LIMIT_ALGORITHM": "fixed"}, nil},
		{"separate limits", options{WithRateLimit(sandbox.RateLimit{Separate: true})}, map[string]string{"RATE_LIMIT_SCOPE": "key"}, nil},
		{"options of testcontainers win", options{testcontainers.WithEnv(map[string]string{"SKYSTACK_SANDBOX_RATE_LIMIT": "on", "SKYSTACK_SANDBOX_SPEED": "instant"})}, map[string]string{"RATE_LIMIT": "on", "SPEED": "instant"}, nil},
		{"no option", options{nil}, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req := requested(t, tc.opts...)
			for name, want := range tc.env {
				if got, there := req.Env["SKYSTACK_SANDBOX_"+name]; got != want || there != (want != "") {
					t.Errorf("%s=%q (there: %v), want %q", name, got, there, want)
				}
			}
			files := map[string]string{}
			for _, f := range req.Files {
				text, err := io.ReadAll(f.Reader)
				if err != nil || f.FileMode != 0o644 {
					t.Errorf("%s: mode %o, error %v", f.ContainerFilePath, f.FileMode, err)
				}
				files[f.ContainerFilePath] = string(text)
			}
			if !maps.Equal(files, tc.files) {
				t.Errorf("files %q, want %q", files, tc.files)
			}
		})
	}
}

func TestWrongOptions(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, tc := range []struct {
		name string
		opt  testcontainers.ContainerCustomizer
		want string
	}{
		{"no such fixture", WithFixture("no/such.yaml"), "fixture: open no/such.yaml: no such file or directory"},
		{"a folder", WithConfig(".."), "config: read ..: is a directory"},
		{"no API", WithAPIs(), "apis: name one or more"},
		{"no such config", WithConfig(""), "config: open : no such file or directory"},
		{"broken reader", WithConfigReader(iotest.ErrReader(broken)), "config: the disk is gone"},
		{"part of a second", WithClock(sandbox.Clock{Now: time.Unix(0, 500_000_000).UTC()}), "clock: 1970-01-01T00:00:00.5Z is not a whole second: truncate it to one"},
		{"port 0", WithHostAccess(8080, 0), "host access: 0 is not a port: use 1 to 65535"},
		{"too large a port", WithHostAccess(65536), "host access: 65536 is not a port: use 1 to 65535"},
		{"of testcontainers", testcontainers.WithName(""), "container name must be provided"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := Run(t.Context(), "skystack-sandbox:latest", tc.opt)
			if want := "run skystack-sandbox: " + tc.want; c != nil || err == nil || err.Error() != want {
				t.Errorf("container %v, error %v, want %s", c, err, want)
			}
		})
	}
}

func TestHostNames(t *testing.T) {
	req := requested(t, WithHostAccess(9001, 9002), testcontainers.WithHostConfigModifier(func(h *container.HostConfig) { h.ExtraHosts = append(h.ExtraHosts, "other:10.0.0.1") }))
	var host container.HostConfig
	req.HostConfigModifier(&host)
	if got := strings.Join(host.ExtraHosts, " "); got != "host.docker.internal:host-gateway other:10.0.0.1" {
		t.Errorf("extra hosts %s", got)
	}
	c := &Container{tunnelled: req.HostAccessPorts}
	for port, want := range map[int]string{9000: "http://host.docker.internal:9000", 9001: "http://host.testcontainers.internal:9001", 9002: "http://host.testcontainers.internal:9002"} {
		if got := c.HostURL(port); got != want {
			t.Errorf("port %d: %s, want %s", port, got, want)
		}
	}
}

// The sandbox accepts names of the engine's machine that it would refuse by default.
func TestAllowedHost(t *testing.T) {
	for _, tc := range []struct{ host, given, want string }{
		{"localhost", "", ""},
		{"127.0.0.1", "", ""},
		{"fe80::1", "", ""},
		{"docker", "", ""},
		{"docker.localhost", "", ""},
		{"", "", ""},
		{"docker.corp.test", "", "docker.corp.test"},
		{"docker.corp.test", "mine.test", "mine.test"},
	} {
		req := requested(t)
		if tc.given != "" {
			set(req, "allowed-host", tc.given)
		}
		if allow(req, tc.host); req.Env["SKYSTACK_SANDBOX_ALLOWED_HOST"] != tc.want {
			t.Errorf("%s: allowed %q, want %q", tc.host, req.Env["SKYSTACK_SANDBOX_ALLOWED_HOST"], tc.want)
		}
	}
}
