package skystack

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The checksum of section 8.1 (S19) against the two vectors published there.
func TestKeyChecksum(t *testing.T) {
	zeros := strings.Repeat("0", randomChars)
	for prefix, want := range map[string]string{"sky_test_": "1vWQpT", "sky_live_": "2LWGSy"} {
		if got := checksum(prefix + zeros); got != want {
			t.Errorf("%s with thirty zeros: checksum %s, want %s", prefix, got, want)
		}
	}
	if !wellFormed("sky_test_0000000000000000000000000000001vWQpT") {
		t.Error("the published vector is refused")
	}
}

// A minted key has the published shape, whatever it is made from (S19).
func TestMintedKeysAreWellFormed(t *testing.T) {
	shape := regexp.MustCompile(`^sky_test_[0-9A-Za-z]{36}$`)
	rapid.Check(t, func(t *rapid.T) {
		key := draw(t)
		if !shape.MatchString(key) || len(key) != 45 || !wellFormed(key) {
			t.Fatalf("%s is not a well-formed key", key)
		}
	})
}

// Any single character that differs is caught without asking any workspace: a
// CRC finds every burst of up to 32 bits (S19; 8.1).
func TestKeyChecksumCatchesEveryChangedCharacter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := draw(t)
		for at := len(testPrefix); at < len(key); at++ {
			for _, other := range base62 {
				changed := key[:at] + string(other) + key[at+1:]
				if changed != key && wellFormed(changed) {
					t.Fatalf("%s passes for %s", changed, key)
				}
			}
		}
	})
}

// FuzzKeyChecksum changes one byte of a key to any other.
func FuzzKeyChecksum(f *testing.F) {
	f.Add([]byte("thirty bytes of no significance"), uint8(12), byte('x'))
	f.Add(make([]byte, randomChars), uint8(44), byte('T'+1))
	f.Fuzz(func(t *testing.T, random []byte, at uint8, other byte) {
		var seed [randomChars]byte
		copy(seed[:], random)
		key := Mint(KeyPrefix, seed)
		place := len(testPrefix) + int(at)%(len(key)-len(testPrefix))
		changed := key[:place] + string([]byte{other}) + key[place+1:]
		if (changed == key) != wellFormed(changed) {
			t.Fatalf("%q for %q: well formed is %v", changed, key, wellFormed(changed))
		}
	})
}

// A cut or padded key is not a key either; another prefix is somebody else's
// format and may have been imported (8.1).
func TestKeysOfTheWrongLength(t *testing.T) {
	key := Mint(KeyPrefix, [randomChars]byte{})
	for at := range key[len(testPrefix):] {
		if short := key[:len(testPrefix)+at]; wellFormed(short) {
			t.Errorf("%s passes", short)
		}
	}
	if wellFormed(key + "0") {
		t.Error("a key with one more character passes")
	}
	for _, imported := range []string{"YOUR_API_TOKEN", "sky_", "sky_tes", "SKY_TEST_0"} {
		if !wellFormed(imported) {
			t.Errorf("%s is refused for its form", imported)
		}
	}
}

// Every prefix of a production key is known, in whatever case (S74).
func TestProductionKeysAreRecognised(t *testing.T) {
	for _, prefix := range []string{"sky_live_", "sk_live_", "rk_live_", "pk_live_"} {
		for _, token := range []string{prefix, prefix + "x", strings.ToUpper(prefix) + "x"} {
			if !liveKey(token) {
				t.Errorf("%s is not taken for a production key", token)
			}
			if err := (NewKey{Secret: token}).Check(); err == nil || strings.Contains(err.Error(), token) {
				t.Errorf("%s as a configured key: %v", token, err)
			}
		}
	}
	for _, token := range []string{"", "sky_", "sky_test_x", "my_sk_live_x"} {
		if liveKey(token) {
			t.Errorf("%q is taken for a production key", token)
		}
	}
}

func draw(t *rapid.T) string {
	var random [randomChars]byte
	copy(random[:], rapid.SliceOfN(rapid.Byte(), randomChars, randomChars).Draw(t, "random"))
	return Mint(KeyPrefix, random)
}
