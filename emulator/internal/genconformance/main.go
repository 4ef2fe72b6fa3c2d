// Command genconformance writes the pages that hold the rules of the systems against the
// project, or the list of the tests that cite a rule.
//
//	genconformance <root of the module>
//	genconformance citations <root of the module> <list>
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"skystack.dev/sandbox/emulator/internal/conformance"
)

func main() {
	args := os.Args[1:]
	var err error
	switch {
	case len(args) == 3 && args[0] == "citations":
		err = citations(args[1], args[2])
	case len(args) == 1:
		err = pages(args[0], args[0])
	default:
		fmt.Fprintln(os.Stderr, "usage: genconformance [citations] <root of the module> [<file>]")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "genconformance:", err)
		os.Exit(1)
	}
}

// pages writes the page of each system of the project at root below the folder to.
func pages(root, to string) error {
	for _, system := range conformance.Systems() {
		p, err := conformance.Read(root, system)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.FromSlash(system.Page)), p.Page(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// citations writes the list of the tests that cite a rule of any system.
func citations(root, file string) error {
	var all []byte
	for _, system := range conformance.Systems() {
		p, err := conformance.Read(root, system)
		if err != nil {
			return err
		}
		all = append(all, p.Citations()...)
	}
	return os.WriteFile(file, all, 0o644)
}
