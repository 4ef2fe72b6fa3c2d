package cli

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"skystack.dev/sandbox/emulator"
)

// caFlags are the flags of ca beside the settings.
type caFlags struct {
	output string
	renew  bool
}

func (p *process) caCommand() *cobra.Command {
	var f caFlags
	return p.settled("ca", "Print the certificate authority to trust for https, and how to.", caHelp, []flag{
		{name: "output", value: choiceFlag(&f.output, "text", "pem", "env"), help: "What to print: an explanation for people, the certificate itself, or the export lines alone."},
		{name: "renew", value: truthFlag(&f.renew), help: "Make the certificate anew, for the names it had and those of --tls-name. Clients must trust the new one."},
	}, func([]string) error {
		return p.planned("ca", func(made *plan) error { return printCA(made, f, p.stdout) })
	})
}

const caHelp = `Prints where the certificate is that clients must trust to check the sandbox's own, and what tells Go, Python, Node and curl to trust it. The certificate authority is made if there is none. It belongs to this installation alone, can vouch for the names of the sandbox and no other, and is put into no store of the system.

` + likeServe

// printCA says how to trust the CA of this installation (S32).
func printCA(p *plan, f caFlags, stdout io.Writer) error {
	switch {
	case p.tls.CertFile != "":
		return &usageError{"ca", fmt.Errorf("the sandbox shows a certificate of your own, %s (tls-cert): clients must trust whoever signed that", p.tls.CertFile)}
	case p.tls.Dir == inMemory:
		return &usageError{"ca", errors.New("with tls-dir memory only the running server knows its certificate authority: GET /_sandbox/ca.pem")}
	}
	dir, err := p.caDir()
	if err != nil {
		return err
	}
	get := emulator.LocalCA
	if f.renew {
		get = emulator.RenewLocalCA
	}
	ca, err := get(dir, p.tlsNames()...)
	if err != nil {
		return err
	}
	text := howToTrust(ca, p.secureExample())
	switch f.output {
	case "pem":
		text = string(ca.PEM)
	case "env":
		text = ""
		for _, v := range trustVariables() {
			text += v.line(ca.Path)
		}
	}
	_, err = io.WriteString(stdout, text)
	return err
}

// secureExample is a base URL for an example.
func (p *plan) secureExample() string {
	addr, err := net.ResolveTCPAddr("tcp", p.https)
	if err != nil || addr.Port == 0 {
		return "https://" + defaultHTTPS
	}
	return secureURL(addr)
}

// trustVariable is an environment variable that names a file of certificates.
type trustVariable struct{ name, readers string }

func (v trustVariable) line(path string) string {
	return "export " + v.name + "=" + shellWord(path) + "\n"
}

func trustVariables() []trustVariable {
	return []trustVariable{
		{"SSL_CERT_FILE", "Go on Linux and BSD (elsewhere put the file into tls.Config.RootCAs), Python's ssl and httpx, Ruby, whatever uses OpenSSL"},
		{"REQUESTS_CA_BUNDLE", "Python's requests"},
		{"NODE_EXTRA_CA_CERTS", "Node, on top of the authorities it knows"},
		{"CURL_CA_BUNDLE", "curl"},
		{caVariable, "the commands of " + program},
	}
}

func howToTrust(ca emulator.CA, base string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", ca.Path)
	paragraphs(&b, fmt.Sprintf("is the certificate authority of this installation, which signs the sandbox's certificate. It can vouch for %s, and nothing else, until %s. Let clients trust it, and switch no check off.",
		joined(ca.Scope, "and"), ca.Until.UTC().Format(time.DateOnly)))
	for _, v := range trustVariables() {
		fmt.Fprintf(&b, "# %s\n%s", v.readers, v.line(ca.Path))
		if v.name == "CURL_CA_BUNDLE" {
			fmt.Fprintf(&b, "# or for one call:\ncurl --cacert %s %s\n", shellWord(ca.Path), shellWord(base+"/healthz"))
		}
		b.WriteString("\n")
	}
	paragraphs(&b, "Most programs trust nobody else then: set the variables only where the sandbox is called. In a shell: eval \"$("+program+" ca --output=env)\"")
	return strings.TrimSuffix(b.String(), "\n")
}
