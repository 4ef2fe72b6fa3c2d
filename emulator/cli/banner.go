package cli

import (
	"fmt"
	"net"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator"
)

// baseURL returns the URL for clients of this machine.
func baseURL(at *net.TCPAddr) string { return "http://" + reachable(at) }

// secureURL returns the HTTPS URL for clients of this machine; "" if there is none.
func secureURL(at *net.TCPAddr) string {
	if at == nil {
		return ""
	}
	return "https://" + reachable(at)
}

func reachable(at *net.TCPAddr) string {
	host := at.IP.String()
	if at.IP == nil || at.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, fmt.Sprint(at.Port))
}

// banner returns the text that serve prints when it starts (S73).
func banner(p *plan, e *emulator.Emulator, base, secure string) string {
	s := e.Setup()
	var b strings.Builder
	fmt.Fprintf(&b, "SkyStack Sandbox %s, for integration tests only: its data does not last.\n\n", emulator.Version)
	base, curl := p.describeTLS(&b, base, secure)
	fmt.Fprintf(&b, "  key       %s\n", e.Key())
	if !p.ownAdmin && !p.noControl {
		fmt.Fprintf(&b, "  admin     %s\n", e.AdminToken())
	}
	b.WriteString("\n")
	fmt.Fprintf(&b, "Configure a client:\n\n%s\n", exports(variables(e, base)))
	describeRequest(&b, e, curl, base)
	fmt.Fprintf(&b, "Settings:\n\n  fixture   %s, seed %d\n%s  clock     %s\n  speed     %s\n  limits    %s\n  quota     %s\n  reset     %s\n  control   %s\n\n",
		s.Fixture, s.Seed, p.describeSalt(e), describeClock(s.Clock), describeSpeed(s), describeLimits(s.RateLimit), describeQuota(s.Quota), describeReset(s.ResetEvery), describeControl(p.noControl))
	b.WriteString("Serving. Stop it with Ctrl-C.\n")
	return b.String()
}

// describeSalt returns the line about the salt, if there is one. A configured salt is not
// printed.
func (p *plan) describeSalt(e *emulator.Emulator) string {
	switch salt := e.SecretSalt(); {
	case salt == "":
		return ""
	case p.salted:
		return "  salt      as configured; secrets created by API depend on it\n"
	default:
		return "  salt      " + salt + ", random; secrets created by API depend on it, --secret-salt sets it\n"
	}
}

// describeRequest writes a request that a key of the sandbox may send.
func describeRequest(b *strings.Builder, e *emulator.Emulator, curl, base string) {
	if !serves(e, emulator.SkyStack) {
		c := credentialsOf(e)
		b.WriteString("List the container images:\n\ncurl " + curl + shellWord(base+"/api/container_images") + " \\\n  -u " + shellWord(c.Username+":"+c.Password) + "\n\n")
		return
	}
	curl = "curl " + curl + shellWord(base+"/v1/instances") + " \\\n  -H "
	if key := e.KeyFor("instances:write"); key != "" {
		b.WriteString("Create an instance:\n\n" + curl + shellWord("Authorization: Bearer "+key) +
			" \\\n  -H 'Content-Type: application/json' \\\n  -d '{\"name\":\"web-1\",\"region\":\"eu-central\",\"size\":\"standard-2\"}'\n\n")
		return
	}
	if key := e.KeyFor("instances:read"); key != "" {
		b.WriteString("List the instances; no key may create one:\n\n" + curl + shellWord("Authorization: Bearer "+key) + "\n\n")
		return
	}
	b.WriteString("No key may create or list instances: add the scope instances:read or instances:write to a key.\n\n")
}

func describeClock(c emulator.Clock) string {
	text := string(c.Mode)
	if c.Mode == emulator.ScaledClock {
		text = fmt.Sprintf("%s, %v times as fast as the wall clock", text, c.Scale)
	}
	if !c.Now.IsZero() {
		text += ", from " + c.Now.Format(time.RFC3339)
	}
	return text
}

func describeSpeed(s emulator.Setup) string {
	text := s.Speed
	if len(s.Durations) > 0 {
		text += ", with custom durations"
	}
	if s.Progression != "time" {
		text += ", progression " + s.Progression
	}
	return text
}

func describeLimits(r *emulator.RateLimit) string {
	if r == nil {
		return "off"
	}
	var parts []string
	if r.PerMinute != emulator.Unlimited {
		parts = append(parts, fmt.Sprintf("%d requests a minute", r.PerMinute))
	}
	if r.PerDay != emulator.Unlimited {
		parts = append(parts, fmt.Sprintf("%d requests a day", r.PerDay))
	}
	owner := "for each key"
	if r.Shared {
		owner = "for all keys of a workspace together"
	}
	return strings.Join(parts, " and ") + " " + owner
}

func describeQuota(n int) string {
	if n == emulator.Unlimited {
		return "off"
	}
	return fmt.Sprintf("%d instances for each workspace", n)
}

func describeReset(d time.Duration) string {
	if d == 0 {
		return "never"
	}
	return "every " + d.String()
}

func describeControl(off bool) string {
	if off {
		return "off"
	}
	return "on, under /_sandbox/"
}
