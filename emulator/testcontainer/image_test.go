package testcontainer_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// imageName is the image that these tests make. It is removed at the end, and has a
// name of its own, so that two runs at a time do not take it from each other;
// SKYSTACK_SANDBOX_KEEP_IMAGE=1 keeps it, as skystack-sandbox:test.
var imageName = func() string {
	if keepsImage() {
		return "skystack-sandbox:test"
	}
	return "skystack-sandbox:test-" + strings.ToLower(rand.Text())
}()

func keepsImage() bool { return os.Getenv("SKYSTACK_SANDBOX_KEEP_IMAGE") == "1" }

// TestMain says in one line whether the tests use Docker. Every test ends its
// containers itself: the one by which testcontainers would do it after a crash need
// not be fetched.
func TestMain(m *testing.M) {
	flag.Parse()
	if _, decided := os.LookupEnv("TESTCONTAINERS_RYUK_DISABLED"); !decided {
		_ = os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	}
	switch err := engine(); {
	case err == nil && keepsImage():
		fmt.Printf("These tests use Docker, and keep the image %s.\n", imageName)
	case err == nil:
		fmt.Printf("These tests use Docker, and remove the image %s at the end.\n", imageName)
	case required():
		fmt.Printf("These tests need Docker: %v\n", err)
	default:
		fmt.Printf("The tests that need Docker are skipped: %v\n", err)
	}
	code := m.Run()
	if err := removeImage(context.Background()); err != nil {
		fmt.Printf("The image %s is left: %v\n", imageName, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// removeImage removes the image, if one was made that is not to be kept.
func removeImage(ctx context.Context) error {
	if engine() != nil || keepsImage() {
		return nil
	}
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = docker.Close() }()
	_, err = docker.ImageRemove(ctx, imageName, client.ImageRemoveOptions{PruneChildren: true})
	if errdefs.IsNotFound(err) { // no test needed it
		return nil
	}
	return err
}

// built makes the image once.
var built = sync.OnceValue(func() error { return build(context.Background()) })

// required says that there must be a Docker engine whose containers can be reached.
func required() bool { return os.Getenv("SKYSTACK_SANDBOX_REQUIRE_DOCKER") == "1" }

// reached tells once whether what runs in a container can be reached from here:
// in a container of its own a machine may take the wrong name for its engine's.
var reached = sync.OnceValue(func() error {
	if required() {
		return nil // a test will say so
	}
	ctx := context.Background()
	c, err := testcontainers.Run(ctx, imageName, testcontainers.WithExposedPorts("8080/tcp"))
	if c != nil {
		defer func() { _ = testcontainers.TerminateContainer(c) }()
	}
	if err != nil {
		return nil // a test will say so
	}
	at, err := c.PortEndpoint(ctx, "8080/tcp", "")
	if err != nil {
		return err
	}
	// The engine itself accepts connections to a published port.
	conn, err := net.DialTimeout("tcp", at, engineWait)
	if err != nil {
		return fmt.Errorf("%w; TESTCONTAINERS_HOST_OVERRIDE says where they are", err)
	}
	return conn.Close()
})

// image is the name of an image of this tree's sandbox. Without a Docker engine
// the test is skipped, or fails where an engine must be.
func image(t *testing.T) string {
	t.Helper()
	if err := engine(); err != nil {
		if required() {
			t.Fatalf("SKYSTACK_SANDBOX_REQUIRE_DOCKER is 1: %v", err)
		}
		t.Skip(err)
	}
	if err := built(); err != nil {
		t.Fatalf("the image: %v", err)
	}
	if err := reached(); err != nil {
		t.Skipf("there is a Docker engine, but its containers cannot be reached: %v", err)
	}
	return imageName
}

// engineWait is how long a Docker engine may take to respond.
const engineWait = 3 * time.Second

// engine says once why no Docker engine can be used; nil if one can.
var engine = sync.OnceValue(func() error { return reach(engineWait, ping) })

// reach gives up on an engine that does not respond in time, and says why none can be
// used in one line.
func reach(wait time.Duration, ping func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	responded := make(chan error, 1)
	go func() { responded <- ping(ctx) }()
	select {
	case err := <-responded:
		if err != nil {
			return fmt.Errorf("there is no Docker engine: %s", strings.Join(strings.Fields(err.Error()), " "))
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the Docker engine did not respond within %v", wait)
	}
}

// ping asks the engine whether it is well.
func ping(ctx context.Context) error {
	provider, err := testcontainers.ProviderDefault.GetProvider()
	if err != nil {
		return err
	}
	return errors.Join(provider.Health(ctx), provider.Close())
}

// An engine that does not respond is given up on, and one that cannot be reached is
// described in one line.
func TestEngineThatCannotBeReached(t *testing.T) {
	t.Parallel()
	silent := func(ctx context.Context) error {
		<-t.Context().Done() // not even when it is told to end
		return ctx.Err()
	}
	if err := reach(time.Millisecond, silent); err == nil || err.Error() != "the Docker engine did not respond within 1ms" {
		t.Error(err)
	}
	refused := func(context.Context) error { return errors.New("cannot connect:\nis it running?") }
	if err := reach(time.Minute, refused); err == nil || err.Error() != "there is no Docker engine: cannot connect: is it running?" {
		t.Error(err)
	}
	if err := reach(time.Minute, func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
	if engineWait != 3*time.Second {
		t.Errorf("it is given %v", engineWait)
	}
}

// build does what the Dockerfile in the repository's root says, with the Go of
// this machine in the place of the stage that builds: no image is fetched.
func build(ctx context.Context) error {
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = docker.Close() }()
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		return err
	}
	first, final, found := strings.Cut(string(text), "\nFROM scratch\n")
	_, command, runs := strings.Cut(first, "\nRUN ")
	if !found || !runs || strings.Contains(command, "\nRUN ") {
		return errors.New("the Dockerfile no longer has one RUN in its first stage and an empty image in its last")
	}
	out, err := os.MkdirTemp("", "skystack-sandbox-image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(out) }()
	info, err := docker.Info(ctx, client.InfoOptions{})
	if err != nil {
		return err
	}
	sh := exec.CommandContext(ctx, "sh", "-c", strings.ReplaceAll(command, "/out/", out+"/"))
	sh.Dir, sh.Env = root, append(os.Environ(), "TARGETOS=linux", "TARGETARCH="+architecture(info.Info.Architecture))
	if said, err := sh.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, said)
	}
	archive, err := pack(final, out)
	if err != nil {
		return err
	}
	repo, tag, _ := strings.Cut(imageName, ":")
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return err
	}
	var log bytes.Buffer
	_, err = provider.BuildImage(ctx, &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		ContextArchive: bytes.NewReader(archive), Repo: repo, Tag: tag, BuildLogWriter: &log,
	}})
	if err != nil {
		return fmt.Errorf("docker build: %w\n%s", err, log.String())
	}
	return nil
}

