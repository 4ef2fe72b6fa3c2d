package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// source is a package that is mutated, with its types.
type source struct {
	path, dir string
	fset      *token.FileSet
	files     []file
	info      *types.Info
}

type file struct {
	path string
	text []byte
	tree *ast.File
}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	DepOnly                 bool
	Error                   *struct{ Err string }
}

// golist lists packages and all that they import, with the export data that the
// compiler made of them.
func golist(patterns []string) ([]listed, error) {
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly,Error", "--"}, patterns...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case p.Error != nil:
			return nil, fmt.Errorf("%s: %s", p.ImportPath, p.Error.Err)
		}
		all = append(all, p)
	}
}

// load parses and checks the packages that the patterns name.
func load(patterns []string) ([]*source, error) {
	all, err := golist(patterns)
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	for _, p := range all {
		exports[p.ImportPath] = p.Export
	}
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	var out []*source
	for _, p := range all {
		if p.DepOnly {
			continue
		}
		s := &source{path: p.ImportPath, dir: p.Dir, fset: token.NewFileSet()}
		for _, name := range p.GoFiles {
			path := filepath.Join(p.Dir, name)
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			s.files = append(s.files, file{path: path, text: text})
		}
		if err := s.check(importer.ForCompiler(s.fset, "gc", lookup)); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// check parses the files and finds the types in them.
func (s *source) check(imports types.Importer) error {
	var trees []*ast.File
	for i := range s.files {
		f := &s.files[i]
		tree, err := parser.ParseFile(s.fset, f.path, f.text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f.tree = tree
		trees = append(trees, tree)
	}
	s.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	_, err := (&types.Config{Importer: imports}).Check(s.path, s.fset, trees, s.info)
	return err
}
