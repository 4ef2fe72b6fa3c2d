package testcontainer_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"skystack.dev/sandbox/emulator/testcontainer"
)

// imageName is the image that these tests make and keep.
const imageName = "skystack-sandbox:test"

// Every test ends its containers itself: the one by which testcontainers would do
// it after a crash need not be fetched.
func TestMain(m *testing.M) {
	if _, decided := os.LookupEnv("TESTCONTAINERS_RYUK_DISABLED"); !decided {
		_ = os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	}
	os.Exit(m.Run())
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
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := testcontainer.Run(ctx, imageName)
	if c != nil {
		err = errors.Join(err, testcontainers.TerminateContainer(c))
	}
	if err != nil && strings.Contains(err.Error(), "nothing ready answers") {
		return err
	}
	return nil
})

// image is the name of an image of this tree's sandbox. Without a Docker engine
// the test is skipped, or fails where an engine must be.
func image(t *testing.T) string {
	t.Helper()
	if err := engine(t.Context()); err != nil {
		if required() {
			t.Fatalf("there must be a Docker engine here: %v", err)
		}
		t.Skipf("there is no Docker engine: %v", err)
	}
	if err := built(); err != nil {
		t.Fatalf("the image: %v", err)
	}
	if err := reached(); err != nil {
		t.Skipf("there is a Docker engine, but its containers cannot be reached: %v", err)
	}
	return imageName
}

func engine(ctx context.Context) error {
	provider, err := testcontainers.ProviderDefault.GetProvider()
	if err != nil {
		return err
	}
	return errors.Join(provider.Health(ctx), provider.Close())
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
	before, _ := docker.ImageInspect(ctx, imageName)
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
	if after, err := docker.ImageInspect(ctx, imageName); err == nil && before.ID != "" && before.ID != after.ID {
		_, _ = docker.ImageRemove(ctx, before.ID, client.ImageRemoveOptions{PruneChildren: true}) // stays if somebody uses it
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

// The image is nothing but the binary, CA roots and time zones. It does not meet
// its budget of 15 MB yet: kong looks up methods by name, which keeps the linker
// from leaving out what nobody calls. It must not grow meanwhile.
func TestImage(t *testing.T) {
	const most = 30_000_000 // bytes, as docker images counts them
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
