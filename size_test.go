package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mostBytes is the most that the binary of the image may have.
const mostBytes = 22_250_000

// The binary of the image stays small. It is built as the Dockerfile builds it, and
// the linker's record of what needs what shows that nothing looks up methods by name:
// that would make it keep every exported method of every type.
func TestSize(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`go build \\\n\s*(.+) -ldflags "(-s -w)" -o /out/skystack-sandbox \.`).FindSubmatch(text)
	if command == nil {
		t.Fatal("the Dockerfile builds in another way: let this test follow")
	}
	binary := filepath.Join(t.TempDir(), "skystack-sandbox")
	args := append([]string{"build"}, strings.Fields(string(command[1]))...)
	build := exec.Command("go", append(args, "-ldflags", string(command[2])+" -dumpdep", "-o", binary, ".")...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=")
	record, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, record[max(0, len(record)-2000):])
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the binary has %.2f MB", float64(info.Size())/1e6)
	if info.Size() > mostBytes {
		t.Errorf("the binary has %d bytes, want at most %d", info.Size(), mostBytes)
	}
	n, found := wasteful(record)
	if n < 10_000 {
		t.Errorf("the linker wrote %d lines only", n)
	}
	for _, line := range found {
		t.Error(line)
	}
}

// wasteful is the lines of the linker's record that name a function which looks up
// methods by name, or the templates, which do so; and how many lines were looked at.
func wasteful(record []byte) (lines int, found []string) {
	seen := map[string]bool{}
	for line := range bytes.Lines(record) {
		lines++
		// Content that functions share may bear the name of any of them.
		from, _, ok := strings.Cut(string(line), " -> ")
		template := strings.HasPrefix(from, "html/template.") || strings.HasPrefix(from, "text/template.(*Template).")
		if ok && (template || strings.HasSuffix(from, " <ReflectMethod>")) && !seen[from] {
			seen[from] = true
			found = append(found, from)
		}
	}
	return lines, found
}

func TestWasteful(t *testing.T) {
	const record = `main.main -> skystack.dev/sandbox/emulator/cli.Run
text/template.init -> text/template.builtinFuncs
github.com/getkin/kin-openapi/openapi3.f -> text/template.(*state).walk.arginfo1
kong.getMethod <ReflectMethod> -> reflect.Value.MethodByName
kong.getMethod <ReflectMethod> -> fmt.Errorf
text/template.(*Template).Execute -> text/template.(*state).walk
html/template.New -> text/template.New
`
	n, found := wasteful([]byte(record))
	if want := "kong.getMethod <ReflectMethod>|text/template.(*Template).Execute|html/template.New"; n != 7 || strings.Join(found, "|") != want {
		t.Errorf("%d lines, %q", n, found)
	}
}
