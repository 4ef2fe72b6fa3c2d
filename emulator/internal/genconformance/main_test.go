package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"skystack.dev/sandbox/emulator/internal/conformance"
)

func TestGenerate(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	if err := generate("../../..", page, (*conformance.Project).Page); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(page)
	if err != nil || !bytes.Contains(got, []byte("# Conformance\n")) {
		t.Errorf("%v\n%s", err, got)
	}
	if err := generate(t.TempDir(), page, (*conformance.Project).Page); err == nil {
		t.Error("a page was made of nothing")
	}
	if err := generate("../../..", page, (*conformance.Project).Citations); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(page); err != nil || !bytes.Contains(got, []byte("\nS10\temulator/internal/skystack\tTest")) {
		t.Errorf("citations: %v\n%s", err, got)
	}
}
