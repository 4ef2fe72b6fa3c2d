package emulator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "skystack.dev/sandbox"

const (
	btree     = "github.com/tidwall/btree"
	cobra     = "github.com/spf13/cobra"
	cronlib   = "github.com/netresearch/go-cron"
	container = "github.com/testcontainers/testcontainers-go"
	echo      = "github.com/labstack/echo/v4"
	fake      = "github.com/brianvoe/gofakeit/v6"
	jsonexp   = "github.com/go-json-experiment/json"
	kin       = "github.com/getkin/kin-openapi"
	oapi      = "github.com/oapi-codegen/runtime"
	pflag     = "github.com/spf13/pflag"
	victoria  = "github.com/VictoriaMetrics/metrics"
	weighted  = "golang.org/x/sync"
	system    = "golang.org/x/sys"
	yaml      = "go.yaml.in/yaml/v4"
)

// packageRule is a package of this module and all that its code, without its tests,
// may import besides the standard library.
type packageRule struct {
	path    string   // below the module; "." is its root
	modules []string // of others
	rooms   []string // of this module; only from rows above
}

// rooms is the whole house. A package that is not here must not exist; a room
// need not be built yet. A room may import only rooms above it, so the arrows
// cannot go in a circle.
var rooms = []packageRule{
	// Leaves: the standard library is all they need.
	{path: "emulator/internal/fail"},
	{path: "emulator/internal/limit"},
	{path: "emulator/internal/near"},
	{path: "emulator/internal/redact"},
	{path: "emulator/internal/secret"},
	{path: "emulator/internal/fault"},
	{path: "emulator/internal/localca"},
	{path: "emulator/internal/credential/oauth"},
	{path: "emulator/sandbox/computestacks"},
	{path: "emulator/sandbox", rooms: []string{"emulator/sandbox/computestacks"}},
	{path: "emulator/internal/finding", rooms: []string{"emulator/sandbox"}},
	{path: "emulator/internal/journal", rooms: []string{"emulator/sandbox"}},
	{path: "emulator/internal/metrics", modules: []string{victoria}},

	{path: "fixtures", modules: []string{yaml, fake}},
	{path: "emulator/internal/engine", modules: []string{btree, jsonexp}},

	// Echo, and kin-openapi outside tests, live in httpapi and nowhere else.
	{path: "emulator/internal/httpapi", modules: []string{echo, kin, jsonexp, weighted}, rooms: []string{
		"emulator/internal/engine", "emulator/internal/fail", "emulator/internal/near",
	}},

	// What every API needs.
	{path: "emulator/internal/webhook", rooms: []string{"emulator/internal/engine", "emulator/internal/fail", "emulator/internal/finding", "emulator/sandbox"}},
	{path: "emulator/internal/resource", modules: []string{jsonexp}, rooms: []string{
		"emulator/internal/engine", "emulator/internal/fail", "emulator/internal/finding", "emulator/internal/httpapi", "emulator/internal/near", "emulator/sandbox",
	}},
	{path: "emulator/internal/event", modules: []string{jsonexp}, rooms: []string{
		"emulator/internal/engine", "emulator/internal/fail", "emulator/internal/httpapi", "emulator/internal/resource", "emulator/sandbox",
	}},
	{path: "emulator/internal/credential", rooms: []string{
		"emulator/internal/engine", "emulator/internal/fail", "emulator/internal/httpapi", "emulator/internal/journal", "emulator/internal/limit",
		"emulator/internal/resource", "emulator/internal/secret", "emulator/sandbox",
	}},

	// The two APIs; neither knows of the other.
	{path: "emulator/internal/genopenapi", modules: []string{yaml}},
	{path: "emulator/internal/gennames", modules: []string{yaml}},
	{path: "emulator/internal/conformance", modules: []string{yaml}},
	{path: "emulator/internal/genconformance", rooms: []string{"emulator/internal/conformance"}},
	{path: "emulator/internal/skystack/job", modules: []string{jsonexp, cronlib}, rooms: []string{
		"emulator/internal/credential", "emulator/internal/httpapi", "emulator/internal/engine", "emulator/internal/event", "emulator/internal/fail",
		"emulator/internal/near", "emulator/internal/resource", "emulator/sandbox",
	}},
	{path: "emulator/internal/skystack", modules: []string{jsonexp}, rooms: []string{
		"emulator/internal/credential", "emulator/internal/httpapi", "emulator/internal/engine", "emulator/internal/event", "emulator/internal/fail",
		"emulator/internal/finding", "emulator/internal/journal", "emulator/internal/limit", "emulator/internal/near", "emulator/internal/resource", "emulator/internal/secret", "emulator/internal/skystack/job", "emulator/internal/webhook", "emulator/sandbox", "fixtures",
	}},
	{path: "emulator/internal/computestacks", modules: []string{jsonexp, cronlib}, rooms: []string{
		"emulator/internal/credential", "emulator/internal/credential/oauth", "emulator/internal/httpapi", "emulator/internal/engine", "emulator/internal/fail",
		"emulator/internal/finding", "emulator/internal/limit", "emulator/internal/near", "emulator/internal/resource", "emulator/sandbox", "emulator/sandbox/computestacks", "fixtures",
	}},
	{path: "emulator/internal/control", rooms: []string{
		"emulator/internal/httpapi", "emulator/internal/engine", "emulator/internal/fail", "emulator/sandbox", "emulator/sandbox/computestacks",
	}},
	{path: "emulator/internal/dashboard"},

	{path: "emulator", rooms: []string{
		"emulator/internal/fail", "emulator/internal/finding", "emulator/internal/limit", "emulator/internal/redact", "emulator/internal/secret",
		"emulator/internal/fault", "emulator/internal/journal", "fixtures",
		"emulator/internal/credential", "emulator/internal/engine", "emulator/internal/httpapi", "emulator/internal/resource", "emulator/internal/webhook",
		"emulator/internal/skystack", "emulator/internal/computestacks",
		"emulator/internal/control", "emulator/internal/dashboard",
		"emulator/internal/localca", "emulator/internal/metrics", "emulator/sandbox", "emulator/sandbox/computestacks",
	}},
	{path: "emulator/remote", rooms: []string{"emulator/sandbox", "emulator/sandbox/computestacks"}},
	{path: "emulator/testcontainer", modules: []string{container, "github.com/moby/moby", "github.com/containerd/errdefs"}, rooms: []string{"emulator/remote", "emulator/sandbox", "emulator/internal/secret"}},

	// For tests alone: no row below may name them.
	{path: "emulator/internal/testing/wire", modules: []string{kin, jsonexp}, rooms: []string{
		"emulator", "emulator/internal/skystack", "emulator/internal/httpapi",
		"emulator/internal/engine", "emulator/internal/fail", "fixtures", "emulator/sandbox", "emulator/remote",
	}},
	{path: "emulator/internal/testing/suite", rooms: []string{"emulator/internal/testing/wire", "emulator/sandbox", "emulator/sandbox/computestacks"}},
	{path: "emulator/internal/testing/testclient", modules: []string{oapi}},

	// The commands use what every user can use. Only they parse flags.
	{path: "emulator/cli", modules: []string{cobra, pflag, yaml, system}, rooms: []string{
		"emulator", "fixtures", "emulator/internal/near", "emulator/internal/redact", "emulator/remote", "emulator/sandbox",
	}},
	{path: ".", rooms: []string{"emulator/cli"}},
	{path: "cmd/skystack-sandbox", rooms: []string{"emulator/cli"}},
}

