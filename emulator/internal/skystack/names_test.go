package skystack

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"skystack.dev/sandbox/emulator/internal/webhook"
)

// enumOf is the enum of a schema of the contract.
func enumOf(t *testing.T, doc *openapi3.T, schema string) (names []string) {
	t.Helper()
	for _, v := range doc.Components.Schemas[schema].Value.Enum {
		names = append(names, v.(string))
	}
	return names
}

// sources parses the files that serve the API and are wanted.
func sources(t *testing.T, wanted func(path string) bool) (files []*ast.File) {
	t.Helper()
	for _, pattern := range []string{"*.go", "job/*.go", "../credential/*.go", "../event/*.go", "../httpapi/*.go", "../fail/*.go", "../../*.go"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") || !wanted(path) {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
	}
	return files
}

// literals lists the texts that stand in the code.
func literals(files []*ast.File) map[string]bool {
	all := map[string]bool{}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if text, ok := literal(n); ok {
				all[text] = true
			}
			return true
		})
	}
	return all
}

func literal(n ast.Node) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// emittedTypes lists the types of events that the code emits: what is handed to the
// functions that record events, the names of them, and what actions begin and end with.
func emittedTypes(files []*ast.File) map[string]bool {
	all := map[string]bool{}
	within := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if text, ok := literal(n); ok && strings.Contains(text, ".") {
				all[text] = true
			}
			return true
		})
	}
	named := func(e ast.Expr) bool {
		if field, ok := e.(*ast.SelectorExpr); ok {
			return field.Sel.Name == "Type"
		}
		name, ok := e.(*ast.Ident)
		return ok && (name.Name == "eventType" || name.Name == "broken" || strings.HasSuffix(name.Name, "Event"))
	}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if called(n) == "emitChange" {
					within(n)
				}
			case *ast.FuncDecl:
				if n.Name.Name == "begun" || n.Name.Name == "done" {
					within(n)
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Type" {
					within(n.Value)
				}
			case *ast.AssignStmt:
				for k, to := range n.Lhs {
					if named(to) && len(n.Lhs) == len(n.Rhs) {
						within(n.Rhs[k])
					}
				}
			case *ast.ValueSpec:
				for k, value := range n.Values {
					if named(n.Names[k]) {
						within(value)
					}
				}
			}
			return true
		})
	}
	return all
}

// Every type of event that the code emits is in the contract, and every one of the
// contract is emitted by the code.
func TestEventTypesAreThoseOfTheContract(t *testing.T) {
	doc := loadContract(t, decompressed(t, contractJSON))
	listed := enumOf(t, doc, "EventType")
	if !slices.Equal(listed, EventTypes()) {
		t.Errorf("EventType has %v, the code %v; run go generate ./emulator/internal/skystack", listed, EventTypes())
	}
	emitted := emittedTypes(sources(t, func(path string) bool { return slices.Contains([]string{".", "../event"}, filepath.Dir(path)) }))
	for eventType := range emitted {
		if !slices.Contains(listed, eventType) {
			t.Errorf("the code emits %q, which EventType of openapi.yaml lacks", eventType)
		}
	}
	for _, eventType := range listed {
		if !emitted[eventType] {
			t.Errorf("EventType of openapi.yaml has %s, which no code emits", eventType)
		}
	}
	// The schema of an event is that of the object that x-events names.
	mapping := doc.Components.Schemas["Event"].Value.Discriminator.Mapping
	events, _ := doc.Components.Schemas["EventType"].Value.Extensions["x-events"].(map[string]any)
	for _, eventType := range listed {
		about, _ := events[eventType].(map[string]any)
		if want := "#/components/schemas/" + about["object"].(string) + "Event"; mapping[eventType].Ref != want {
			t.Errorf("the discriminator of Event takes %s to %q, want %s", eventType, mapping[eventType].Ref, want)
		}
	}
	if len(mapping) != len(listed) || len(events) != len(listed) {
		t.Errorf("%d types, of which the discriminator knows %d and x-events %d", len(listed), len(mapping), len(events))
	}
}

// raised lists the codes that the code gives to errors and to their details: where
// they are set, and where functions take them as a parameter called code.
func raised(files []*ast.File) map[string]bool {
	all := map[string]bool{}
	// By the file for functions of a function, else by the package, and the name.
	takes := map[string]int{"New": 1, "Newf": 1}
	takesCode := func(name string, of *ast.FuncType) {
		n := 0
		for _, field := range of.Params.List {
			for _, param := range field.Names {
				if param.Name == "code" {
					takes[name] = n
				}
				n++
			}
		}
	}
	note := func(e ast.Expr) {
		if text, ok := literal(e); ok && codeShape.MatchString(text) {
			all[text] = true
		}
	}
	visit := func(look func(at string, file *ast.File, n ast.Node)) {
		for k, file := range files {
			ast.Inspect(file, func(n ast.Node) bool {
				look(strconv.Itoa(k), file, n)
				return true
			})
		}
	}
	visit(func(at string, file *ast.File, n ast.Node) {
		switch n := n.(type) {
		case *ast.FuncDecl:
			takesCode(file.Name.Name+"."+n.Name.Name, n.Type)
		case *ast.AssignStmt:
			for k, value := range n.Rhs {
				name, named := n.Lhs[min(k, len(n.Lhs)-1)].(*ast.Ident)
				if f, ok := value.(*ast.FuncLit); ok && named {
					takesCode(at+"."+name.Name, f.Type)
				}
			}
		}
	})
	visit(func(at string, file *ast.File, n ast.Node) {
		switch n := n.(type) {
		case *ast.CallExpr:
			name := called(n)
			for _, key := range []string{at + "." + name, file.Name.Name + "." + name, name} {
				if arg, ok := takes[key]; ok {
					if arg < len(n.Args) {
						note(n.Args[arg])
					}
					break
				}
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
				note(n.Value)
			}
		case *ast.AssignStmt:
			for k, to := range n.Lhs {
				if field, ok := to.(*ast.SelectorExpr); ok && field.Sel.Name == "Code" && len(n.Lhs) == len(n.Rhs) {
					note(n.Rhs[k])
				}
			}
		}
	})
	return all
}

