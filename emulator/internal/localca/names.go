package localca

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// hosts is what certificates are about: names and addresses.
type hosts struct {
	domains []string
	addrs   []netip.Addr
}

// base is what every CA may sign: this machine, the sandbox's public names,
// and the machine as its containers see it. The addresses stand for all of
// loopback; see limits.
func base() hosts {
	return hosts{domains: []string{"localhost", "skystack.dev", "host.docker.internal"}, addrs: loopback()}
}

// served is what every certificate of the sandbox is good for.
func served() hosts {
	return hosts{domains: []string{"localhost", "sandbox.api.skystack.dev", "api.skystack.dev", "host.docker.internal"}, addrs: loopback()}
}

func loopback() []netip.Addr {
	return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
}

// join is both, each name once.
func (h hosts) join(more hosts) hosts {
	out := hosts{slices.Clone(h.domains), slices.Clone(h.addrs)}
	for _, d := range more.domains {
		if !slices.Contains(out.domains, d) {
			out.domains = append(out.domains, d)
		}
	}
	for _, a := range more.addrs {
		if !slices.Contains(out.addrs, a) {
			out.addrs = append(out.addrs, a)
		}
	}
	return out
}

// without leaves out what other has.
func (h hosts) without(other hosts) hosts {
	return hosts{
		slices.DeleteFunc(slices.Clone(h.domains), func(d string) bool { return slices.Contains(other.domains, d) }),
		slices.DeleteFunc(slices.Clone(h.addrs), func(a netip.Addr) bool { return slices.Contains(other.addrs, a) }),
	}
}

// limits is what a CA for these hosts is limited to. A domain stands for all below
// it and 127.0.0.1 for all addresses that lead back to the machine, so what they
// cover is left out.
func (h hosts) limits() (domains []string, ranges []*net.IPNet) {
	for _, d := range h.domains {
		if !below(d, domains) {
			domains = append(domains, d)
		}
	}
	for _, a := range h.addrs {
		if within(a, ranges) {
			continue
		}
		bits := a.BitLen()
		ones := bits
		if a.Is4() && a.IsLoopback() {
			a, ones = netip.AddrFrom4([4]byte{127}), 8
		}
		ranges = append(ranges, &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(ones, bits)})
	}
	return domains, ranges
}

// below tells whether a name is one of the domains or below one.
func below(name string, domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return name == d || strings.HasSuffix(name, "."+d) })
}

func within(a netip.Addr, ranges []*net.IPNet) bool {
	return slices.ContainsFunc(ranges, func(r *net.IPNet) bool { return r.Contains(a.AsSlice()) })
}

// clean parses names and reports all invalid ones.
func clean(names []string) (hosts, error) {
	var all hosts
	var faults []error
	for _, name := range names {
		h, err := parseHost(name)
		all = all.join(h)
		faults = append(faults, err)
	}
	return all, errors.Join(faults...)
}

// CheckName refuses what is neither the name of a host nor an address.
func CheckName(name string) error {
	_, err := parseHost(name)
	return err
}

// parseHost reads a host's name or address. Capitals and a last dot do not count.
func parseHost(s string) (hosts, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		addr = addr.Unmap()
		if addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast() {
			return hosts{}, fmt.Errorf("%q is not the address of a host: use one that clients connect to, as in 192.0.2.10", s)
		}
		return hosts{addrs: []netip.Addr{addr}}, nil
	}
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	good := len(name) <= 253
	labels := strings.Split(name, ".")
	for _, label := range labels {
		good = good && label != "" && len(label) <= 63 && label[0] != '-' && label[len(label)-1] != '-' && strings.IndexFunc(label, notInLabel) < 0
	}
	// The last label of a name is never a number: what looks so is half an address.
	if !good || strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return hosts{}, fmt.Errorf("%q is not the name or address of a host: write it alone, without scheme, port or wildcard, as in sandbox.test or 192.0.2.10", s)
	}
	return hosts{domains: []string{name}}, nil
}

func notInLabel(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
}
