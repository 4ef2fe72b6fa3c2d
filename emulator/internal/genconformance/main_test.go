package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestGenerate(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	if err := generate("../../..", page); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(page)
	if err != nil || !bytes.Contains(got, []byte("# Conformance\n")) {
		t.Errorf("%v\n%s", err, got)
	}
	if err := generate(t.TempDir(), page); err == nil {
		t.Error("a page was made of nothing")
	}
}
