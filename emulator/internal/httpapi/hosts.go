package httpapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// checkHost rejects requests for a host name that the server does not have. Otherwise
// a web page could reach a local server by DNS rebinding (10.2, row 2).
func (s *Server) checkHost(x *RequestContext) error {
	if s.allowedHost(x.Request.Host, x.api.Hosts) {
		return nil
	}
	named := "localhost or an IP address"
	if len(x.api.Hosts) > 0 {
		named = "localhost, an IP address or " + x.api.Hosts[0]
	}
	return fail.Newf(fail.Forbidden, "host_not_allowed",
		"The host %q is not served here. Use %s, or allow the name with --allowed-host.", printable(x.Request.Host), named)
}

func (s *Server) allowedHost(host string, ofAPI []string) bool {
	name := hostName(host)
	switch name {
	case "":
		return false
	case "127.0.0.1", "localhost", "host.docker.internal":
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	if strings.HasSuffix(name, ".localhost") {
		return true
	}
	if !strings.Contains(name, ".") && labelLike(name) { // a service name in a compose network
		return true
	}
	return slices.ContainsFunc(ofAPI, func(h string) bool { return h == name || strings.HasPrefix(h, ".") && strings.HasSuffix(name, h) }) ||
		slices.ContainsFunc(s.Hosts, func(h string) bool { return hostName(h) == name })
}

// hostName returns a Host header without port, trailing dot and capitals; "" if it is
// malformed.
func hostName(host string) string {
	if strings.HasPrefix(host, "[") {
		inner, rest, ok := strings.Cut(host[1:], "]")
		if addr, err := netip.ParseAddr(inner); !ok || err != nil || !addr.Is6() || addr.Zone() != "" || rest != "" && !validPort(rest) {
			return ""
		}
		return inner
	}
	if name, port, ok := strings.Cut(host, ":"); ok {
		if !validPort(":" + port) {
			return ""
		}
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func validPort(s string) bool {
	digits, ok := strings.CutPrefix(s, ":")
	return ok && strings.Trim(digits, "0123456789") == ""
}

func labelLike(name string) bool {
	return strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) < 0
}

// handlePreflight implements CORS for the configured origins, which must match
// exactly. Other origins get no CORS header (10.2, row 3; S27).
func (s *Server) handlePreflight(x *RequestContext) error {
	if len(s.Origins) == 0 {
		return nil
	}
	r, h := x.Request, x.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !slices.Contains(s.Origins, origin) {
		return nil
	}
	h.Set("Access-Control-Allow-Origin", origin)
	method := r.Header.Get("Access-Control-Request-Method")
	if r.Method != http.MethodOptions || method == "" {
		h.Set("Access-Control-Expose-Headers", strings.Join(x.api.Headers.Pages.Response, ", "))
		return nil
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", strings.Join(x.api.Headers.Pages.Request, ", "))
	h.Set("Access-Control-Max-Age", "600")
	x.finish(Response{Status: http.StatusNoContent})
	return nil
}
