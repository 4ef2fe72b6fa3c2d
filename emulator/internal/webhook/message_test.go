package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"skystack.dev/sandbox/emulator/internal/webhook"
)

// The published vector of section 5.2.
const (
	vectorSecret = "whsec_c2t5c3RhY2stc2FuZGJveC1leGFtcGxlLXNlY3JldA=="
	vectorBody   = `{"id":"evt_1","type":"instance.running"}`
	vectorHex    = "0e788d9b5298ba3ba50f653e7af3511ec139264aa2b23f2f55826461706116cb"
)

func message() webhook.Message {
	return webhook.Message{
		EventID: "evt_1", EventType: "instance.running", DeliveryID: "dlv_1", Attempt: 1, Product: "SkyStack", Version: "2026-01-15",
		Body: []byte(vectorBody), Secrets: []string{vectorSecret}, Signer: vectorSecret, Timestamp: time.Unix(1774000000, 0),
	}
}

func TestS79PublishedVector(t *testing.T) {
	for format, want := range map[webhook.Format]string{
		"":                     vectorHex,
		webhook.BodyHex:        vectorHex,
		webhook.Sha256Prefixed: "sha256=" + vectorHex,
		webhook.Timestamped:    "t=1774000000,v1=" + hexHMAC(vectorSecret, "1774000000."+vectorBody),
	} {
		m := message()
		m.Format = format
		want := map[string]string{
			"Content-Type":        "application/json; charset=utf-8",
			"User-Agent":          "SkyStack-Webhooks/1.0",
			"X-Signature":         want,
			"Webhook-Id":          "evt_1",
			"Webhook-Timestamp":   "1774000000",
			"Webhook-Signature":   "v1,1XxZjoFNz/tBmVqqTuwY6td9D5D4pZd5VNKQ7urqhnw=",
			"X-Skystack-Event":    "instance.running",
			"X-Skystack-Delivery": "dlv_1",
			"X-Skystack-Attempt":  "1",
			"Skystack-Version":    "2026-01-15",
		}
		got := m.Header()
		for name, value := range want {
			if got.Get(name) != value {
				t.Errorf("format %q: %s: %q, want %q", format, name, got.Get(name), value)
			}
		}
		if len(got) != len(want) {
			t.Errorf("format %q: %d headers, want %d: %v", format, len(got), len(want), got)
		}
	}
}

func hexHMAC(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestFormats(t *testing.T) {
	if got := webhook.Formats(); len(got) != 3 || got[0] != webhook.BodyHex {
		t.Errorf("formats %q", got)
	}
}

// What goes over the wire verifies with the official library (S79): with both
// secrets of a rotation, with neither a third one nor another body.
func TestS79VerifiesWithStandardWebhooks(t *testing.T) {
	older, newer := webhook.NewSecret([32]byte{1}), webhook.NewSecret([32]byte{2})
	var header http.Header
	var body []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
	}))
	defer receiver.Close()
	m := message()
	m.URL, m.Secrets, m.Signer, m.Timestamp = receiver.URL, []string{older, newer}, older, time.Now()
	if out := send(t, &webhook.Sender{}, m); !out.OK() {
		t.Fatalf("%+v", out)
	}

	for _, secret := range []string{older, newer} {
		if err := verify(t, secret, body, header); err != nil {
			t.Errorf("a secret of the rotation: %v", err)
		}
	}
	if err := verify(t, webhook.NewSecret([32]byte{3}), body, header); !errors.Is(err, standardwebhooks.ErrNoMatchingSignature) {
		t.Errorf("a wrong secret: %v", err)
	}
	if err := verify(t, newer, append(bytes.Clone(body), ' '), header); !errors.Is(err, standardwebhooks.ErrNoMatchingSignature) {
		t.Errorf("another body: %v", err)
	}
	// During a rotation X-Signature is made with the old secret: nobody breaks.
	if got, want := header.Get("X-Signature"), hexHMAC(older, vectorBody); got != want {
		t.Errorf("X-Signature %q, want %q", got, want)
	}
	if n := len(strings.Fields(header.Get("Webhook-Signature"))); n != 2 {
		t.Errorf("%d signatures, want 2", n)
	}
}

