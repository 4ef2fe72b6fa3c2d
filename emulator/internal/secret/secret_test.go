package secret

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/fixtures"
)

// The checksum of section 8.1 (S19) against the two vectors published there.
func TestKeyChecksum(t *testing.T) {
	zeros := strings.Repeat("0", Chars)
	for prefix, want := range map[string]string{"sky_test_": "1vWQpT", "sky_live_": "2LWGSy"} {
		if got := checksum(prefix + zeros); got != want {
			t.Errorf("%s with thirty zeros: checksum %s, want %s", prefix, got, want)
		}
		if key := prefix + zeros + want; !WellFormed(prefix, key) || Complete(prefix, [Chars]byte{}) != key {
			t.Errorf("the published vector %s is refused, or not what is minted", key)
		}
	}
}

// A minted key has the published shape, whatever it is made from (S19).
func TestMintedKeysAreWellFormed(t *testing.T) {
	shape := regexp.MustCompile(`^sky_test_[0-9A-Za-z]{36}$`)
	rapid.Check(t, func(t *rapid.T) {
		key := draw(t)
		if !shape.MatchString(key) || len(key) != 45 || !WellFormed(Key, key) {
			t.Fatalf("%s is not a well-formed key", key)
		}
	})
}

// Any single character that differs is caught without asking any workspace: a
// CRC finds every burst of up to 32 bits (S19; 8.1).
func TestKeyChecksumCatchesEveryChangedCharacter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := draw(t)
		for at := len(Key); at < len(key); at++ {
			for _, other := range digits {
				changed := key[:at] + string(other) + key[at+1:]
				if changed != key && WellFormed(Key, changed) {
					t.Fatalf("%s passes for %s", changed, key)
				}
			}
		}
	})
}

// FuzzKeyChecksum changes one byte of a key to any other. Fixtures, which others
// may import and which therefore cannot use this package, judge it alike.
func FuzzKeyChecksum(f *testing.F) {
	f.Add([]byte("thirty bytes of no significance"), uint8(12), byte('x'))
	f.Add(make([]byte, Chars), uint8(44), byte('T'+1))
	f.Fuzz(func(t *testing.T, random []byte, at uint8, other byte) {
		var seed [Chars]byte
		copy(seed[:], random)
		key := Complete(Key, seed)
		place := len(Key) + int(at)%(len(key)-len(Key))
		changed := key[:place] + string([]byte{other}) + key[place+1:]
		if (changed == key) != WellFormed(Key, changed) {
			t.Fatalf("%q for %q: well formed is %v", changed, key, WellFormed(Key, changed))
		}
		if strings.Trim(changed[len(Key):], digits) != "" {
			return // may be no YAML
		}
		_, err := fixtures.Parse("f.yaml", []byte("format: skystack-sandbox/1\nkeys: [{token: "+changed+"}]\n"))
		if (err == nil) != (changed == key) {
			t.Fatalf("%q for %q in a fixture: %v", changed, key, err)
		}
	})
}

// A cut or padded key is not a key either, nor is one with another prefix (8.1).
func TestKeysOfTheWrongLength(t *testing.T) {
	key := Complete(Key, [Chars]byte{})
	for at := range len(key) {
		if short := key[:at]; WellFormed(Key, short) {
			t.Errorf("%q passes", short)
		}
	}
	for _, other := range []string{key + "0", " " + key, strings.ToUpper(key), Complete(Admin, [Chars]byte{})} {
		if WellFormed(Key, other) {
			t.Errorf("%s passes", other)
		}
	}
}

// A new secret is like no other, and all digits are as likely (S22).
func TestNew(t *testing.T) {
	seen, drawn := map[string]bool{}, map[rune]int{}
	for range 500 {
		for _, prefix := range []string{Key, Admin} {
			s := New(prefix)
			if !WellFormed(prefix, s) || seen[s] {
				t.Fatalf("%s: ill formed or known", s)
			}
			seen[s] = true
			for _, c := range s[len(prefix) : len(prefix)+Chars] {
				drawn[c]++
			}
		}
	}
	// 30,000 draws of 62 digits, 484 of each: far fewer or more is no chance.
	for c, n := range drawn {
		if n < 300 || n > 700 {
			t.Errorf("digit %c: %d times", c, n)
		}
	}
	if len(drawn) != len(digits) {
		t.Errorf("%d digits of 62", len(drawn))
	}
}

func draw(t *rapid.T) string {
	var random [Chars]byte
	copy(random[:], rapid.SliceOfN(rapid.Byte(), Chars, Chars).Draw(t, "random"))
	return Complete(Key, random)
}
