package testcontainer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/testcontainers/testcontainers-go"

	"skystack.dev/sandbox/emulator/internal/secret"
)

const (
	// lastLines and lastBytes are what an error shows of the container's output.
	lastLines = 20
	lastBytes = 4 << 10

	// logTimeout is how long the engine may take to return state and output.
	logTimeout = 5 * time.Second
)

// prepare finds a Docker engine, and lets the sandbox accept the name of its machine.
func prepare(ctx context.Context, req *testcontainers.GenericContainerRequest) error {
	provider, err := req.ProviderType.GetProvider()
	if err == nil {
		defer func() { _ = provider.Close() }()
		err = provider.Health(ctx)
	}
	if err != nil {
		return fmt.Errorf("no Docker engine responds: start Docker, or set DOCKER_HOST: %w", err)
	}
	engine, ok := provider.(interface {
		DaemonHost(ctx context.Context) (string, error)
	})
	if !ok {
		return nil
	}
	host, err := engine.DaemonHost(ctx)
	if err != nil {
		return fmt.Errorf("the Docker engine's host: %w", err)
	}
	allow(req, host)
	return nil
}

// allow lets the sandbox accept the name of the engine's machine, if it would
// not do so by itself.
func allow(req *testcontainers.GenericContainerRequest, host string) {
	known := host == "" || net.ParseIP(host) != nil || !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost")
	if _, given := req.Env[variable("allowed-host")]; !known && !given {
		set(req, "allowed-host", host)
	}
}

// explain says what a failure means and what to do about it. c is nil when no
// container was made.
func explain(ctx context.Context, req *testcontainers.GenericContainerRequest, c *Container, err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "port is already allocated"), strings.Contains(text, "address already in use"):
		return fmt.Errorf("a port is taken that the container is to be published on: end what listens there, or publish on no fixed port: %w", err)
	case strings.Contains(text, "reaper: "):
		return fmt.Errorf("the container by which testcontainers cleans up does not start: let its image be pulled, or set TESTCONTAINERS_RYUK_DISABLED=true: %w", err)
	case c == nil && !req.ShouldBuildImage() && missing(ctx, req.Image):
		return fmt.Errorf("there is no image %q on this machine, and it could not be pulled: build it in the sandbox's repository with docker build -t %s . or correct the name: %w", req.Image, req.Image, err)
	case c == nil:
		return err
	}
	// The caller's time may be what ran out.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logTimeout)
	defer cancel()
	printed := c.last(ctx)
	if state, unknown := c.State(ctx); unknown == nil && state.Running {
		url, _ := c.URL(ctx)
		return fmt.Errorf("the sandbox runs, but nothing ready answers at %s/readyz: if the engine's machine has another name for tests, let TESTCONTAINERS_HOST_OVERRIDE say it: %w%s", url, err, printed)
	}
	if printed == "" {
		printed = ": it printed nothing; is that the sandbox's image, and for this kind of machine?"
	}
	return fmt.Errorf("%s did not start: %w%s", named(req), err, printed)
}

// missing reports whether the engine knows no such image.
func missing(ctx context.Context, img string) bool {
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return false
	}
	defer func() { _ = docker.Close() }()
	_, err = docker.ImageInspect(ctx, img)
	return errdefs.IsNotFound(err)
}

// named is how messages call the image.
func named(req *testcontainers.GenericContainerRequest) string {
	if req.ShouldBuildImage() {
		return "the image that was built"
	}
	return fmt.Sprintf("the image %q", req.Image)
}

// credential is a line of the banner that shows a ComputeStacks credential.
var credential = regexp.MustCompile(`(COMPUTESTACKS_(?:API_KEY|API_SECRET|CLIENT_ID|CLIENT_SECRET)=|-u [^\s:]+:)\S+`)

// last is what the container printed at the end, without its credentials; "" if that
// was nothing.
func (c *Container) last(ctx context.Context) string {
	logs, err := c.Logs(ctx)
	if err != nil {
		return fmt.Sprintf("; what it printed is unknown: %v", err)
	}
	defer func() { _ = logs.Close() }()
	end := tail(logs)
	for token, shown := range map[string]string{c.key: secret.Key + "…", c.admin: secret.Admin + "…"} {
		if token != "" {
			end = strings.ReplaceAll(end, token, shown)
		}
	}
	end = credential.ReplaceAllString(end, "${1}…")
	if end == "" {
		return ""
	}
	return "; the last it printed:\n  " + strings.ReplaceAll(end, "\n", "\n  ")
}

// tail is the last lines of a text.
func tail(r io.Reader) string {
	var kept []byte
	buffer := make([]byte, lastBytes)
	for {
		n, err := r.Read(buffer)
		kept = append(kept, buffer[:n]...)
		if cut := len(kept) - lastBytes; cut > 0 {
			kept = append(kept[:0], kept[cut:]...)
		}
		if err != nil {
			break
		}
	}
	lines := bytes.Split(bytes.TrimRight(kept, "\r\n"), []byte("\n"))
	if cut := len(lines) - lastLines; cut > 0 {
		lines = lines[cut:]
	}
	return strings.ToValidUTF8(string(bytes.Join(lines, []byte("\n"))), "")
}
