package oauth

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// OutOfBand is the redirect URI of a client that cannot receive a redirect: the user copies
// the code from a page.
const OutOfBand = "urn:ietf:wg:oauth:2.0:oob"

// TokenPlaceholder is the text in a registered redirect URI that an authorization request
// replaces, made for session paths that change with every sign-in.
const TokenPlaceholder = ":token"

// ValidateRedirect returns why an application cannot register a redirect URI. It is nil for
// https, for http on a loopback IP, and for OutOfBand.
func ValidateRedirect(uri string) error {
	if uri == OutOfBand {
		return nil
	}
	u, err := parseRedirect(uri)
	if err != nil {
		return err
	}
	switch {
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("http is for loopback IPs such as 127.0.0.1, not for %q: use https", u.Host)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("scheme %q is not https", u.Scheme)
	case u.User != nil:
		return errors.New("must have no user name")
	}
	return nil
}

// MatchRedirect reports whether the redirect URI of an authorization request is one that
// the application registered. A registered URI without a query allows any query. One with a
// query needs the same parameters in any order. The port of a loopback IP is free, because
// a native application takes any free port (RFC 8252, 7.3).
func MatchRedirect(registered, requested string) bool {
	if registered == OutOfBand || requested == OutOfBand {
		return registered == requested
	}
	want, err := parseRedirect(registered)
	if err != nil {
		return false
	}
	got, err := parseRedirect(requested)
	if err != nil {
		return false
	}
	if want.RawQuery != "" || want.ForceQuery {
		if !sameQuery(want.RawQuery, got.RawQuery) {
			return false
		}
	}
	return sameAddress(want, got)
}

// parseRedirect reads an absolute URI with a host and without a fragment. It allows only
// what a Location header can carry unchanged.
func parseRedirect(uri string) (*url.URL, error) {
	if i := strings.IndexFunc(uri, func(r rune) bool { return r <= ' ' || r >= 0x7f }); i >= 0 {
		return nil, errors.New("must be of printable ASCII characters without spaces")
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return nil, errors.New("is not a URI")
	case u.Scheme == "" || u.Host == "":
		return nil, errors.New("must be absolute")
	case strings.Contains(uri, "#"):
		return nil, errors.New("must have no fragment")
	}
	return u, nil
}

// sameAddress reports whether two URIs have the same scheme, authority and path.
func sameAddress(a, b *url.URL) bool {
	if a.Scheme != b.Scheme || a.User.String() != b.User.String() || !strings.EqualFold(a.Hostname(), b.Hostname()) {
		return false
	}
	if port(a) != port(b) && !loopback(a.Hostname()) {
		return false
	}
	return rawPath(a) == rawPath(b)
}

// sameQuery reports whether two queries have the same parameters in any order.
func sameQuery(a, b string) bool {
	first, second := strings.Split(a, "&"), strings.Split(b, "&")
	slices.Sort(first)
	slices.Sort(second)
	return slices.Equal(first, second)
}

// port returns the port of a URI, that of its scheme if it has none.
func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}

// rawPath returns the path as it was written; an empty one is the root.
func rawPath(u *url.URL) string {
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return "/"
}

// loopback reports whether a host is a loopback IP. A name is none, localhost included: the
// resolver decides where it leads.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// FillPlaceholder replaces the placeholder in the part of a redirect URI before the query.
// An empty value leaves the URI as it is. The value is escaped, so that it stays within the
// path.
func FillPlaceholder(uri, value string) string {
	if value == "" {
		return uri
	}
	address, query, found := strings.Cut(uri, "?")
	address = strings.ReplaceAll(address, TokenPlaceholder, url.PathEscape(value))
	if !found {
		return address
	}
	return address + "?" + query
}

// Field is a named value of a query or of a form.
type Field struct{ Name, Value string }

// Redirect returns the address that a redirect goes to: the URI with the fields in its
// query. Fields without a value are left out. The query of the URI keeps its bytes, except
// that parameters with the name of a field go: the client must not read a code or state
// that the server did not send.
func Redirect(uri string, fields ...Field) string {
	address, query, _ := strings.Cut(uri, "?")
	var pairs []string
	for pair := range strings.SplitSeq(query, "&") {
		if pair != "" && !names(fields, pair) {
			pairs = append(pairs, pair)
		}
	}
	for _, f := range fields {
		if f.Value != "" {
			pairs = append(pairs, url.QueryEscape(f.Name)+"="+url.QueryEscape(f.Value))
		}
	}
	if len(pairs) == 0 {
		return address
	}
	return address + "?" + strings.Join(pairs, "&")
}

// names reports whether a pair of a query has the name of one of the fields.
func names(fields []Field, pair string) bool {
	raw, _, _ := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(raw)
	return err == nil && slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name })
}
