package cli

import (
	"fmt"
	"io"
	"runtime"

	"skystack.dev/sandbox/emulator"
)

func printVersion(stdout io.Writer) error {
	_, err := fmt.Fprintf(stdout, "%s %s %s %s/%s\n", program, emulator.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
