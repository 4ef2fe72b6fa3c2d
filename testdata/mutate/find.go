package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// The kinds of mutants.
const (
	refusal   = "refusal"   // an error that the function makes is not returned
	forwarded = "forwarded" // an error of a function that was called is ignored
	violation = "violation" // a violation of the request is not collected
	decision  = "decision"  // a function that returns true or false skips one of its checks
)

// mutant is one check that can be switched off.
type mutant struct {
	id        int
	kind      string
	dir, file string // relative to the root
	line      int
	function  string
	check     string // the text of the check
}

// name is the same as long as the check is: it holds no line.
func (m *mutant) name() string { return m.function + ": " + m.check }

// edit inserts text into a file.
type edit struct {
	at   int
	text string
}

// finder looks for the checks of a package.
type finder struct {
	*source
	root    string
	kinds   map[string]bool
	mutants []*mutant
	edits   map[string][]edit // by path
	same    map[string]int    // how many mutants have a name so far
	// collectors are the functions and closures that add a violation to a list.
	collectors map[types.Object]bool
	covered    map[*ast.ReturnStmt]bool // those that an if or a case decides on
	before     map[ast.Stmt]ast.Stmt    // the statement before another
	at         *file
}

// function is the one whose statements are looked at.
type function struct {
	name    string
	result  types.Type // the last one; nil if there is none
	builder bool       // it makes a refusal, and decides nothing
}

// find lists the checks of the package and rewrites them.
func (f *finder) find() {
	f.collectors, f.covered, f.before = map[types.Object]bool{}, map[*ast.ReturnStmt]bool{}, map[ast.Stmt]ast.Stmt{}
	for i := range f.files {
		f.findCollectors(f.files[i].tree)
	}
	for i := range f.files {
		f.at = &f.files[i]
		for _, decl := range f.at.tree.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Body != nil {
					f.walk(d.Body, f.function(nameOf(d), d.Type, d.Body))
				}
			case *ast.GenDecl:
				f.walk(d, function{name: "package"})
			}
		}
	}
}

// nameOf is a function's name, with that of its receiver's type.
func nameOf(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
			continue
		case *ast.IndexExpr:
			t = x.X
			continue
		case *ast.IndexListExpr:
			t = x.X
			continue
		case *ast.Ident:
			return x.Name + "." + d.Name.Name
		}
		return d.Name.Name
	}
}

func (f *finder) function(name string, t *ast.FuncType, body *ast.BlockStmt) function {
	fn := function{name: name}
	if t.Results != nil && len(t.Results.List) > 0 {
		fn.result = f.info.TypeOf(t.Results.List[len(t.Results.List)-1].Type)
	}
	returns, checks := 0, 0
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			returns++
		case *ast.IfStmt:
			if r := last(n.Body.List); r != nil {
				checks++
			}
		}
		return true
	})
	fn.builder = returns == 1 && checks == 0
	return fn
}

// walk visits statements; closures are functions of their own.
func (f *finder) walk(n ast.Node, fn function) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			f.walk(n.Body, f.function(fn.name, n.Type, n.Body))
			return false
		case *ast.BlockStmt:
			for i := range len(n.List) - 1 {
				f.before[n.List[i+1]] = n.List[i]
			}
		case *ast.IfStmt:
			if kind := f.decides(n.Body.List, fn); kind != "" {
				f.conditions(n.Cond, kind, f.question(n), fn)
			}
		case *ast.SwitchStmt:
			f.cases(n, fn)
		case *ast.ReturnStmt:
			f.returned(n, fn)
		}
		return true
	})
}

// cases are those of a switch without a tag: each is an if.
func (f *finder) cases(s *ast.SwitchStmt, fn function) {
	if s.Tag != nil {
		return
	}
	for _, stmt := range s.Body.List {
		c := stmt.(*ast.CaseClause)
		if kind := f.decides(c.Body, fn); kind != "" && len(c.List) > 0 {
			for _, cond := range c.List {
				f.conditions(cond, kind, "", fn)
			}
		}
	}
}

// question is the statement whose result an if looks at; "" if its condition says
// enough.
func (f *finder) question(s *ast.IfStmt) string {
	if s.Init != nil {
		return f.text(s.Init) + "; "
	}
	if before, ok := f.before[s].(*ast.AssignStmt); ok {
		if text := f.text(s.Cond); text == "err != nil" || text == "ok" || text == "!ok" {
			return f.text(before) + "; "
		}
	}
	return ""
}

