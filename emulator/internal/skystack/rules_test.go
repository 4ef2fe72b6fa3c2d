package skystack_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"
)

const ruleCount = 80

// rule is one entry of rules.yaml; the head of that file explains the members.
type rule struct {
	ID         string   `yaml:"id"`
	Sentence   string   `yaml:"sentence"`
	Means      string   `yaml:"means"`
	Status     string   `yaml:"status"`
	Why        string   `yaml:"why"`
	Operations []string `yaml:"operations"`
}

// contract is the part of openapi.yaml that names rules.
type contract struct {
	Paths map[string]map[string]yaml.Node `yaml:"paths"`
}

type contractOperation struct {
	OperationID string   `yaml:"operationId"`
	Rules       []string `yaml:"x-rules"`
}

func TestRulesAreComplete(t *testing.T) {
	rules := readRules(t)
	var ids, want []string
	for _, r := range rules {
		ids = append(ids, r.ID)
	}
	for n := range ruleCount {
		want = append(want, fmt.Sprintf("S%d", n+1))
	}
	if !slices.Equal(ids, want) {
		t.Errorf("rules.yaml must hold S1 to S%d, each once, in order; it has %v", ruleCount, ids)
	}
	for _, r := range rules {
		t.Run(r.ID, func(t *testing.T) { checkRule(t, r) })
	}
}

func checkRule(t *testing.T, r rule) {
	for name, text := range map[string]string{"sentence": r.Sentence, "means": r.Means} {
		if strings.TrimSpace(text) == "" {
			t.Errorf("%s is empty", name)
		}
	}
	if strings.Contains(strings.TrimSpace(r.Sentence), "\n") {
		t.Error("sentence is longer than one line")
	}
	switch r.Status {
	case "done":
	case "planned", "none":
		if strings.TrimSpace(r.Why) == "" {
			t.Errorf("why is empty, and status is %s", r.Status)
		}
	default:
		t.Errorf("status is %q; it must be done, planned or none", r.Status)
	}
}

func TestDoneRulesHaveTests(t *testing.T) {
	carried := carriedRules(t, moduleRoot(t))
	var missing []string
	for _, r := range readRules(t) {
		if r.Status == "done" && !carried[r.ID] {
			missing = append(missing, r.ID)
		}
	}
	if len(missing) > 0 {
		t.Errorf("no test carries the number of these rules, which rules.yaml calls done: %s",
			strings.Join(missing, " "))
	}
}

func TestContractAndRulesAgree(t *testing.T) {
	known := map[string]bool{}
	rules := readRules(t)
	for _, r := range rules {
		known[r.ID] = true
	}
	operations := map[string]bool{}
	for _, op := range readContract(t) {
		operations[op.OperationID] = true
		for _, id := range op.Rules {
			if !known[id] {
				t.Errorf("openapi.yaml: %s cites rule %s, which rules.yaml does not have", op.OperationID, id)
			}
		}
	}
	for _, r := range rules {
		for _, id := range r.Operations {
			if !operations[id] {
				t.Errorf("rules.yaml: %s names operation %s, which openapi.yaml does not have", r.ID, id)
			}
		}
	}
}

func TestCitedRules(t *testing.T) {
	source := "package x\n" +
		"import \"testing\"\n" +
		"// S4 in a comment, but not NAS5 or S6x.\n" +
		"func TestPagingS45S46AndS47(t *testing.T) { t.Run(\"S48: refuses\", nil) }\n" +
		"func TestTLS13(t *testing.T) { var S9 int; _ = S9 }\n"
	got := map[string]bool{}
	if err := citedInGo(got, "x_test.go", []byte(source)); err != nil {
		t.Fatal(err)
	}
	citedInScript(got, []byte("# S57 again\nexec x S58 # and S59\n-- S60.txt --\n# S61\n"))
	var ids []string
	for id := range got {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if want := []string{"S4", "S45", "S46", "S47", "S48", "S57", "S59"}; !slices.Equal(ids, want) {
		t.Errorf("cited %v, want %v", ids, want)
	}
}

func readRules(t *testing.T) []rule {
	t.Helper()
	text, err := os.ReadFile("rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules []rule
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&rules); err != nil {
		t.Fatalf("rules.yaml: %v", err)
	}
	return rules
}

func readContract(t *testing.T) []contractOperation {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleRoot(t), "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc contract
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	var operations []contractOperation
	for path, item := range doc.Paths {
		for member, node := range item {
			// A path item also holds parameters, a summary and the like.
			if !slices.Contains([]string{"get", "head", "post", "put", "patch", "delete", "options"}, member) {
				continue
			}
			var op contractOperation
			if err := node.Decode(&op); err != nil {
				t.Fatalf("openapi.yaml: %s %s: %v", member, path, err)
			}
			operations = append(operations, op)
		}
	}
	if len(operations) == 0 {
		t.Fatal("openapi.yaml has no operations")
	}
	return operations
}

// moduleRoot returns the nearest folder above this package that holds a go.mod.
func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			t.Fatalf("no go.mod above this package: %v", err)
		}
		dir = parent
	}
}

// carriedRules returns the rule numbers that the tests and scripts under root carry. This file is left out: it would
// carry what it only talks about.
func carriedRules(t *testing.T, root string) map[string]bool {
	t.Helper()
	own, err := filepath.Abs("rules_test.go")
	if err != nil {
		t.Fatal(err)
	}
	carried := map[string]bool{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		slashed := filepath.ToSlash(path)
		isTest := strings.HasSuffix(slashed, "_test.go") && path != own
		isScript := strings.HasSuffix(slashed, ".txtar") && strings.Contains(slashed, "/testdata/script/")
		if !isTest && !isScript {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if isScript {
			citedInScript(carried, text)
			return nil
		}
		return citedInGo(carried, path, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return carried
}

var (
	citationInText = regexp.MustCompile(`\bS\d+\b`)
	// In a name a capital before the S makes it part of another word, as in TestTLS13.
	citationInName = regexp.MustCompile(`[a-z_](?:S\d+)+`)
	numberInName   = regexp.MustCompile(`S\d+`)
	scriptComment  = regexp.MustCompile(`(?m)(?:^|\s)#.*$`)
)

// citedInGo adds the rule numbers in a test file's comments, string literals and names of test functions.
func citedInGo(carried map[string]bool, path string, source []byte) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, group := range file.Comments {
		for _, comment := range group.List {
			addCitations(carried, comment.Text)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				addCitations(carried, n.Value)
			}
		case *ast.FuncDecl:
			if n.Recv == nil && isTestName(n.Name.Name) {
				for _, run := range citationInName.FindAllString(n.Name.Name, -1) {
					for _, id := range numberInName.FindAllString(run, -1) {
						carried[id] = true
					}
				}
			}
		}
		return true
	})
	return nil
}

// citedInScript adds the rule numbers in a script's comments; the files that the archive holds are data.
func citedInScript(carried map[string]bool, text []byte) {
	for _, comment := range scriptComment.FindAllString(string(txtar.Parse(text).Comment), -1) {
		addCitations(carried, comment)
	}
}

func addCitations(carried map[string]bool, text string) {
	for _, id := range citationInText.FindAllString(text, -1) {
		carried[id] = true
	}
}

func isTestName(name string) bool {
	for _, prefix := range []string{"Test", "Fuzz", "Example"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