// testModules are the modules that tests may import on top of those of all rooms.
var testModules = []string{
	"github.com/hashicorp/go-retryablehttp",
	"github.com/hashicorp/terraform-plugin-sdk/v2",
	"github.com/prometheus/client_golang",
	"github.com/prometheus/common",
	"github.com/r3labs/sse/v2",
	"github.com/rogpeppe/go-internal",
	"github.com/standard-webhooks/standard-webhooks",
	"github.com/tmaxmax/go-sse",
	"go.uber.org/goleak",
	"golang.org/x/net",
	"golang.org/x/oauth2",
	"pgregory.net/rapid",
}

// starter is the room that starts programs: those that its user names behind
// "test --", in the one file that does.
const starter = "emulator/cli"

// importsOf returns the imports of the files that match a pattern, tests left out, by the
// name of the file.
func importsOf(t *testing.T, pattern string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	imports := map[string][]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			imports[name] = append(imports[name], strings.Trim(i.Path.Value, `"`))
		}
	}
	return imports
}

// The sandbox starts no programs but in that file (10.2, row 8).
func TestOneFileStartsPrograms(t *testing.T) {
	var found []string
	for name, imports := range importsOf(t, "cli/*.go") {
		if slices.Contains(imports, "os/exec") {
			found = append(found, name)
		}
	}
	if want := []string{filepath.Join("cli", "test.go")}; !slices.Equal(found, want) {
		t.Errorf("programs are started in %q, want %q", found, want)
	}
}

