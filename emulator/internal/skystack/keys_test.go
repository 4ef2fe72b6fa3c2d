package skystack

import (
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/credential"
)

// Another prefix is somebody else's format and may have been imported (8.1).
func TestImportedKeysHaveNoChecksum(t *testing.T) {
	for _, imported := range []string{"YOUR_API_TOKEN", "sky_", "sky_tes", "SKY_TEST_0"} {
		if err := CheckKey(credential.Registration{Secret: imported}); err != nil {
			t.Errorf("%s: %v", imported, err)
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
			if err := CheckKey(credential.Registration{Secret: token}); err == nil || strings.Contains(err.Error(), token) {
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