// pack is what docker build is sent: the last stage, and the files that it takes
// from the first.
func pack(final, out string) ([]byte, error) {
	const from = "COPY --from=build "
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	add := func(name string, mode int64, data []byte) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(data))}); err != nil {
			return err
		}
		_, err := w.Write(data)
		return err
	}
	for line := range strings.Lines(final) {
		rest, copies := strings.CutPrefix(line, from)
		if !copies {
			continue
		}
		path := strings.Fields(rest)[0]
		source, mode := path, int64(0o644)
		if name, ours := strings.CutPrefix(path, "/out/"); ours {
			source, mode = filepath.Join(out, name), 0o755
		}
		data, err := os.ReadFile(source)
		if err != nil && mode == 0o755 {
			return nil, err
		}
		if err := add(strings.TrimPrefix(path, "/"), mode, data); err != nil { // a machine may keep its CA roots elsewhere
			return nil, err
		}
	}
	if err := add("Dockerfile", 0o644, []byte("FROM scratch\n"+strings.ReplaceAll(final, from+"/", "COPY "))); err != nil {
		return nil, err
	}
	return buffer.Bytes(), w.Close()
}

// architecture is Go's name for what the engine runs on.
func architecture(engines string) string {
	switch engines {
	case "x86_64", "amd64":
		return "amd64"
	case "aarch64", "arm64":
		return "arm64"
	}
	return runtime.GOARCH
}

// The image is nothing but the binary, whose size a test beside the Dockerfile
// holds, and CA roots.
func TestImage(t *testing.T) {
	const most = 22_500_000 // bytes, as docker images counts them
	name := image(t)
	docker, err := testcontainers.NewDockerClientWithOpts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = docker.Close() }()
	got, err := docker.ImageInspect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the image has %.1f MB", float64(got.Size)/1e6)
	if got.Size > most {
		t.Errorf("the image has %d bytes, want at most %d", got.Size, most)
	}
	c := got.Config
	if c.User != "65532:65532" {
		t.Errorf("user %q, want one that is not root, by number", c.User)
	}
	if strings.Join(c.Entrypoint, " ") != "/skystack-sandbox" || len(c.Cmd) != 0 || c.StopSignal != "SIGTERM" {
		t.Errorf("entry point %q, command %q, stop signal %q", c.Entrypoint, c.Cmd, c.StopSignal)
	}
	if c.Healthcheck == nil || strings.Join(c.Healthcheck.Test, " ") != "CMD /skystack-sandbox healthcheck" {
		t.Errorf("health check %+v", c.Healthcheck)
	}
	if len(c.ExposedPorts) != 2 {
		t.Errorf("ports %v", c.ExposedPorts)
	}
	for _, label := range []string{"title", "description", "version", "licenses"} {
		if c.Labels["org.opencontainers.image."+label] == "" {
			t.Errorf("there is no label %s", label)
		}
	}
}
