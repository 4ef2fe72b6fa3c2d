package oauth

import (
	"encoding/base64"
	"strings"
)

// Client is what a request says about the client that sends it.
type Client struct{ ID, Secret string }

// ClientOf returns the client of a request: that of the Basic Authorization header, or else
// that of the parameters client_id and client_secret. It reports whether there is one.
func ClientOf(authorization string, parameter func(name string) string) (Client, bool) {
	if c, ok := Basic(authorization); ok && c.ID != "" {
		return c, true
	}
	c := Client{ID: parameter("client_id"), Secret: parameter("client_secret")}
	return c, c.ID != ""
}

// Basic reads a Basic Authorization header. The scheme may be in any case. Clients in use
// send the standard and the URL-safe alphabet, with and without padding: all are accepted.
func Basic(authorization string) (Client, bool) {
	encoded, ok := Credentials(authorization, "Basic")
	if !ok {
		return Client{}, false
	}
	standard := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(encoded, "="))
	decoded, err := base64.RawStdEncoding.DecodeString(standard)
	if err != nil {
		return Client{}, false
	}
	id, secret, _ := strings.Cut(string(decoded), ":")
	return Client{ID: id, Secret: secret}, true
}

// Credentials returns what follows the scheme in an Authorization header. It reports
// whether the header has that scheme, in any case.
func Credentials(authorization, scheme string) (string, bool) {
	found, rest, ok := strings.Cut(strings.TrimSpace(authorization), " ")
	if !ok || !strings.EqualFold(found, scheme) {
		return "", false
	}
	return strings.TrimSpace(rest), true
}
