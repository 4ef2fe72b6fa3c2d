package computestacks

import (
	"slices"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

type sshKeyBody struct {
	ID        int     `json:"id"`
	Label     *string `json:"label"`
	CreatedAt string  `json:"created_at"`
	UpdatedAt string  `json:"updated_at"`
}

func showSSHKey(k SSHKey) sshKeyBody {
	return sshKeyBody{ID: k.ID, Label: textOrNil(k.Label), CreatedAt: stamp(k.CreatedAt), UpdatedAt: stamp(k.UpdatedAt)}
}

// listSSHKeys lists the public keys of the caller (C115).
//
//	GET /api/users/ssh_keys
func (a *API) listSSHKeys(c *httpapi.Call) (any, error) {
	u, ok := a.me(c)
	if !ok {
		return nil, noUser()
	}
	return listOf(c, "ssh_keys", u.Keys, showSSHKey), nil
}

// findSSHKey returns the caller, and the place of the key of the request among theirs.
func (a *API) findSSHKey(c *httpapi.Call) (User, int, error) {
	u, _ := a.me(c)
	id := idOf(c.Param("id"))
	n := slices.IndexFunc(u.Keys, func(k SSHKey) bool { return k.ID == id })
	if n < 0 {
		return u, n, notFound("Unknown SSH key")
	}
	return u, n, nil
}

// getSSHKey returns a public key of the caller (C115).
//
//	GET /api/users/ssh_keys/{id}
func (a *API) getSSHKey(c *httpapi.Call) (any, error) {
	u, n, err := a.findSSHKey(c)
	if err != nil {
		return nil, err
	}
	return one("ssh_key", showSSHKey(u.Keys[n])), nil
}

type newSSHKey struct {
	PublicKey string `json:"pubkey"`
}

// createSSHKey adds a public key to the caller (C116).
//
//	POST /api/users/ssh_keys
func (a *API) createSSHKey(c *httpapi.Call) (any, error) {
	var in struct {
		Key        *newSSHKey `json:"user_ssh_key"`
		Documented *newSSHKey `json:"ssh_key"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	u, ok := a.me(c)
	if !ok {
		return nil, noUser()
	}
	if in.Key == nil {
		in.Key = in.Documented
	}
	if in.Key == nil {
		return nil, badRequest("param is missing or the value is empty: user_ssh_key")
	}
	words, ok := parsePublicKey(in.Key.PublicKey)
	if !ok {
		return nil, unprocessable("Pubkey is not a valid openssh public key")
	}
	k := SSHKey{ID: newID(c.Tx, "ssh_key"), PublicKey: in.Key.PublicKey, CreatedAt: c.Now(), UpdatedAt: c.Now()}
	if len(words) > 2 {
		k.Label = words[2]
	}
	u.Keys = append(slices.Clip(u.Keys), k)
	put(c.Tx, a.users, u.ID, u)
	return one("ssh_key", showSSHKey(k)), nil
}

// deleteSSHKey removes a public key of the caller (C115).
//
//	DELETE /api/users/ssh_keys/{id}
func (a *API) deleteSSHKey(c *httpapi.Call) (any, error) {
	u, n, err := a.findSSHKey(c)
	if err != nil {
		return nil, err
	}
	u.Keys = slices.Delete(slices.Clone(u.Keys), n, n+1)
	put(c.Tx, a.users, u.ID, u)
	return empty{}, nil
}
