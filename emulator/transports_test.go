package emulator_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// In a bubble five minutes of polling take no time: the world's clock is the
// bubble's, and nothing of the way to it is a socket.
func TestPollingInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := emulator.Start(t, emulator.WithDuration("create", 5*time.Minute))
		s, start := wire.In(t, e), time.Now()
		made := s.Post("/v1/instances", create).Wants(201)
		path, polls := "/v1/instances/"+made.Text("id"), 0
		for status := made.Text("status"); status != "running"; status = s.Get(path).Wants(200).Text("status") {
			if polls++; polls > 100 {
				t.Fatalf("still %s after %d polls", status, polls)
			}
			<-time.After(5 * time.Second)
		}
		if took := time.Since(start); took != 5*time.Minute || polls != 60 {
			t.Errorf("running after %v and %d polls, want 5m and 60", took, polls)
		}
	})
}

// Two emulators in one process share nothing: no data, no ids, no clock, no end
// (S71).
func TestTwoEmulators(t *testing.T) {
	clock := emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC)})
	a, b := emulator.Start(t, clock), emulator.Start(t, clock)
	var busy sync.WaitGroup
	for _, e := range []*emulator.Emulator{a, b} {
		busy.Go(func() {
			for range 50 {
				if r := wire.In(t, e).Post("/v1/instances", create); r.Status != 201 {
					t.Errorf("got %d %s", r.Status, r.Body)
				}
			}
		})
	}
	busy.Wait()
	if names(t, a) != names(t, b) {
		t.Error("the same seed and the same requests gave different worlds")
	}
	made := wire.In(t, a).Post("/v1/projects", `{"name":"only here"}`).Wants(201)
	if err := a.Advance(time.Hour); err != nil {
		t.Fatal(err)
	}
	wire.In(t, b).Get("/v1/projects/" + made.Text("id")).Wants(404)
	if got := a.Now().Sub(b.Now()); got != time.Hour {
		t.Errorf("the clocks are %v apart", got)
	}
	if strings.Contains(names(t, a), `"provisioning"`) || !strings.Contains(names(t, b), `"provisioning"`) {
		t.Error("time passed in both or in neither")
	}
	if a.URL() == b.URL() {
		t.Error("they share a socket")
	}
	url := a.URL()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if resp, err := client.Get(url + "/healthz"); err == nil {
		_ = resp.Body.Close()
		t.Error("the closed one answers")
	}
	get(t, client, b.URL()+"/healthz")
	wire.In(t, b).Get("/v1/instances").Wants(200)
}

// The client may name any of the sandbox's hosts, or none, and takes its time to
// read.
func TestClient(t *testing.T) {
	e := emulator.Start(t)
	for _, base := range []string{"", "http://localhost:1", "https://sandbox.api.skystack.dev", "http://127.0.0.1"} {
		if got := get(t, e.Client(), base+"/healthz"); got != `{"status":"ok"}` {
			t.Errorf("%q: got %s", base, got)
		}
	}
	resp, err := e.Client().Get("http://evil.test/healthz")
	if err != nil || resp.StatusCode != 403 {
		t.Fatalf("a foreign host: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			for range 20 {
				get(t, e.Client(), "/openapi.json")
			}
		})
	}
	group.Wait()
}

// dials lists what code would need to open a connection to anywhere.
func dials() map[string][]string {
	return map[string][]string{
		"net": {"Dial", "DialIP", "DialTCP", "DialTimeout", "DialUDP", "DialUnix", "Dialer", "Resolver", "DefaultResolver",
			"LookupAddr", "LookupCNAME", "LookupHost", "LookupIP", "LookupMX", "LookupNS", "LookupPort", "LookupSRV", "LookupTXT"},
		"net/http":          {"Get", "Head", "Post", "PostForm", "DefaultClient", "DefaultTransport", "Transport"},
		"crypto/tls":        {"Dial", "DialWithDialer", "Dialer", "Client"},
		"net/http/httputil": {"ReverseProxy", "NewSingleHostReverseProxy"},
	}
}

// The sandbox connects only to receivers of webhooks: no other code of it
// could (10.2 row 13; S71). It listens, and reaches itself through its own handler.
func TestNothingDials(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, client := range []string{
			"internal/testing/wire/", "internal/testing/testclient/", // for tests alone
			"remote/", "testcontainer/", "cli/healthcheck.go", "cli/apiclient.go", "cli/listen.go", // what asks a sandbox is none
			"internal/webhook/dial.go", "internal/webhook/sender.go", // to where the egress policy allows, which its tests hold
		} {
			if strings.HasPrefix(filepath.ToSlash(path), client) {
				return nil
			}
		}
		files++
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, use := range dialling(t, path, source) {
			t.Error(use)
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Errorf("%d files were read: %v", files, err)
	}
}

// dialling lists the places in a file that could open a connection.
func dialling(t *testing.T, path string, source []byte) []string {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	imported := map[string]string{}
	for _, spec := range file.Imports {
		whole, _ := strconv.Unquote(spec.Path.Value)
		name := whole[strings.LastIndexByte(whole, '/')+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imported[name] = whole
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if pkg, ok := n.X.(*ast.Ident); ok && slices.Contains(dials()[imported[pkg.Name]], n.Sel.Name) {
				out = append(out, set.Position(n.Pos()).String()+": "+pkg.Name+"."+n.Sel.Name)
			}
		case *ast.CompositeLit: // an http.Client without a transport takes the default one
			if s, ok := n.Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Client" && !slices.ContainsFunc(n.Elts, func(e ast.Expr) bool {
				kv, ok := e.(*ast.KeyValueExpr)
				return ok && kv.Key.(*ast.Ident).Name == "Transport"
			}) {
				out = append(out, set.Position(n.Pos()).String()+": a client without a transport")
			}
		}
		return true
	})
	return out
}

// The check itself must not be blind.
func TestDiallingIsFound(t *testing.T) {
	for source, want := range map[string]int{
		`package p; import "net"; var _, _ = net.Dial("", "")`:                                   1,
		`package p; import n "net"; var _ = n.Dialer{}`:                                          1,
		`package p; import "net/http"; var _ = http.DefaultClient`:                               1,
		`package p; import "net/http"; var _ = http.Client{}`:                                    1,
		`package p; import "net/http"; var _ = http.Client{Transport: http.DefaultTransport}`:    1,
		`package p; import "net/http"; var _ = http.Client{Transport: nil}; var _ = http.NoBody`: 0,
		`package p; import "net"; var _, _ = net.Listen("tcp", "")`:                              0,
	} {
		if got := dialling(t, "p.go", []byte(source)); len(got) != want {
			t.Errorf("%s: %q, want %d", source, got, want)
		}
	}
}