// The emulator mounts APIs by an interface. Only files that begin with the name of an API
// name it.
func TestAPIsAreNamedInTheirFiles(t *testing.T) {
	naming := map[string]bool{}
	for name, imports := range importsOf(t, "*.go") {
		for _, api := range []string{"skystack", "computestacks"} {
			if !slices.Contains(imports, module+"/emulator/internal/"+api) {
				continue
			}
			if naming[api] = true; !strings.HasPrefix(name, api) {
				t.Errorf("%s imports %s; only files that begin with its name may", name, api)
			}
		}
	}
	if !naming["skystack"] {
		t.Error("no file names the SkyStack API: this test looks for the wrong path")
	}
}

// docker is what only the testcontainer room may pull in, directly or not.
var docker = []string{"github.com/testcontainers", "github.com/moby", "github.com/docker"}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	Deps                               []string
	Error                              *struct{ Err string }
}

// Dependencies point one way: a room imports what its row names, and nothing else.
func TestDependencies(t *testing.T) {
	for _, p := range list(t) {
		for _, problem := range problems(p) {
			t.Error(problem)
		}
	}
}

func TestImportsGoOneWay(t *testing.T) {
	var above []string
	for _, r := range rooms {
		if slices.Contains(above, r.path) {
			t.Errorf("%s has two rows", r.path)
		}
		for _, name := range r.rooms {
			if !slices.Contains(above, name) {
				t.Errorf("%s names %s, which is not above it", r.path, name)
			}
			if r.path != "emulator/internal/testing/suite" && (name == "emulator/internal/testing/wire" || name == "emulator/internal/testing/testclient" || name == "emulator/internal/testing/suite") {
				t.Errorf("%s names %s, which is for tests", r.path, name)
			}
		}
		above = append(above, r.path)
	}
}