// text is a part of the file, on one line.
func (f *finder) text(n ast.Node) string {
	from, to := f.fset.Position(n.Pos()), f.fset.Position(n.End())
	text := strings.Join(strings.Fields(string(f.at.text[from.Offset:to.Offset])), " ")
	if r := []rune(text); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return text
}

// longest is the length of a text that names a check.
const longest = 120

// decides says what sort of refusal a list of statements ends in; "" if in none.
func (f *finder) decides(body []ast.Stmt, fn function) string {
	if r := last(body); r != nil {
		if kind := f.refuses(r, fn); kind != "" {
			f.covered[r] = true
			return kind
		}
	}
	for _, stmt := range body {
		if f.collects(stmt) {
			return violation
		}
	}
	return ""
}

func last(body []ast.Stmt) *ast.ReturnStmt {
	if len(body) == 0 {
		return nil
	}
	r, _ := body[len(body)-1].(*ast.ReturnStmt)
	return r
}

// refuses says what sort of refusal is returned; "" if it is a success.
func (f *finder) refuses(r *ast.ReturnStmt, fn function) string {
	if fn.result == nil || len(r.Results) == 0 {
		return ""
	}
	x := ast.Unparen(r.Results[len(r.Results)-1])
	t := f.info.TypeOf(x)
	if _, several := t.(*types.Tuple); several || f.info.Types[x].IsNil() {
		return ""
	}
	id, named := x.(*ast.Ident)
	switch {
	case isError(fn.result):
		if named && f.info.Uses[id].Parent() != f.info.Uses[id].Pkg().Scope() {
			return forwarded
		}
		return refusal
	case isViolation(fn.result):
		if c, ok := x.(*ast.CompositeLit); ok && len(c.Elts) == 0 {
			return ""
		}
		return violation
	case isBool(fn.result) && named && (id.Name == "true" || id.Name == "false"):
		return decision
	}
	return ""
}

// returned rewrites what no if decides on: the refusal at the end of a function, and
// the conditions that a function returns.
func (f *finder) returned(r *ast.ReturnStmt, fn function) {
	if fn.result == nil || len(r.Results) == 0 || f.covered[r] {
		return
	}
	x := r.Results[len(r.Results)-1]
	if isBool(fn.result) {
		if b, ok := ast.Unparen(x).(*ast.BinaryExpr); ok && f.plainBool(b) {
			switch b.Op {
			case token.LAND:
				for _, part := range operands(b, token.LAND) {
					f.add(part, decision, "live.Pass(%d, ", "", fn)
				}
			case token.LOR:
				f.conditions(b, decision, "", fn)
			}
		}
		return
	}
	kind := f.refuses(r, fn)
	if kind == "" || fn.builder {
		return
	}
	if _, named := x.(*ast.Ident); named && kind == violation {
		return // a list whose members are mutants of their own
	}
	call := "live.Value(%d, "
	if _, isInterface := fn.result.Underlying().(*types.Interface); isInterface {
		call = "live.Value[error](%d, "
		if !types.Identical(fn.result, types.Universe.Lookup("error").Type()) {
			return
		}
	}
	f.add(x, kind, call, "return ", fn)
}

// conditions makes a mutant of each condition of which one is enough.
func (f *finder) conditions(cond ast.Expr, kind, question string, fn function) {
	for _, part := range operands(cond, token.LOR) {
		if f.plainBool(part) {
			f.add(part, kind, "live.If(%d, ", question, fn)
		}
	}
}

// operands are the parts that an operator joins.
func operands(x ast.Expr, op token.Token) []ast.Expr {
	if b, ok := ast.Unparen(x).(*ast.BinaryExpr); ok && b.Op == op {
		return append(operands(b.X, op), operands(b.Y, op)...)
	}
	return []ast.Expr{x}
}

// add makes a mutant of an expression. The question is the text before it in its name.
func (f *finder) add(x ast.Expr, kind, call, question string, fn function) {
	if !f.kinds[kind] {
		return
	}
	from, to := f.fset.Position(x.Pos()), f.fset.Position(x.End())
	m := &mutant{
		id: len(f.mutants), kind: kind, dir: below(f.root, f.dir), file: below(f.root, f.at.path), line: from.Line,
		function: fn.name, check: question + f.text(x),
	}
	key := m.dir + "\n" + m.name()
	if f.same[key]++; f.same[key] > 1 {
		m.check += fmt.Sprintf(" #%d", f.same[key])
	}
	f.mutants = append(f.mutants, m)
	f.edits[f.at.path] = append(f.edits[f.at.path], edit{from.Offset, fmt.Sprintf(call, m.id)}, edit{to.Offset, ")"})
}
