// Command skystack-sandbox serves the SkyStack cloud API on this machine, for
// integration tests. It is the program of the root directory under the name that
// the documents use, for
//
//	go install skystack.dev/sandbox/cmd/skystack-sandbox@latest
package main

import (
	"os"

	"skystack.dev/sandbox/emulator/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
