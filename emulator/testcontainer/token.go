package testcontainer

import (
	"crypto/rand"
	"hash/crc32"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// The beginnings of tokens (section 8.1 of the rules).
const (
	keyPrefix   = "sky_test_"
	adminPrefix = "sky_admin_"
)

// mint makes a token: its prefix, 30 random digits and the CRC-32 of both in
// six digits. It is made here and handed in, so that nobody has to read it from
// the container's output.
func mint(prefix string) string {
	token := []byte(prefix)
	for len(token) < len(prefix)+30 {
		var b [1]byte
		_, _ = rand.Read(b[:]) // never fails: the runtime ends the process first
		// 248 is the largest multiple of 62 in a byte: above it, some digits
		// would be likelier than others.
		if b[0] < 248 {
			token = append(token, base62[b[0]%62])
		}
	}
	sum := crc32.ChecksumIEEE(token)
	var digits [6]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = base62[sum%62]
		sum /= 62
	}
	return string(append(token, digits[:]...))
}
