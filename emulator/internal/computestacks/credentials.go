package computestacks

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox"
)

// keyMemory is how long keys are kept that can no longer be used.
const keyMemory = 24 * time.Hour

// idPrefix begins the ids of keys.
const idPrefix = "cst"

// newCredentials connects the keys to the API.
func (a *API) newCredentials(schema *engine.Schema) *credential.Store {
	return credential.New(schema, credential.Config{
		Prefix: prefix, IDPrefix: idPrefix, Scopes: append(Scopes(), everything), Registry: a.Registry, Refuse: refuseKey, Limits: a.Limits, Memory: keyMemory,
		ProjectExists: func(*engine.Tx, string) bool { return false }, // no key is bound to a project
	})
}

// defaultUser is the user of the derived credentials: the first one of the workspace.
const defaultUser = 1

// Attach makes derived credentials lead to a world: the API credentials are those of the
// default user. It refuses credentials that lead to another world.
func (a *API) Attach(w *engine.World, h sandbox.ComputeStacksCredentials) error {
	err := a.Credentials.Add(w, credential.Registration{Secret: basicSecret(h.Username, h.Password), Key: credential.Key{
		Name: "default", Scopes: []string{everything}, Environment: basicKind, Owner: strconv.Itoa(defaultUser), CreatedBy: credential.Configuration,
	}})
	if err != nil {
		return err
	}
	return w.Do(func(tx *engine.Tx) error {
		for _, app := range rowsOf(tx, a.applications, nil) { // those of the fixture
			if a.Registry.Bind(clientKey(app.ClientID), w, app.ClientID) != nil {
				a.applications.Delete(tx, app.ClientID) // it leads to another workspace of the fixture
			}
		}
		return a.addApplication(tx, Application{
			ClientID: h.ClientID, Name: "Sandbox client", RedirectURIs: []string{h.RedirectURI}, Confidential: true, OfWorkspace: true, SecretDigest: clientDigest(h.ClientSecret),
		})
	})
}

// clientDigest is the hash under which the secret of an application is kept.
func clientDigest(secret string) string {
	d := engine.DigestOf(secret)
	return hex.EncodeToString(d[:])
}

// clientKey is the secret under which the registry finds the world of an application.
func clientKey(id string) engine.Digest { return engine.DigestOf("client " + id) }

// addApplication adds an application, which leads to the transaction's world.
func (a *API) addApplication(tx *engine.Tx, app Application) error {
	app.CreatedAt = tx.Now()
	if err := a.Registry.Bind(clientKey(app.ClientID), tx.World(), app.ClientID); err != nil {
		return err
	}
	a.applications.Put(tx, app.ClientID, app)
	return nil
}

// keepApplications gives a state that takes the place of another one the applications of
// the workspace, and lets its applications lead here that lead nowhere else.
func (a *API) keepApplications(old, next *engine.Tx) {
	if old != nil {
		for r := range a.applications.After(old, 0) {
			if r.Value.OfWorkspace && !a.applications.Has(next, r.ID) {
				a.applications.Put(next, r.ID, r.Value)
			}
		}
	}
	for r := range a.applications.After(next, 0) {
		_ = a.Registry.Bind(clientKey(r.ID), next.World(), r.ID) // refused if it leads elsewhere
	}
}

// Fork removes from a copy of a world what leads to the original alone.
func (a *API) Fork(w *engine.World) {
	a.Credentials.Drop(w)
	_ = w.Do(func(tx *engine.Tx) error {
		for _, app := range rowsOf(tx, a.applications, nil) {
			a.applications.Delete(tx, app.ClientID)
		}
		return nil
	})
}

const urlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// issueCredential makes API credentials for a user, on behalf of the key with the id by,
// "" for none.
func (a *API) issueCredential(tx *engine.Tx, user int, name, by string) (username, password string) {
	_, secret := a.Credentials.Issue(tx, cmp.Or(by, idPrefix), credential.Key{
		Name: name, Scopes: []string{everything}, Environment: basicKind, Owner: strconv.Itoa(user),
	}, func(random *rand.Rand) string {
		return basicSecret(randomText(random, urlSafe, 22), randomText(random, urlSafe, 40))
	})
	username, password, _ = strings.Cut(strings.TrimPrefix(secret, basicKind+" "), ":")
	return username, password
}

// RenewCredential makes new API credentials for a user of a world, and ends every earlier
// one of the user with all access and refresh tokens (C5).
func (a *API) RenewCredential(w *engine.World, user int) (username, password string, err error) {
	err = w.Do(func(tx *engine.Tx) error {
		if _, ok := get(tx, a.users, user); !ok {
			return fmt.Errorf("there is no user %d: %w", user, sandbox.ErrNotFound)
		}
		a.endKeysOf(tx, user)
		username, password = a.issueCredential(tx, user, "api", "")
		return nil
	})
	return username, password, err
}

// endKeysOf revokes all keys of a user, and what refreshes them.
func (a *API) endKeysOf(tx *engine.Tx, user int) {
	for r := range a.Credentials.Keys.After(tx, 0) {
		if k := r.Value; k.Owner == strconv.Itoa(user) && k.Status(tx.Now()) == credential.Active {
			a.Credentials.Revoke(tx, k)
		}
	}
	a.endRefreshTokens(tx, user)
}

// NewApplication adds an application to a world and returns its client id and secret.
// Redirect URIs and scopes are checked.
func (a *API) NewApplication(w *engine.World, name string, redirectURIs, scopes []string, confidential bool) (id, secret string, err error) {
	if err := checkApplication(redirectURIs, scopes); err != nil {
		return "", "", err
	}
	err = w.Do(func(tx *engine.Tx) error {
		random := tx.SecretRand(prefix + "application")
		id, secret = randomText(random, urlSafe, 43), randomText(random, urlSafe, 43)
		return a.addApplication(tx, Application{
			ClientID: id, Name: name, RedirectURIs: slices.Clone(redirectURIs), Scopes: slices.Clone(scopes), Confidential: confidential, SecretDigest: clientDigest(secret),
		})
	})
	return id, secret, err
}

// bearerSecret makes the secret of an access token.
func bearerSecret(random *rand.Rand) string { return randomText(random, urlSafe, 43) }
