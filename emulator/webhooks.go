package emulator

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// WithWebhookTransport sends webhooks through a transport of the caller's own
// instead of dialing their receivers, whatever host they name: receivers that are
// handlers in the test's process need no socket then, and work inside a
// testing/synctest bubble.
func WithWebhookTransport(t http.RoundTripper) Option {
	return func(c *config) error {
		c.webhooks.Transport = t
		return nil
	}
}

// WithPublicWebhooks lets webhooks go to public addresses; default: only to this
// machine and private networks.
func WithPublicWebhooks() Option {
	return func(c *config) error {
		c.webhooks.Policy.AllowPublic = true
		return nil
	}
}

// WithWebhookCA trusts receivers whose certificate one of these CAs signed;
// default: what the system trusts.
func WithWebhookCA(pool *x509.CertPool) Option {
	return func(c *config) error {
		c.webhooks.CAs = pool
		return nil
	}
}

// WithWebhookJitter moves the delay before each retry of a webhook by up to a
// tenth, either way, the same for a seed; default: the exact delay.
func WithWebhookJitter() Option {
	return func(c *config) error { c.sky.WebhookJitter = true; return nil }
}

// senderConfig holds what the options choose of a sender.
type senderConfig struct {
	Policy    webhook.Policy
	CAs       *x509.CertPool
	Transport http.RoundTripper
}

// newSender prepares a sender; what costs something is made with the first message.
func (e *Emulator) newSender(c senderConfig) *webhook.Sender {
	c.Policy.Own = e.addresses
	return &webhook.Sender{
		Policy: c.Policy, CAs: c.CAs, Transport: c.Transport, InContainer: inContainer(), Clock: engine.WallNow,
	}
}

// inContainer looks for what Docker and Podman leave in a container.
func inContainer() bool {
	return slices.ContainsFunc([]string{"/.dockerenv", "/run/.containerenv"}, func(mark string) bool {
		_, err := os.Stat(mark)
		return err == nil
	})
}

// recordListener records that the sandbox listens on an address. If other machines can
// reach it, secrets get a random salt, so that they cannot be guessed. The caller
// holds the lock.
func (e *Emulator) recordListener(l net.Listener) {
	if at, ok := l.Addr().(*net.TCPAddr); ok {
		if !at.IP.IsLoopback() {
			e.ensureSalt()
		}
		listens := append(e.addresses(), at.AddrPort())
		e.listens.Store(&listens)
	}
}

// addresses returns the addresses on which the sandbox listens: no webhook is sent there. It takes no
// lock, because closing a world waits for its webhooks.
func (e *Emulator) addresses() []netip.AddrPort {
	if listens := e.listens.Load(); listens != nil {
		return slices.Clip(*listens)
	}
	return nil
}
