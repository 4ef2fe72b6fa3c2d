package cli

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"skystack.dev/sandbox/emulator"
)

// accessSettings returns the settings of the control API, of secrets and of the record
// of requests.
func accessSettings() settingGroup {
	return settingGroup{"Control", []setting{
		{"control", word, "on|off", "on", "Whether the control API is served under /_sandbox/. Without it clients cannot move the clock, reset or inspect the sandbox.",
			takeControl},
		{"admin-token", word, "TOKEN", "random", "The token for the control API of all workspaces: 16 or more visible ASCII characters. Other users of the machine can see flags; prefer the environment variable.", takeAdminToken},
		{"secret-salt", word, "TEXT", "random beyond loopback", "A text that secrets of keys and webhooks created by API depend on, so that they cannot be computed from the seed. On a loopback address there is none by default. Other users of the machine can see flags; prefer the environment variable.", takeSalt},
		{"journal", number, "BYTES", "16777216", "The maximum size of the record of requests of each workspace. The oldest requests are dropped first.", takeJournal},
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

// exposed reports whether other machines can reach one of the addresses.
func exposed(addrs ...*net.TCPAddr) bool {
	for _, at := range addrs {
		if at != nil && !at.IP.IsLoopback() {
			return true
		}
	}
	return false
}

// guard removes the published default key where other machines can reach the sandbox
// (10.2, row 6): unless another key is given by flag, environment, file or fixture, the
// sandbox generates one. A configured default key is accepted. Secrets created by API
// cannot be computed there either.
func (p *plan) guard(addrs ...*net.TCPAddr) error {
	if !exposed(addrs...) {
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

// secret reports whether the value of a setting is a credential.
func secret(setting string) bool {
	return setting == "key" || setting == "admin-token" || setting == "secret-salt"
}
