package cli

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"skystack.dev/sandbox/emulator"
)

// accessSettings is who may steer the sandbox, and what it keeps to be asked
// about.
func accessSettings() settingGroup {
	return settingGroup{"Control", []setting{
		{"control", word, "on|off", "on", "Whether there is a control API under /_sandbox/. Off, nobody can move the clock, reset or look behind the scenes.",
			takeControl},
		{"admin-token", word, "TOKEN", "random", "Opens the control API of all workspaces: 16 or more visible ASCII characters. Other users of the machine see flags: better set the variable.", takeAdminToken},
		{"secret-salt", word, "TEXT", "random beyond loopback", "What the secrets of keys and webhooks made by API are mixed with, so that they cannot be computed from the seed. On a loopback address the default is nothing. Other users of the machine see flags: better set the variable.", takeSalt},
		{"journal", number, "BYTES", "16777216", "How much each workspace remembers of the requests it got. The oldest are given up first.", takeJournal},
	}}
}

func takeControl(p *plan, s string) error {
	p.noControl = s == "off"
	return choice("on", nil, "off", emulator.WithoutControl())(p, s)
}

func takeAdminToken(p *plan, s string) error {
	p.ownAdmin = true
	return p.use(emulator.WithAdminToken(s))
}

func takeSalt(p *plan, s string) error {
	p.salt, p.salted = s, true
	return p.use(emulator.WithSecretSalt(s))
}

func takeJournal(p *plan, s string) error {
	n, err := strconv.Atoi(s)
	if err != nil {
		return fmt.Errorf("%q is not a number of bytes: use digits alone, as in 16777216", s)
	}
	return p.use(emulator.WithJournal(n))
}

// open reports whether other machines can reach one of the addresses.
func open(addrs ...*net.TCPAddr) bool {
	for _, at := range addrs {
		if at != nil && !at.IP.IsLoopback() {
			return true
		}
	}
	return false
}

// guard does not let the key that everybody knows in where other machines can
// reach the sandbox (10.2, row 6): unless another key is named, by flag,
// environment, file or fixture, the sandbox makes itself one. Who names the known
// key means it. Nor can the secrets that are made by API be computed there.
func (p *plan) guard(addrs ...*net.TCPAddr) error {
	if !open(addrs...) {
		return nil
	}
	p.opts = append(p.opts, emulator.WithoutDefaultKey())
	switch {
	case p.salted && p.salt == "":
		return errors.New("secret-salt must not be empty where other machines can reach the sandbox: leave it out for a random one, or listen on a loopback address")
	case !p.salted:
		p.opts = append(p.opts, emulator.WithRandomSecretSalt())
	}
	return nil
}

// secret reports whether the value of a setting opens something.
func secret(setting string) bool {
	return setting == "key" || setting == "admin-token" || setting == "secret-salt"
}
