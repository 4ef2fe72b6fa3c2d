package main

import (
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// liveImport is the package that switches mutants on; the rewritten files import it.
const liveImport = "skystack.dev/sandbox/testdata/mutate/live"

// overlay writes the rewritten files into a folder, and beside them the list that go
// test -overlay reads. The lines stay what they are.
func (f *finder) overlay(dir string, replace map[string]string) error {
	for _, file := range f.files {
		edits := f.edits[file.path]
		if len(edits) == 0 {
			continue
		}
		name := f.fset.Position(file.tree.Name.End()).Offset
		edits = append(edits, edit{name, fmt.Sprintf("; import live %q", liveImport)})
		text := apply(file.text, edits)
		if _, err := format.Source(text); err != nil {
			return fmt.Errorf("%s: %w", file.path, err)
		}
		to := filepath.Join(dir, fmt.Sprintf("%d-%s", len(replace), filepath.Base(file.path)))
		if err := os.WriteFile(to, text, 0o600); err != nil {
			return err
		}
		replace[file.path] = to
	}
	return nil
}

func writeOverlay(path string, replace map[string]string) error {
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// apply inserts the texts. What is closed at a place comes before what begins there.
func apply(text []byte, edits []edit) []byte {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b edit) int {
		if a.at != b.at {
			return a.at - b.at
		}
		return strings.Compare(a.text, b.text) // ")" is less than any letter
	})
	var out []byte
	at := 0
	for _, e := range edits {
		out = append(out, text[at:e.at]...)
		out = append(out, e.text...)
		at = e.at
	}
	return append(out, text[at:]...)
}

// below is a path below the root, with slashes.
func below(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}
