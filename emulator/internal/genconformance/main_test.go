package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"skystack.dev/sandbox/emulator/internal/conformance"
)

func TestGenerate(t *testing.T) {
	const root = "../../.."
	to := t.TempDir()
	if err := os.Mkdir(filepath.Join(to, "emulator"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := pages(root, to); err != nil {
		t.Fatal(err)
	}
	for _, system := range conformance.Systems() {
		got, err := os.ReadFile(filepath.Join(to, filepath.FromSlash(system.Page)))
		if err != nil || !bytes.Contains(got, []byte("# Conformance\n\nWhat every sentence of the "+system.Name+" documentation")) {
			t.Errorf("%v\n%s", err, got)
		}
	}
	if err := pages(t.TempDir(), to); err == nil {
		t.Error("a page was made of nothing")
	}
	list := filepath.Join(to, "list")
	if err := citations(root, list); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(list)
	if err != nil || !bytes.Contains(got, []byte("\nS10\temulator/internal/skystack\tTest")) || !bytes.Contains(got, []byte("\nC1\temulator/internal/computestacks\tTestDocument\n")) {
		t.Errorf("citations: %v\n%s", err, got)
	}
}
