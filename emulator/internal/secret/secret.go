// Package secret makes the keys and tokens that the sandbox issues, and tells
// them from what was mistyped, without looking them up (8.1).
package secret

import (
	"crypto/rand"
	"hash/crc32"
	"strings"
)

// The prefixes of secrets.
const (
	Key   = "sky_test_"  // a key of the API
	Admin = "sky_admin_" // the admin token of the control API
	Salt  = "sky_salt_"  // what the secrets made by API are mixed with
)

// Chars is how many digits of base 62 are random; six more are the CRC-32 of
// everything before them.
const Chars = 30

const (
	checkChars = 6
	digits     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// New returns a random secret. It is the only value in the sandbox that does not
// depend on the seed.
func New(prefix string) string {
	var random [Chars]byte
	for i := range random {
		// 248 is the largest multiple of 62 in a byte: above it, some digits
		// would be likelier than others.
		for one := random[i : i+1]; ; {
			_, _ = rand.Read(one) // never fails: the runtime ends the process first
			if one[0] < 248 {
				break
			}
		}
	}
	return Complete(prefix, random)
}

// Complete adds the digits of random and a checksum to a prefix. Each byte becomes the
// digit that it is modulo 62.
func Complete(prefix string, random [Chars]byte) string {
	b := []byte(prefix)
	for _, r := range random {
		b = append(b, digits[int(r)%len(digits)])
	}
	return string(b) + checksum(string(b))
}

// WellFormed reports whether s is the prefix, 36 digits and a checksum that is
// right.
func WellFormed(prefix, s string) bool {
	rest, ours := strings.CutPrefix(s, prefix)
	if !ours || len(rest) != Chars+checkChars || strings.Trim(rest, digits) != "" {
		return false
	}
	body := len(s) - checkChars
	return checksum(s[:body]) == s[body:]
}

// checksum is the CRC-32 (IEEE) of s in six digits.
func checksum(s string) string {
	sum := crc32.ChecksumIEEE([]byte(s))
	out := [checkChars]byte{}
	for i := range out {
		out[checkChars-1-i] = digits[sum%62]
		sum /= 62
	}
	return string(out[:])
}