func verify(t *testing.T, secret string, body []byte, header http.Header) error {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return wh.Verify(body, header)
}

func TestSecretsThatCannotSignAreLeftOut(t *testing.T) {
	m := message()
	m.Secrets, m.Signer = []string{"whsec_short", vectorSecret}, ""
	h := m.Header()
	if got := h.Get("Webhook-Signature"); got != "v1,1XxZjoFNz/tBmVqqTuwY6td9D5D4pZd5VNKQ7urqhnw=" {
		t.Errorf("webhook-signature %q", got)
	}
	m.Secrets = nil
	h = m.Header()
	for _, name := range []string{"X-Signature", "Webhook-Signature"} {
		if h.Values(name) != nil {
			t.Errorf("%s: %q, want none", name, h.Values(name))
		}
	}
}

func TestSecrets(t *testing.T) {
	of := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for secret, want := range map[string]string{
		vectorSecret:                           "",
		webhook.NewSecret([32]byte{7}):         "",
		of(24):                                 "",
		of(64):                                 "",
		of(23):                                 "A secret has 24 to 64 bytes; this one has 23.",
		of(65):                                 "A secret has 24 to 64 bytes; this one has 65.",
		"":                                     "A secret begins with whsec_.",
		of(32)[6:]:                             "A secret begins with whsec_.",
		"whsec_":                               "A secret has 24 to 64 bytes; this one has 0.",
		strings.TrimRight(of(32), "="):         "After whsec_ a secret is standard base64 with its padding.",
		of(32) + "\n":                          "After whsec_ a secret is standard base64 with its padding.",
		strings.Replace(of(32), "A", "-", 1):   "After whsec_ a secret is standard base64 with its padding.",
		strings.Replace(of(32), "A=", "B=", 1): "After whsec_ a secret is standard base64 with its padding.",
	} {
		got := ""
		if err := webhook.CheckSecret(secret); err != nil {
			got = err.Error()
			var r *webhook.Refusal
			if !errors.As(err, &r) || r.Code != webhook.InvalidSecret {
				t.Errorf("%q: %#v is no refusal of a secret", secret, err)
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", secret, got, want)
		}
	}
}

func TestS80Delays(t *testing.T) {
	want := []string{
		"10s", "30s", "1m10s", "2m30s", "5m10s", "10m30s", "21m10s", "42m30s", "1h25m10s", "2h50m30s", "5h41m10s", "11h22m30s", "22h45m10s",
	}
	if webhook.Attempts != len(want)+1 {
		t.Errorf("%d attempts, want 14", webhook.Attempts)
	}
	var since time.Duration
	for i := range want {
		d, ok := webhook.Delay(i + 1)
		if since += d; !ok || since.String() != want[i] {
			t.Errorf("retry %d is %v after the first attempt", i+1, since)
		}
	}
	if since+2*40960*time.Second <= 24*time.Hour {
		t.Error("another retry would still be inside 24 hours")
	}
	for _, retry := range []int{-1, 0, 14, 1 << 40} {
		if d, ok := webhook.Delay(retry); ok || d != 0 {
			t.Errorf("retry %d: %v %v, want none", retry, d, ok)
		}
	}
}

// Jitter reaches a tenth either way, and no further.
func TestJitter(t *testing.T) {
	least, most := time.Hour, time.Hour
	for bits := range uint64(2001) {
		d := webhook.Jitter(time.Hour, bits)
		least, most = min(least, d), max(most, d)
	}
	if least != 54*time.Minute || most != 66*time.Minute {
		t.Errorf("from %v to %v", least, most)
	}
}
