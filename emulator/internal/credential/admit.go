package credential

import (
	"net"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// Admit does with the secret of a request what every API does: it finds the key, opens the
// request in its world, records the use, moves time to the end of what the key was refused
// for, and counts the request. object is the id of the object that the request names, ""
// for none. The decision of the limits, a *limit.Decision, is left as Admission: a later
// stage refuses the request. The caller is set as soon as the key was found usable.
func (s *Store) Admit(x *httpapi.RequestContext, secret, object string) (k Key, err error) {
	if err := s.checkSecret(secret); err != nil {
		return Key{}, err
	}
	digest := engine.DigestOf(secret)
	w, id := s.World(secret, digest)
	if w == nil {
		return Key{}, s.config.Refuse(Key{}, Unknown)
	}
	_ = w.Do(func(tx *engine.Tx) error {
		x.Open(tx)
		if k, err = s.use(tx, x, id, digest); err == nil && s.resume(tx, id, object) { // and it may have expired on the way
			x.Now = tx.Now()
			k, err = s.use(tx, x, id, digest)
		}
		if err == nil {
			d := s.count(tx, id)
			x.Admission = &d
		}
		return nil
	})
	return k, err
}

// use records that a request came with a key, if it can be used now.
func (s *Store) use(tx *engine.Tx, x *httpapi.RequestContext, id string, digest engine.Digest) (Key, error) {
	k, err := s.Valid(tx, id, digest)
	if err != nil {
		return k, err
	}
	x.Caller = k.Caller()
	l := engine.Own(s.ledgers, tx, id)
	l.LastUsedAt = tx.Now()
	if ip, _, err := net.SplitHostPort(x.Request.RemoteAddr); err == nil && ip != l.LastUsedIP {
		l.LastUsedIP = ip
	}
	return k, nil
}

// Readmit refuses a request, in the transaction in which its handler acts, whose key
// expired, was revoked, or lost its rights or its world since the request was admitted:
// another state may have taken the place of the one that it was sent to. Else it sets the
// caller of the call anew.
func (s *Store) Readmit(c *httpapi.Call) error {
	k, err := s.Valid(c.Tx, c.Token, c.Digest)
	if err == nil && k.ProjectID != c.Project {
		err = s.config.Refuse(k, Rebound)
	}
	if err == nil {
		c.Caller = k.Caller()
	}
	return err
}
