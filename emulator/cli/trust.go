package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// systemBundles lists the files in which systems keep trusted certificates.
func systemBundles() []string {
	return []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}
}

// trusted writes the files with which a command trusts a CA in addition to its present
// ones, and returns the variables that name them; none without a CA. forget removes the
// files.
func trusted(ca []byte, environ []string) (variables []string, forget func(), err error) {
	if ca == nil {
		return nil, func() {}, nil
	}
	var files []string
	all := slices.Clone(ca)
	for _, v := range trustVariables() {
		file := lookup(environ, v.name)
		if file == "" || slices.Contains(files, file) {
			continue
		}
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", v.name, err)
		}
		files, all = append(files, file), append(append(all, '\n'), pem...)
	}
	for i := 0; files == nil && i < len(systemBundles()); i++ {
		file := systemBundles()[i]
		if pem, err := os.ReadFile(file); err == nil { // other systems have another path
			files, all = []string{file}, append(append(all, '\n'), pem...)
		}
	}
	dir, err := os.MkdirTemp("", program+"-*")
	if err != nil {
		return nil, nil, err
	}
	forget = func() { _ = os.RemoveAll(dir) }
	own, bundle := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "bundle.pem")
	if err := errors.Join(os.WriteFile(own, ca, 0o600), os.WriteFile(bundle, all, 0o600)); err != nil {
		forget()
		return nil, nil, err
	}
	for _, v := range trustVariables() {
		file := bundle
		if v.name == caVariable {
			file = own
		}
		variables = append(variables, v.name+"="+file)
	}
	return variables, forget, nil
}
