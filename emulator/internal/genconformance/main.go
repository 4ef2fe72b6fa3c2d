// Command genconformance writes the page that holds the rules against the project, or the
// list of the tests that cite a rule.
//
//	genconformance <root of the module> <page>
//	genconformance citations <root of the module> <list>
package main

import (
	"fmt"
	"os"

	"skystack.dev/sandbox/emulator/internal/conformance"
)

func main() {
	args, write := os.Args[1:], (*conformance.Project).Page
	if len(args) > 0 && args[0] == "citations" {
		args, write = args[1:], (*conformance.Project).Citations
	}
	if len(args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: genconformance [citations] <root of the module> <file>")
		os.Exit(2)
	}
	if err := generate(args[0], args[1], write); err != nil {
		fmt.Fprintln(os.Stderr, "genconformance:", err)
		os.Exit(1)
	}
}

func generate(root, file string, write func(*conformance.Project) []byte) error {
	p, err := conformance.Read(root)
	if err != nil {
		return err
	}
	return os.WriteFile(file, write(p), 0o644)
}
