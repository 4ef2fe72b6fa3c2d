// Command genconformance writes the page that holds the rules against the project.
//
//	genconformance <root of the module> <page>
package main

import (
	"fmt"
	"os"

	"skystack.dev/sandbox/emulator/internal/conformance"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: genconformance <root of the module> <page>")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "genconformance:", err)
		os.Exit(1)
	}
}

func generate(root, page string) error {
	p, err := conformance.Read(root)
	if err != nil {
		return err
	}
	return os.WriteFile(page, p.Page(), 0o644)
}
