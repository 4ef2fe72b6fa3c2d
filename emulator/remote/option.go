package remote

import (
	"errors"
	"fmt"
	"net/http"
)

// Option changes how a sandbox is reached. Options given later win.
type Option func(*config) error

type config struct {
	admin     string
	workspace string
	ca        []byte
	http      *http.Client
}

// adminHint is where an admin token comes from.
const adminHint = "the sandbox prints it when it starts, or takes it from SKYSTACK_SANDBOX_ADMIN_TOKEN; of one in Go, Emulator.AdminToken tells it"

// WithAdminToken lets NewWorkspace, Fork and AddKey work, which a key alone does
// not allow. The sandbox prints the token when it starts, or takes it from
// SKYSTACK_SANDBOX_ADMIN_TOKEN. With it the key may be empty: then the token
// controls the default workspace, or the one that WithWorkspace names. Default:
// none.
func WithAdminToken(token string) Option {
	return func(c *config) error {
		if token == "" {
			return errors.New("WithAdminToken: the token is empty: " + adminHint)
		}
		c.admin = token
		return checkToken("the admin token", token)
	}
}

// WithWorkspace names the workspace to control. With an admin token it may be
// any; the key is then only what Key returns, and may lack the scope to control.
// Without one it must be the key's own. Default: the key's own.
func WithWorkspace(id string) Option {
	return func(c *config) error {
		if id == "" {
			return errors.New("WithWorkspace: the id is empty")
		}
		c.workspace = id
		return nil
	}
}

// WithCA trusts the certificate authorities in a PEM text on top of those of the
// system. "skystack-sandbox ca" names the file of the sandbox's own. Default:
// those of the system, or of the transport given by WithHTTPClient.
func WithCA(pem []byte) Option {
	return func(c *config) error { c.ca = pem; return addCA(nil, pem) }
}

// WithHTTPClient takes transport, cookie jar, redirect policy and timeout from a
// client. The control calls use its transport alone, and its timeout instead of
// the two minutes that a call may take. Default: a client of the workspace's
// own.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) error { c.http = client; return nil }
}

// checkToken refuses what cannot stand in a header; it does not show it.
func checkToken(what, token string) error {
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return fmt.Errorf("%s holds a character that is not visible ASCII, at offset %d: was it copied with a space or line break?", what, i)
		}
	}
	return nil
}
