package computestacks

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
)

// publicKeyFields maps the algorithms of OpenSSH's public keys to the number of fields that
// follow the name of the algorithm in the encoded key.
func publicKeyFields(algorithm string) (int, bool) {
	switch algorithm {
	case "ssh-ed25519":
		return 1, true
	case "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com":
		return 2, true
	case "sk-ecdsa-sha2-nistp256@openssh.com":
		return 3, true
	case "ssh-dss":
		return 4, true
	}
	return 0, false
}

// parsePublicKey splits a public key in the format of OpenSSH into its words, as many as
// there are. It reports false for text that is no such key: the algorithm is known, the
// second word is the base64 of length-prefixed fields of which the first repeats the
// algorithm, and nothing follows the last one. Options before the algorithm, which the
// file authorized_keys may hold, are not accepted.
func parsePublicKey(text string) ([]string, bool) {
	words := strings.Fields(text)
	if len(words) < 2 || strings.ContainsAny(strings.TrimSpace(text), "\r\n") {
		return nil, false
	}
	want, known := publicKeyFields(words[0])
	blob, err := base64.StdEncoding.Strict().DecodeString(words[1])
	if !known || err != nil {
		return nil, false
	}
	fields, ok := wireFields(blob)
	if !ok || len(fields) != want+1 || string(fields[0]) != words[0] {
		return nil, false
	}
	if (words[0] == "ssh-ed25519" || words[0] == "sk-ssh-ed25519@openssh.com") && len(fields[1]) != 32 {
		return nil, false
	}
	if slices.ContainsFunc(fields, func(f []byte) bool { return len(f) == 0 }) {
		return nil, false
	}
	return words, true
}

// wireFields splits the encoding of a public key into its fields, each of which follows its
// length in four bytes, and reports whether the fields end where the bytes do.
func wireFields(blob []byte) (fields [][]byte, ok bool) {
	for len(blob) > 0 {
		if len(blob) < 4 {
			return nil, false
		}
		n := uint64(binary.BigEndian.Uint32(blob))
		blob = blob[4:]
		if n > uint64(len(blob)) {
			return nil, false
		}
		fields = append(fields, blob[:n])
		blob = blob[n:]
	}
	return fields, true
}
