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
	return p.withSettings("ca", "Print the certificate authority to trust for https, and how to trust it.", caHelp, []flag{
		{name: "output", value: choiceFlag(&f.output, "text", "pem", "env"), help: "The format: an explanation, the certificate, or only the export lines."},
		{name: "renew", value: truthFlag(&f.renew), help: "Create a new certificate for the same names and those of --tls-name. Clients must trust the new one."},
	}, func([]string) error {
		return p.withPlan("ca", func(made *plan) error { return printCA(made, f, p.stdout) })
	})
}

const caHelp = `Prints the path of the certificate that clients must trust to verify the sandbox, and the variables with which Go, Python, Node and curl trust it. The certificate authority is created if there is none. It belongs only to this installation, can sign only for the names of the sandbox, and is not installed in a certificate store of the system.

` + likeServe

// printCA prints how to trust the CA of this installation (S32).
func printCA(p *plan, f caFlags, stdout io.Writer) error {
	switch {
	case p.tls.CertFile != "":
		return &usageError{"ca", fmt.Errorf("the sandbox uses your own certificate, %s (tls-cert): clients must trust its issuer", p.tls.CertFile)}
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

// secureExample returns a base URL for an example.
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
		{"SSL_CERT_FILE", "Go on Linux and BSD (elsewhere put the file into tls.Config.RootCAs), Python's ssl and httpx, Ruby, other programs with OpenSSL"},
		{"REQUESTS_CA_BUNDLE", "Python's requests"},
		{"NODE_EXTRA_CA_CERTS", "Node, in addition to its own authorities"},
		{"CURL_CA_BUNDLE", "curl"},
		{caVariable, "the commands of " + program},
	}
}

func howToTrust(ca emulator.CA, base string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", ca.Path)
	paragraphs(&b, fmt.Sprintf("is the certificate authority of this installation, which signs the sandbox's certificate. It can sign only for %s, until %s. Let clients trust it instead of disabling verification.",
		joined(ca.Scope, "and"), ca.Until.UTC().Format(time.DateOnly)))
	for _, v := range trustVariables() {
		fmt.Fprintf(&b, "# %s\n%s", v.readers, v.line(ca.Path))
		if v.name == "CURL_CA_BUNDLE" {
			fmt.Fprintf(&b, "# or for one call:\ncurl --cacert %s %s\n", shellWord(ca.Path), shellWord(base+"/healthz"))
		}
		b.WriteString("\n")
	}
	paragraphs(&b, "Most programs then trust no other authority: set the variables only for clients of the sandbox. In a shell: eval \"$("+program+" ca --output=env)\"")
	return strings.TrimSuffix(b.String(), "\n")
}
