//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package cli

import (
	"os"
	"syscall"
)

// forwarded returns the signals that are forwarded to a command.
func forwarded() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// fromKeyboard reports whether the terminal has sent a signal to the command as well.
func fromKeyboard(sig os.Signal) bool { return sig == os.Interrupt }
