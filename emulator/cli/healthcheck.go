package cli

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// healthWait is how long a healthy sandbox may take to say so.
const healthWait = 2 * time.Second

func (p *process) healthcheckCommand() *cobra.Command {
	const long = "Asks the server of this machine that has the same settings whether it is ready, at /readyz. The exit code is 0 when it says so within 2 seconds, else 1, and then a line says why. Of the settings it needs listen alone. " + likeServe
	return p.settled("healthcheck", "Ask the sandbox of this machine whether it is ready; exit code 0 or 1.", long, nil,
		func([]string) error { return healthcheck(p.given, p.environ) })
}

// healthcheck succeeds when the server with the same settings is ready. It needs
// none of them but the address, and looks at no other.
func healthcheck(flags map[string][]string, environ []string) error {
	listen, err := listenSetting(flags, environ)
	if err != nil {
		return &usageError{"healthcheck", err}
	}
	if _, port, _ := net.SplitHostPort(listen); port == "0" {
		return &usageError{"healthcheck", fmt.Errorf("with port 0 only the running server knows its address")}
	}
	ctx, cancel := context.WithTimeout(context.Background(), healthWait)
	defer cancel()
	return ready(ctx, urlOfListen(listen)+"/readyz")
}

// ready asks a sandbox until the context ends.
func ready(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// The sandbox is here: no proxy stands between, and whoever redirects is
	// somebody else.
	direct := &http.Transport{DisableKeepAlives: true}
	resp, err := direct.RoundTrip(r)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("no answer within %v", healthWait)
		}
		return fmt.Errorf("not ready: %s: %w", url, err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s answers %s", url, resp.Status)
	}
	return nil
}

// listenSetting is where the server listens, as flags, environment and file say.
// What is wrong with other settings is for the server to say.
func listenSetting(flags map[string][]string, environ []string) (string, error) {
	given := map[string][]item{}
	for name, texts := range flags {
		for _, text := range texts {
			given[name] = append(given[name], item{text, "--" + name})
		}
	}
	env, _ := fromEnvironment(environ)
	fill(given, env)
	if at := given[configName]; at != nil && given["listen"] == nil {
		file, err := readConfig(at[len(at)-1])
		if file.settings == nil && err != nil {
			return "", err
		}
		fill(given, file.settings)
	}
	p := &plan{listen: defaultListen}
	for _, it := range given["listen"] {
		if err := takeListen(p, it.text); err != nil {
			return "", fmt.Errorf("%s: %w", it.origin, err)
		}
	}
	return p.listen, nil
}
