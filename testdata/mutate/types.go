package main

import (
	"go/ast"
	"go/token"
	"go/types"
)

func isError(t types.Type) bool {
	return types.Implements(t, types.Universe.Lookup("error").Type().Underlying().(*types.Interface))
}

func isBool(t types.Type) bool { return types.Identical(t, types.Typ[types.Bool]) }

// plainBool keeps out named booleans, which the rewritten code would not convert.
func (f *finder) plainBool(x ast.Expr) bool {
	b, ok := f.info.TypeOf(x).(*types.Basic)
	return ok && b.Info()&types.IsBoolean != 0 && f.info.Types[x].Value == nil
}

// isViolation tells whether a value says what is wrong with a request: a struct with a
// field, a code and a message, a pointer to one, or a list of them. Its name may change.
func isViolation(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Slice:
		return isViolation(u.Elem())
	case *types.Pointer:
		return isViolation(u.Elem())
	case *types.Struct:
		want := map[string]bool{"Field": true, "Code": true, "Message": true}
		for i := range u.NumFields() {
			delete(want, u.Field(i).Name())
		}
		return len(want) == 0
	}
	return false
}

// isList tells whether a value is a list of violations.
func isList(t types.Type) bool {
	if t == nil {
		return false
	}
	_, ok := t.Underlying().(*types.Slice)
	return ok && isViolation(t)
}

// findCollectors finds the functions and closures of a file that append a violation.
func (f *finder) findCollectors(tree *ast.File) {
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil && n.Type.Results == nil && f.appends(n.Body) {
				f.collectors[f.info.Defs[n.Name]] = true
			}
		case *ast.AssignStmt:
			if len(n.Lhs) != 1 || len(n.Rhs) != 1 {
				return true
			}
			id, named := n.Lhs[0].(*ast.Ident)
			lit, closure := n.Rhs[0].(*ast.FuncLit)
			if named && closure && lit.Type.Results == nil && f.appends(lit.Body) {
				f.collectors[f.info.ObjectOf(id)] = true
			}
		}
		return true
	})
}

// appends tells whether one of the statements of a function collects a violation.
func (f *finder) appends(body *ast.BlockStmt) bool {
	for _, stmt := range body.List {
		if f.collects(stmt) {
			return true
		}
	}
	return false
}

// collects tells whether a statement adds a violation to a list: itself, or by a
// function that does.
func (f *finder) collects(stmt ast.Stmt) bool {
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		if len(s.Rhs) != 1 || s.Tok != token.ASSIGN {
			return false
		}
		call, ok := s.Rhs[0].(*ast.CallExpr)
		if !ok || !isList(f.info.TypeOf(s.Lhs[0])) {
			return false
		}
		id, ok := call.Fun.(*ast.Ident)
		return ok && id.Name == "append"
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		switch fun := call.Fun.(type) {
		case *ast.Ident:
			return f.collectors[f.info.ObjectOf(fun)]
		case *ast.SelectorExpr:
			return f.collectors[f.info.ObjectOf(fun.Sel)]
		}
	}
	return false
}
