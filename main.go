// Command skystack-sandbox serves the SkyStack cloud API on this machine, for
// integration tests.
package main

import (
	"os"

	"skystack.dev/sandbox/emulator/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
