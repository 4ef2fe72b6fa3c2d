package conformance

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// File is one that carries the number of a rule.
type File struct {
	Path string // below the root, with slashes
	// Tests are the tests of it that do, in the order of the file. It is empty for
	// a source file, for a story, and for a test file that does so outside its
	// tests.
	Tests []string
}

// citations are the tests of a file that carry a rule, by its number. A rule that only
// the rest of the file carries has none.
type citations map[string][]string

// notation is how the rules of a system are cited.
type notation struct {
	letter                   string
	citation, inName, number *regexp.Regexp
}

// notationOf returns the notation of rules whose numbers begin with a letter.
func notationOf(letter string) notation {
	return notation{
		letter,
		regexp.MustCompile(`\b` + letter + `(\d+)(?: to ` + letter + `(\d+))?\b`),
		// In a name a capital before the letter makes it part of another word, as in
		// TestTLS13.
		regexp.MustCompile(`[a-z_](?:` + letter + `\d+)+`),
		regexp.MustCompile(letter + `\d+`),
	}
}

// add notes the rules that a text names; test is "" outside of all tests.
func (n notation) add(p citations, test, text string) {
	for _, id := range n.cited(text) {
		tests := p[id]
		if test != "" && !slices.Contains(tests, test) {
			tests = append(tests, test)
		}
		p[id] = tests
	}
}

var (
	storyComment = regexp.MustCompile(`(?m)(?:^|\s)#.*$`)
	storyFile    = regexp.MustCompile(`(?m)^-- .+ --$`)
)

// widest is how many rules "S1 to S9" may name at once.
const widest = 20

// cited lists the rules that a text names, alone or as a range.
func (n notation) cited(text string) []string {
	var ids []string
	for _, m := range n.citation.FindAllStringSubmatch(text, -1) {
		first, _ := strconv.Atoi(m[1])
		last, _ := strconv.Atoi(m[2])
		ids = append(ids, n.letter+m[1])
		if last-first < widest {
			for next := first + 1; next <= last; next++ {
				ids = append(ids, n.letter+strconv.Itoa(next))
			}
		}
	}
	return ids
}

// scan finds the rules that the files below root carry: in the comments of
// sources, in the comments, strings and names of tests, and in the comments of
// stories. This room is left out: it would carry what it only talks about.
func (n notation) scan(root string) (tests, sources map[string][]File, err error) {
	tests, sources = map[string][]File{}, map[string][]File{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		slashed, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		slashed = filepath.ToSlash(slashed)
		if d.IsDir() {
			if slashed != "." && strings.HasPrefix(d.Name(), ".") || strings.HasSuffix(slashed, "internal/conformance") {
				return fs.SkipDir
			}
			return nil
		}
		read, isTest := n.reader(slashed)
		if read == nil {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		carried, err := read(slashed, text)
		if err != nil {
			return err
		}
		to := sources
		if isTest {
			to = tests
		}
		for id, names := range carried {
			to[id] = append(to[id], File{slashed, names})
		}
		return nil
	})
	for _, files := range []map[string][]File{tests, sources} {
		for _, list := range files {
			slices.SortFunc(list, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
		}
	}
	return tests, sources, err
}

// reader is how a file is read, and whether it counts as a test; nil if it does
// not count at all.
func (n notation) reader(path string) (read func(path string, text []byte) (citations, error), isTest bool) {
	switch {
	case strings.HasSuffix(path, "_test.go"):
		return n.inTests, true
	case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".gen.go"):
		return n.inSource, false
	case strings.HasSuffix(path, ".txtar") && strings.Contains("/"+path, "/testdata/script/"):
		return n.inStory, true
	}
	return nil, false
}

// inSource finds the rules in a source file's comments.
func (n notation) inSource(path string, text []byte) (citations, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	out := citations{}
	for _, group := range file.Comments {
		n.add(out, "", group.Text())
	}
	return out, nil
}

// inTests finds the rules in a test file's comments, string literals and names of
// tests.
func (n notation) inTests(path string, text []byte) (citations, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	out := citations{}
	for _, group := range file.Comments {
		i := slices.IndexFunc(file.Decls, func(d ast.Decl) bool { return group.Pos() >= begin(d) && group.End() <= d.End() })
		test := ""
		if i >= 0 {
			test = testName(file.Decls[i])
		}
		n.add(out, test, group.Text())
	}
	for _, decl := range file.Decls {
		test := testName(decl)
		if test != "" {
			for _, run := range n.inName.FindAllString(test, -1) {
				n.add(out, test, strings.Join(n.number.FindAllString(run, -1), " "))
			}
		}
		named := subtests(decl)
		ast.Inspect(decl, func(node ast.Node) bool {
			if lit, ok := node.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				name := test
				if test != "" && named[lit] {
					name += "/" + strings.ReplaceAll(unquoted(lit), " ", "_")
				}
				n.add(out, name, lit.Value)
			}
			return true
		})
	}
	return out, nil
}

// begin is where a declaration begins, with the comment above it.
func begin(decl ast.Decl) token.Pos {
	if f, ok := decl.(*ast.FuncDecl); ok && f.Doc != nil {
		return f.Doc.Pos()
	}
	return decl.Pos()
}

// testName is the name of a declared test, example or fuzz target, or "".
func testName(decl ast.Decl) string {
	f, ok := decl.(*ast.FuncDecl)
	if !ok || f.Recv != nil {
		return ""
	}
	for _, prefix := range []string{"Test", "Fuzz", "Example"} {
		if strings.HasPrefix(f.Name.Name, prefix) {
			return f.Name.Name
		}
	}
	return ""
}

// subtests are the literals of a declaration that name subtests.
func subtests(decl ast.Decl) map[*ast.BasicLit]bool {
	out := map[*ast.BasicLit]bool{}
	ast.Inspect(decl, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 2 {
			return true
		}
		run, ok := call.Fun.(*ast.SelectorExpr)
		if lit, isLit := call.Args[0].(*ast.BasicLit); ok && isLit && run.Sel.Name == "Run" {
			out[lit] = true
		}
		return true
	})
	return out
}

func unquoted(lit *ast.BasicLit) string {
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return lit.Value
	}
	return s
}

// inStory finds the rules in a story's comments; the files that the archive holds
// are data.
func (n notation) inStory(_ string, text []byte) (citations, error) {
	if at := storyFile.FindIndex(text); at != nil {
		text = text[:at[0]]
	}
	out := citations{}
	for _, comment := range storyComment.FindAll(text, -1) {
		n.add(out, "", string(comment))
	}
	return out, nil
}
