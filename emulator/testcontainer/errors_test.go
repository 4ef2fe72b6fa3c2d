package testcontainer

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"
)

// known is a container whose state and output are known.
type known struct {
	testcontainers.Container
	running bool
	output  io.Reader
}

func (s known) State(context.Context) (*container.State, error) {
	return &container.State{Running: s.running}, nil
}

func (s known) PortEndpoint(context.Context, string, string) (string, error) {
	return "http://engine.test:32768", nil
}

func (s known) Logs(context.Context) (io.ReadCloser, error) {
	if s.output == nil {
		return nil, errors.New("the engine is gone")
	}
	return io.NopCloser(s.output), nil
}

func TestExplain(t *testing.T) {
	failed := errors.New("container exited with code 2")
	taken := errors.New("Bind for 127.0.0.1:8080 failed: port is already allocated")
	printing := func(output io.Reader) *Container {
		return &Container{Container: known{output: output}, key: "sky_test_secret", admin: "sky_admin_secret"}
	}
	for _, tc := range []struct {
		name  string
		c     *Container
		cause error
		want  string
	}{
		{"output", printing(strings.NewReader("one\ntwo\n")), failed, "the image \"img\" did not start: container exited with code 2; the last it printed:\n  one\n  two"},
		{"no output", printing(strings.NewReader("\n")), failed, "the image \"img\" did not start: container exited with code 2: it printed nothing; is that the sandbox's image, and for this kind of machine?"},
		{"unknown output", printing(nil), failed, "the image \"img\" did not start: container exited with code 2; what it printed is unknown: the engine is gone"},
		{"secrets", printing(strings.NewReader("key sky_test_secret admin sky_admin_secret")), failed, "the image \"img\" did not start: container exited with code 2; the last it printed:\n  key sky_test_… admin sky_admin_…"},
		{"ComputeStacks", printing(strings.NewReader("export COMPUTESTACKS_API_SECRET=abc\nexport COMPUTESTACKS_REDIRECT_URI=http://127.0.0.1/callback\n  -u name:password")), failed, "the image \"img\" did not start: container exited with code 2; the last it printed:\n  export COMPUTESTACKS_API_SECRET=…\n  export COMPUTESTACKS_REDIRECT_URI=http://127.0.0.1/callback\n    -u name:…"},
		{"not reached", &Container{Container: known{running: true, output: strings.NewReader("Serving.")}}, context.DeadlineExceeded, "the sandbox runs, but nothing ready answers at http://engine.test:32768/readyz: if the engine's machine has another name for tests, let TESTCONTAINERS_HOST_OVERRIDE say it: context deadline exceeded; the last it printed:\n  Serving."},
		{"taken port", printing(nil), taken, "a port is taken that the container is to be published on: end what listens there, or publish on no fixed port: " + taken.Error()},
		{"another taken port", printing(nil), errors.New("listen tcp4 0.0.0.0:80: bind: address already in use"), "a port is taken that the container is to be published on: end what listens there, or publish on no fixed port: listen tcp4 0.0.0.0:80: bind: address already in use"},
		{"no reaper", printing(nil), errors.New("create container: reaper: no such host"), "the container by which testcontainers cleans up does not start: let its image be pulled, or set TESTCONTAINERS_RYUK_DISABLED=true: create container: reaper: no such host"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req := requested(t, testcontainers.WithImage("img"))
			err := explain(t.Context(), req, tc.c, tc.cause)
			if err.Error() != tc.want {
				t.Errorf("got  %q\nwant %q", err, tc.want)
			}
			if !errors.Is(err, tc.cause) {
				t.Error("the cause is lost")
			}
		})
	}
	built := requested(t, testcontainers.WithDockerfile(testcontainers.FromDockerfile{Context: "."}))
	if err := explain(t.Context(), built, nil, failed); !errors.Is(failed, err) {
		t.Errorf("without a container: %v, want the cause alone", err)
	}
	if err := explain(t.Context(), built, printing(strings.NewReader("one")), failed); err.Error() != "the image that was built did not start: container exited with code 2; the last it printed:\n  one" {
		t.Error(err)
	}
	// The time of the caller is up, and yet there is a response.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := explain(ctx, requested(t), printing(strings.NewReader("last words")), ctx.Err()); !strings.Contains(err.Error(), "last words") {
		t.Error(err)
	}
}

func TestTail(t *testing.T) {
	many := strings.Repeat("line\n", 1000)
	long := strings.Repeat("x", 3*lastBytes)
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"empty lines", "\n\r\n", ""},
		{"no end of line", "a\nb", "a\nb"},
		{"many lines", many, strings.TrimSuffix(strings.Repeat("line\n", lastLines), "\n")},
		{"one long line", long, long[:lastBytes]},
		{"not text", "a\xff\nb\n", "a\nb"},
		{"a letter cut in half", "ä" + strings.Repeat("x", lastBytes-1), strings.Repeat("x", lastBytes-1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tc.text), iotest.OneByteReader(strings.NewReader(tc.text)), iotest.DataErrReader(strings.NewReader(tc.text))} {
				if got := tail(r); got != tc.want {
					t.Errorf("got %q, want %q", got, tc.want)
				}
			}
		})
	}
}

// Without an engine nothing is tried, and nothing is left.
func TestNoEngine(t *testing.T) {
	const unknown = testcontainers.ProviderType(99)
	c, err := Run(t.Context(), "skystack-sandbox:latest", testcontainers.WithProvider(unknown))
	const want = "run skystack-sandbox: no Docker engine responds: start Docker, or set DOCKER_HOST: unknown provider"
	if c != nil || err == nil || err.Error() != want {
		t.Errorf("container %v, error %v, want %s", c, err, want)
	}
}

func TestEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := Run(ctx, "skystack-sandbox:latest"); c != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("container %v, error %v", c, err)
	}
}
