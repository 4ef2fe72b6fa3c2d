package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// maxURL bounds the URL of an endpoint, in bytes.
const maxURL = 2048

// CheckURL says what is wrong with the URL of an endpoint; nil when nothing is. The
// error is a *Refusal whose message never repeats the URL, which may hold a
// password. Where a name leads is looked at when it is dialed, not here.
func (p Policy) CheckURL(raw string) error {
	_, err := p.parse(raw)
	return err
}

func invalid(format string, args ...any) error {
	return &Refusal{InvalidURL, fmt.Sprintf(format, args...)}
}

// parse is raw as a URL that may be sent to.
func (p Policy) parse(raw string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, invalid("The URL has %d bytes; at most %d are allowed.", len(raw), maxURL)
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return nil, invalid("The URL has a space, a backslash or a control character; write them percent-encoded.")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, invalid("The URL cannot be read; write it as in https://receiver.test:8443/hooks.")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, invalid("The URL begins with http:// or https://; no other scheme is served.")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, invalid("The URL names no host; write it as in https://receiver.test:8443/hooks.")
	case u.User != nil:
		return nil, invalid("The URL holds a user name or password; leave them out and verify the signature instead.")
	case strings.Contains(raw, "#"):
		return nil, invalid("The URL has a fragment, which is never sent; leave out what begins with #.")
	}
	port, err := portOf(u)
	if err != nil {
		return nil, err
	}
	if err := checkPort(port); err != nil {
		return nil, err
	}
	host := u.Hostname()
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return nil, invalid("The address in the URL has a zone; leave out what begins with %%.")
		}
		return u, p.Check(netip.AddrPortFrom(addr, port))
	}
	if err := checkName(host); err != nil {
		return nil, err
	}
	for _, addr := range localhost(host) {
		if err := p.Check(netip.AddrPortFrom(addr, port)); err != nil {
			return nil, err
		}
	}
	return u, nil
}

func portOf(u *url.URL) (uint16, error) {
	switch {
	case u.Port() != "":
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || port == 0 {
			return 0, invalid("The port of the URL is a number from 1 to 65535.")
		}
		return uint16(port), nil
	case u.Scheme == "https":
		return 443, nil
	}
	return 80, nil
}

// checkName says what is wrong with a host name. Names of compose services may
// have underscores.
func checkName(host string) error {
	name := strings.TrimSuffix(host, ".")
	if len(name) > 253 {
		return invalid("The host name has %d characters; at most 253 are allowed.", len(name))
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		odd := func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}
		if len(label) == 0 || len(label) > 63 || strings.ContainsFunc(label, odd) {
			return invalid("The host name is made of parts of 1 to 63 letters, digits, - and _, with dots between them; write other letters in their xn-- form.")
		}
	}
	// Some resolvers read these as addresses: 2130706433, 127.1 and 0x7f.1 are
	// 127.0.0.1 to them.
	last := strings.ToLower(labels[len(labels)-1])
	hexadecimal, ok := strings.CutPrefix(last, "0x")
	if strings.Trim(last, "0123456789") == "" || ok && strings.Trim(hexadecimal, "0123456789abcdef") == "" {
		return invalid("The host looks like an address; write it as four decimal numbers, as in 127.0.0.1, or as IPv6 in brackets.")
	}
	return nil
}

// localhost is where host is by RFC 6761, whatever a resolver would say; empty
// for any other name. IPv4 is first, where most servers are.
func localhost(host string) []netip.Addr {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name != "localhost" && !strings.HasSuffix(name, ".localhost") {
		return nil
	}
	return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
}

// Malformed says why nothing can be sent to a URL, whatever the policy; "" when
// something can. It does not repeat the URL, which may hold a password.
func Malformed(url string) string {
	var refused *Refusal
	if err := (Policy{}).CheckURL(url); errors.As(err, &refused) && refused.Code == InvalidURL {
		return refused.Message
	}
	return ""
}

// CheckURL is Policy.CheckURL with the policy of the sender.
func (s *Sender) CheckURL(raw string) error { return s.Policy.CheckURL(raw) }
