package cli

import (
	"crypto/x509"
	"fmt"
	"os"

	"skystack.dev/sandbox/emulator"
)

// webhookSettings returns the settings of webhooks.
func webhookSettings() settingGroup {
	return settingGroup{"Webhooks", []setting{
		{"webhook-allow-public", truth, "", "", "Allow webhooks to public addresses, not only to this machine and private networks.", option(emulator.WithPublicWebhooks())},
		{"webhook-jitter", truth, "", "", "Vary the delay before each retry by up to a tenth. The same seed gives the same delays.", option(emulator.WithWebhookJitter())},
		{"webhook-ca", word, "FILE", "the system's", "A PEM file of certificate authorities to trust for receivers.", takeWebhookCA},
	}}
}

func takeWebhookCA(p *plan, s string) error {
	text, err := os.ReadFile(s)
	if err != nil {
		return fmt.Errorf("cannot read the certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return fmt.Errorf("%q contains no certificate: use a file of PEM certificates", s)
	}
	return p.use(emulator.WithWebhookCA(pool))
}
