//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package cli

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// forwarded returns the signals that are forwarded to a command.
func forwarded() []os.Signal {
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}
}

// fromKeyboard reports whether a signal is one that the terminal sends to all programs in
// its foreground, this one included.
func fromKeyboard(sig os.Signal) bool {
	if sig != os.Interrupt && sig != syscall.SIGQUIT {
		return false
	}
	for standard := range 3 {
		if group, err := unix.IoctlGetInt(standard, unix.TIOCGPGRP); err == nil {
			return group == unix.Getpgrp()
		}
	}
	return false
}
