package cli

import (
	"crypto/x509"
	"fmt"
	"os"

	"skystack.dev/sandbox/emulator"
)

// webhookSettings is where webhooks may go, and when.
func webhookSettings() settingGroup {
	return settingGroup{"Webhooks", []setting{
		{"webhook-allow-public", truth, "", "", "Let webhooks go to public addresses, not only to this machine and private networks.", option(emulator.WithPublicWebhooks())},
		{"webhook-jitter", truth, "", "", "Move the delay before each retry by up to a tenth, the same for a seed.", option(emulator.WithWebhookJitter())},
		{"webhook-ca", word, "FILE", "the system's", "Trust receivers that the certificates in a PEM file vouch for.", takeWebhookCA},
	}}
}

func takeWebhookCA(p *plan, s string) error {
	text, err := os.ReadFile(s)
	if err != nil {
		return fmt.Errorf("cannot read the certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return fmt.Errorf("%q holds no certificate: give a file of PEM certificates", s)
	}
	return p.use(emulator.WithWebhookCA(pool))
}
