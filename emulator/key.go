package emulator

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"time"

	"skystack.dev/sandbox/emulator/internal/skystack"
)

// Key is a key a workspace knows (section 8).
type Key struct {
	// Token is what the client sends after Bearer: a key made by NewKey, or any
	// visible ASCII.
	Token string
	// Workspace is whose key it is: "" for the default workspace, another id for
	// a further workspace that starts from the same fixture.
	Workspace string
	// Scopes is what the key may do; nil means everything.
	Scopes []string
	// Project is the project of requests that name none; "" for the workspace's.
	Project string
	// APIVersion is the date version of requests that name none; "" for the
	// default one.
	APIVersion string
	// ID, Name, Environment and Owner describe the key; ID is made up if empty.
	ID, Name, Environment, Owner string
	// CreatedAt, ExpiresAt and RevokedAt are world times; nil means the first
	// instant, never and never.
	CreatedAt, ExpiresAt, RevokedAt *time.Time
}

// WithKey makes a key known. It refuses one that could not be used, and
// production keys (S74).
func WithKey(k Key) Option {
	return func(c *config) error {
		if k.Workspace != "" && !workspaceID.MatchString(k.Workspace) {
			return fmt.Errorf("workspace %q is not an id: use wsp_ and 1 to 60 letters or digits", k.Workspace)
		}
		if err := k.known().Check(); err != nil {
			return err
		}
		c.keys = append(c.keys, k)
		return nil
	}
}

var workspaceID = regexp.MustCompile(`^wsp_[0-9A-Za-z]{1,60}$`)

// known is the key as the API wants it.
func (k Key) known() skystack.NewKey {
	t := skystack.Token{
		ID: k.ID, Name: k.Name, Scopes: k.Scopes, Environment: k.Environment, Owner: k.Owner, ProjectID: k.Project, APIVersion: k.APIVersion,
		CreatedBy: "configuration",
	}
	for to, from := range map[*time.Time]*time.Time{&t.CreatedAt: k.CreatedAt, &t.ExpiresAt: k.ExpiresAt, &t.RevokedAt: k.RevokedAt} {
		if from != nil {
			*to = *from
		}
	}
	return skystack.NewKey{Secret: k.Token, Token: t}
}

// NewKey makes a sandbox key of its own kind (8.1): sky_test_, 30 random digits
// and a checksum. Nobody knows it until WithKey or a fixture does. It is the one
// thing here that no seed decides.
func NewKey() string {
	var random [30]byte
	for i := range random {
		// 248 is the largest multiple of 62 in a byte: above it, some digits
		// would be likelier than others.
		for one := random[i : i+1]; ; {
			_, _ = rand.Read(one) // never fails: the runtime ends the process first
			if one[0] < 248 {
				break
			}
		}
	}
	return skystack.MintKey(random)
}
