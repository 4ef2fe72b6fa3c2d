package webhook

import (
	"fmt"
	"net"
	"net/netip"
)

// Refusal is what is wrong with a target or a secret, as an error.
type Refusal struct {
	Code    string // InvalidURL, EgressDenied or InvalidSecret
	Message string // a sentence for people: what is wrong and what would be right
}

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

func denied(format string, args ...any) error {
	return &Refusal{EgressDenied, fmt.Sprintf(format, args...)}
}

// Policy is where webhooks may go (10.4). Receivers are on this machine and in
// private networks, so those are allowed; what only an attacker would ask for is
// not. The zero value refuses public addresses.
type Policy struct {
	// AllowPublic also allows public addresses.
	AllowPublic bool
	// Own is where the sandbox itself listens at present; nil when it does not.
	// An unspecified address stands for every address of this machine.
	Own func() []netip.AddrPort
}

// Check says why to may not be dialed; nil when it may. The error is a *Refusal.
func (p Policy) Check(to netip.AddrPort) error {
	addr := to.Addr().Unmap().WithZone("")
	if !addr.IsValid() {
		return denied("The target has no address.")
	}
	if err := checkPort(to.Port()); err != nil {
		return err
	}
	if what := forbidden(addr); what != "" {
		return denied("Webhooks are not sent to %s: %s. Use the address of your receiver on this machine or in a private network.", addr, what)
	}
	if p.owns(addr, to.Port()) {
		return denied("Webhooks are not sent to %s: the sandbox itself listens there. Use the port of your receiver.", netip.AddrPortFrom(addr, to.Port()))
	}
	if !p.AllowPublic && !private(addr) {
		return denied("Webhooks are not sent to %s: it is a public address. Use a receiver on this machine or in a private network, or start the sandbox with --webhook-allow-public.", addr)
	}
	return nil
}

// checkPort keeps webhooks from being spoken to mail servers, shells and the like.
func checkPort(port uint16) error {
	if port >= 1024 || port == 80 || port == 443 {
		return nil
	}
	return denied("Webhooks are not sent to port %d. Use 80, 443 or a port from 1024 up.", port)
}

// private reports whether addr is one that only this machine or its network has.
func private(addr netip.Addr) bool { return addr.IsLoopback() || addr.IsPrivate() }

// owns reports whether the sandbox listens at addr and port.
func (p Policy) owns(addr netip.Addr, port uint16) bool {
	if p.Own == nil {
		return false
	}
	for _, own := range p.Own() {
		if own.Port() != port {
			continue
		}
		at := own.Addr().Unmap().WithZone("")
		if at == addr || (at.IsUnspecified() && here(addr)) {
			return true
		}
	}
	return false
}

// here reports whether addr is one of this machine; also when that cannot be found out.
func here(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if own, ok := netip.AddrFromSlice(n.IP); ok && own.Unmap() == addr {
				return true
			}
		}
	}
	return false
}

// forbidden is why nothing is ever sent to addr; "" when something may be.
func forbidden(addr netip.Addr) string {
	const metadata = "clouds keep the credentials of a machine there"
	for _, r := range []struct{ prefix, why string }{
		{"0.0.0.0/8", "it is unspecified"},
		{"169.254.0.0/16", "it is link-local, and " + metadata},
		{"100.100.100.200/32", metadata},                    // Alibaba
		{"168.63.129.16/32", metadata},                      // Azure
		{"192.0.0.0/24", "it is reserved, and " + metadata}, // Oracle
		{"224.0.0.0/4", "it is multicast"},
		{"255.255.255.255/32", "it is broadcast"},
		{"240.0.0.0/4", "it is reserved"},
		{"::1/128", ""},
		{"::/128", "it is unspecified"},
		{"fe80::/10", "it is link-local"},
		{"fec0::/10", "it is site-local, which is no longer in use"},
		{"ff00::/8", "it is multicast"},
		{"fd00:ec2::/32", metadata},                     // Amazon
		{"fd20:ce::254/128", metadata},                  // Google
		{"fd00:42::42/128", metadata},                   // Scaleway
		{"::/96", "it hides an IPv4 address"},           // IPv4-compatible
		{"::ffff:0:0:0/96", "it hides an IPv4 address"}, // SIIT
		{"64:ff9b:1::/48", "it hides an IPv4 address"},  // NAT64 of one's own
		{"2001::/32", "it hides an IPv4 address"},       // Teredo
	} {
		if netip.MustParsePrefix(r.prefix).Contains(addr) {
			return r.why
		}
	}
	// A gateway would carry the rest to the IPv4 address inside. It has no
	// business with addresses that are not public.
	if inner := hidden(addr); inner.IsValid() && (private(inner) || forbidden(inner) != "") {
		return fmt.Sprintf("it stands for %s behind a gateway", inner)
	}
	return ""
}

// hidden is the IPv4 address that an IPv6 address stands for; the zero Addr when
// it stands for itself.
func hidden(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return netip.Addr{}
	}
	b := addr.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr): // NAT64
		return netip.AddrFrom4([4]byte(b[12:]))
	case netip.MustParsePrefix("2002::/16").Contains(addr): // 6to4
		return netip.AddrFrom4([4]byte(b[2:6]))
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return netip.Addr{}
}