// The check itself must not be blind.
func TestProblemsAreFound(t *testing.T) {
	const internal = module + "/emulator/internal/"
	for _, tc := range []struct {
		name string
		pkg  pkg
		want string
	}{
		{"unknown room", pkg{ImportPath: internal + "util"}, "no row"},
		{"room in a room", pkg{ImportPath: internal + "httpapi/more"}, "no row"},
		{"leaf with a module", pkg{ImportPath: internal + "limit", Imports: []string{btree}}, btree},
		{"leaf with a room", pkg{ImportPath: internal + "limit", Imports: []string{internal + "fail"}}, "emulator/internal/fail"},
		{"back up", pkg{ImportPath: internal + "engine", Imports: []string{internal + "httpapi"}}, "emulator/internal/httpapi"},
		{"echo outside httpapi", pkg{ImportPath: internal + "skystack", Imports: []string{echo + "/middleware"}}, echo},
		{"kin outside httpapi", pkg{ImportPath: module + "/emulator", Imports: []string{kin + "/openapi3"}}, kin},
		{"cobra outside cli", pkg{ImportPath: module, Imports: []string{cobra}}, cobra},
		{"one API in the other", pkg{ImportPath: internal + "computestacks", Imports: []string{internal + "skystack"}}, "skystack"},
		{"a part of one API in the other", pkg{ImportPath: internal + "computestacks", Imports: []string{internal + "skystack/job"}}, "skystack/job"},
		{"a part of an API in a shared room", pkg{ImportPath: internal + "event", Imports: []string{internal + "skystack/job"}}, "skystack/job"},
		{"an API in a part of it", pkg{ImportPath: internal + "skystack/job", Imports: []string{internal + "skystack"}}, "internal/skystack"},
		{"cron outside jobs", pkg{ImportPath: internal + "skystack", Imports: []string{cronlib}}, cronlib},
		{"commands behind the scenes", pkg{ImportPath: module + "/emulator/cli", Imports: []string{internal + "engine"}}, "engine"},
		{"test room in code", pkg{ImportPath: module + "/emulator", Imports: []string{internal + "testing/wire"}}, "wire"},
		{"a module with the same beginning", pkg{ImportPath: internal + "engine", Imports: []string{btree + "2"}}, btree + "2"},
		{"shell", pkg{ImportPath: module + "/emulator", Imports: []string{"os/exec"}}, "os/exec"},
		{"docker", pkg{ImportPath: module + "/emulator", Deps: []string{"github.com/moby/term"}}, "moby"},
		{"unknown module in a test", pkg{ImportPath: internal + "limit", XTestImports: []string{"github.com/stretchr/testify/assert"}}, "testify"},
		{"broken", pkg{ImportPath: internal + "limit", Error: &struct{ Err string }{"no such file"}}, "no such file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := problems(tc.pkg)
			if len(got) != 1 || !strings.Contains(got[0], tc.want) {
				t.Errorf("problems %q, want one with %q", got, tc.want)
			}
		})
	}
	for _, p := range []pkg{
		{ImportPath: module, Imports: []string{"os", module + "/emulator/cli"}},
		{ImportPath: internal + "limit", Imports: []string{"time"}, TestImports: []string{"os/exec", "pgregory.net/rapid"}},
		{ImportPath: module + "/emulator/testcontainer", Imports: []string{container}, Deps: []string{"github.com/moby/term"}},
	} {
		if got := problems(p); got != nil {
			t.Errorf("%s: %q, want nothing", p.ImportPath, got)
		}
	}
}

// list is every package of the module.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e",
		"-json=ImportPath,Imports,TestImports,XTestImports,Deps,Error", module+"/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) == 0 {
		t.Fatal("go list: no packages")
	}
	return pkgs
}

// problems is what is wrong with the imports of p, one line each.
func problems(p pkg) []string {
	if p.Error != nil {
		return []string{fmt.Sprintf("%s: %s", p.ImportPath, p.Error.Err)}
	}
	i := slices.IndexFunc(rooms, func(r packageRule) bool { return importPath(r.path) == p.ImportPath })
	if i < 0 {
		return []string{p.ImportPath + ": no row in the table of rooms"}
	}
	r := rooms[i]
	var found []string
	for _, path := range p.Imports {
		if !allowed(r, path) {
			found = append(found, fmt.Sprintf("%s must not import %s", r.path, path))
		}
	}
	if r.path != "emulator/testcontainer" {
		for _, path := range p.Deps {
			if within(path, docker) {
				found = append(found, fmt.Sprintf("%s must not pull in %s", r.path, path))
			}
		}
	}
	for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
		if !standard(path) && !within(path, []string{module}) && !allowedInTests(path) {
			found = append(found, fmt.Sprintf("tests of %s must not import %s", r.path, path))
		}
	}
	return found
}

func allowed(r packageRule, path string) bool {
	if standard(path) {
		return path != "plugin" && (path != "os/exec" || r.path == starter)
	}
	return within(path, r.modules) || slices.ContainsFunc(r.rooms, func(name string) bool { return importPath(name) == path })
}

func allowedInTests(path string) bool {
	return within(path, testModules) || slices.ContainsFunc(rooms, func(r packageRule) bool { return within(path, r.modules) })
}

// importPath is the import path of a room.
func importPath(path string) string {
	if path == "." {
		return module
	}
	return module + "/" + path
}

// within reports whether the package at path belongs to one of the modules.
func within(path string, modules []string) bool {
	return slices.ContainsFunc(modules, func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") })
}

// standard reports whether path is of the standard library: its first element
// is no domain.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}