var codeShape = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// notOfTheAPI are the codes of findings, and of the errors of the control API, that
// the same files have.
func notOfTheAPI(code string) bool {
	return strings.HasPrefix(code, "receiver_") || slices.Contains([]string{"plaintext", "retries_after_401", "insufficient_rights", "object_not_found", "wrong_object", "wrong_project"}, code)
}

// Every code that the code gives to an error or to a detail of one is in the contract,
// and every one of the contract is given somewhere. In all suites every error is
// validated against ErrorCode and DetailCode, and its status against x-codes.
func TestErrorCodesAreThoseOfTheContract(t *testing.T) {
	doc := loadContract(t, decompressed(t, contractJSON))
	listed := enumOf(t, doc, "ErrorCode")
	if !slices.Equal(listed, ErrorCodes()) {
		t.Errorf("ErrorCode has %v, the code %v; run go generate ./emulator/internal/skystack", listed, ErrorCodes())
	}
	serving := sources(t, func(path string) bool { return !strings.HasPrefix(filepath.Base(path), "admin") })
	given := raised(serving)
	if len(given) < 60 {
		t.Fatalf("only %d codes were found in the code: %v", len(given), slices.Sorted(maps.Keys(given)))
	}
	listed = append(listed, enumOf(t, doc, "DetailCode")...)
	for code := range given {
		if !slices.Contains(listed, code) && !notOfTheAPI(code) {
			t.Errorf("the code has %q, which ErrorCode and DetailCode of openapi.yaml lack", code)
		}
	}
	texts := literals(sources(t, func(path string) bool { return filepath.Base(path) != "names.gen.go" }))
	for _, code := range listed {
		noun, slug := strings.CutSuffix(code, "_not_found")
		made := slug && texts["_not_found"] && texts[noun] // of two parts
		if !given[code] && !texts[code] && !made {
			t.Errorf("openapi.yaml lists the code %s, which no code gives", code)
		}
	}
	// x-errors and the names of the examples are codes too.
	for code, named := range namedCodes(doc) {
		if !slices.Contains(listed, code) {
			t.Errorf("openapi.yaml names the code %s in %s, and ErrorCode lacks it", code, named)
		}
	}
}

// namedCodes lists the codes that operations and examples name, with where.
func namedCodes(doc *openapi3.T) map[string]string {
	all := map[string]string{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			codes, _ := op.Extensions["x-errors"].([]any)
			for _, code := range codes {
				all[code.(string)] = "x-errors of " + op.OperationID
			}
		}
	}
	for name := range doc.Components.Responses["Error"].Value.Content["application/json"].Examples {
		all[numbered.ReplaceAllString(name, "")] = "the examples of the response Error"
	}
	return all
}

// numbered is how the names of further examples of a code end.
var numbered = regexp.MustCompile(`_[0-9]+$`)

// The callback of the contract has the headers that a delivery has, and its body is
// the schema that every delivery is validated against.
func TestCallbackIsWhatIsDelivered(t *testing.T) {
	doc := loadContract(t, decompressed(t, contractJSON))
	sent := webhook.Message{
		EventID: "evt_1", EventType: "instance.running", DeliveryID: "dlv_1_1", Attempt: 1, Product: productName, Version: defaultVersion, Body: []byte("{}"),
		Secrets: []string{webhook.NewSecret([32]byte{})}, Signer: webhook.NewSecret([32]byte{}), Timestamp: time.Unix(0, 0),
	}.Header()
	sent.Del("Content-Type")
	for _, path := range []string{"/v1/projects/{id}/webhooks", "/v1/webhooks"} {
		op := doc.Paths.Value(path).Post.Callbacks["event"].Value.Value("{$request.body#/url}").Post
		var declared []string
		for _, p := range op.Parameters {
			if p.Value.In != "header" || !p.Value.Required {
				t.Errorf("%s: the callback's %s is in %s, required %v", path, p.Value.Name, p.Value.In, p.Value.Required)
			}
			declared = append(declared, http.CanonicalHeaderKey(p.Value.Name))
		}
		slices.Sort(declared)
		if want := slices.Sorted(maps.Keys(sent)); !slices.Equal(declared, want) {
			t.Errorf("%s: the callback declares %v; a delivery has %v", path, declared, want)
		}
		if ref := op.RequestBody.Value.Content["application/json"].Schema.Ref; ref != "#/components/schemas/Event" {
			t.Errorf("%s: the callback's body is %q", path, ref)
		}
	}
	shown := doc.Paths.Value("/v1/events/{id}").Get.Responses.Value("200").Value.Content["application/json"].Schema.Ref
	if shown != "#/components/schemas/Event" {
		t.Errorf("getEvent shows %q, which is what deliveries are validated against", shown)
	}
}

// The page and the list of the code are those of the contract.
func TestPageOfNamesIsThatOfTheContract(t *testing.T) {
	page, err := os.ReadFile("../../EVENTS-AND-ERRORS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(EventTypes(), ErrorCodes()) {
		if strings.Count(string(page), "`"+name+"`") == 0 {
			t.Errorf("EVENTS-AND-ERRORS.md lacks %s; run go generate ./emulator/internal/skystack", name)
		}
	}
}
