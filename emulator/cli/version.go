package cli

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"skystack.dev/sandbox/emulator"
)

type versionCommand struct{ output }

func (p *process) versionCommand() *cobra.Command {
	var v versionCommand
	return p.leaf("version", "Print the version.", "", v.flags(), func([]string) error { return printVersion(v, p.stdout) })
}

func printVersion(c versionCommand, stdout io.Writer) error {
	if c.asJSON() {
		return printJSON(stdout, map[string]string{
			"version": emulator.Version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		})
	}
	_, err := fmt.Fprintf(stdout, "%s %s %s %s/%s\n", program, emulator.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
