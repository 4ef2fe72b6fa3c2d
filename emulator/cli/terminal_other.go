//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package cli

import (
	"os"
	"syscall"
)

// forwarded are the signals that a command gets as this program does.
func forwarded() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// fromKeyboard reports whether the terminal has sent a signal to the command as
// well. Elsewhere it does.
func fromKeyboard(sig os.Signal) bool { return sig == os.Interrupt }
