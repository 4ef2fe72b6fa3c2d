// Package webhook delivers the events of an API to endpoints. An Outbox keeps the
// endpoints of a world and decides when, in which order and how often an event is sent;
// a Sender signs and sends one message: it knows no world, and decides what may be
// reached, what a response means and how an attempt is bounded. The API brings its
// events, its rules for endpoints and its bodies; see Config.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Format is how X-Signature is written. The zero value is BodyHex.
type Format string

// The formats that receivers in the wild implement.
const (
	BodyHex        Format = "body_hex"        // <hex> over the body
	Sha256Prefixed Format = "sha256_prefixed" // sha256=<hex> over the body, as GitHub does
	Timestamped    Format = "timestamped"     // t=<seconds>,v1=<hex> over "<seconds>.<body>", as Stripe does
)

// Formats lists every format, the default first.
func Formats() []Format { return []Format{BodyHex, Sha256Prefixed, Timestamped} }

const secretPrefix = "whsec_"

// NewSecret is the secret of an endpoint, made of 32 random bytes.
func NewSecret(random [32]byte) string {
	return secretPrefix + base64.StdEncoding.EncodeToString(random[:])
}

// CheckSecret says what is wrong with a secret that a client chose; nil when it is one
// that Standard Webhooks libraries accept. The error is a *Refusal
// whose message does not repeat the secret.
func CheckSecret(s string) error {
	encoded, ok := strings.CutPrefix(s, secretPrefix)
	if !ok {
		return &Refusal{InvalidSecret, "A secret begins with whsec_."}
	}
	// The decoder skips line breaks, which no header and no receiver would.
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") {
		return &Refusal{InvalidSecret, "After whsec_ a secret is standard base64 with its padding."}
	}
	if n := len(key); n < 24 || n > 64 {
		return &Refusal{InvalidSecret, fmt.Sprintf("A secret has 24 to 64 bytes; this one has %d.", n)}
	}
	return nil
}

// Message is one event as it is sent to one endpoint.
type Message struct {
	URL string
	// EventID is the same in every attempt and replay; receivers drop what they
	// have seen by it.
	EventID   string
	EventType string
	// DeliveryID and Attempt, which counts from 1, are those of this attempt.
	DeliveryID string
	Attempt    int
	// Product is the name of the API's product. It begins the User-Agent, which no setting
	// changes (10.4), and the headers about the delivery; "" leaves those out.
	Product string
	// Version is the API version the body was rendered in.
	Version string
	// Body is the event as compact JSON. It is sent as it is.
	Body []byte
	// Secrets are those webhook-signature lists, in this order: two while a
	// rotation overlaps. One that CheckSecret refuses is left out.
	Secrets []string
	// Signer is the secret of X-Signature; "" leaves the header out.
	Signer string
	Format Format
	// Timestamp is the wall clock's, for receivers compare it with theirs (T3).
	Timestamp time.Time
}

// Header is every header of the request that says something about the event (5.2).
func (m Message) Header() http.Header {
	seconds := strconv.FormatInt(m.Timestamp.Unix(), 10)
	h := http.Header{}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("User-Agent", strings.TrimPrefix(m.Product+"-Webhooks/1.0", "-"))
	if m.Signer != "" {
		h.Set("X-Signature", m.signature(seconds))
	}
	h.Set("Webhook-Id", m.EventID)
	h.Set("Webhook-Timestamp", seconds)
	if list := m.standard(seconds); list != "" {
		h.Set("Webhook-Signature", list)
	}
	if m.Product != "" {
		h.Set("X-"+m.Product+"-Event", m.EventType)
		h.Set("X-"+m.Product+"-Delivery", m.DeliveryID)
		h.Set("X-"+m.Product+"-Attempt", strconv.Itoa(m.Attempt))
		h.Set(m.Product+"-Version", m.Version)
	}
	return h
}

// signature is X-Signature. Its key is the whole secret string, which is the most
// literal reading of S79.
func (m Message) signature(seconds string) string {
	key := []byte(m.Signer)
	switch m.Format {
	case Sha256Prefixed:
		return "sha256=" + hex.EncodeToString(digest(key, m.Body))
	case Timestamped:
		return "t=" + seconds + ",v1=" + hex.EncodeToString(digest(key, []byte(seconds+"."), m.Body))
	}
	return hex.EncodeToString(digest(key, m.Body))
}

// standard is the list of Standard Webhooks signatures. Their key is what the
// secret encodes.
func (m Message) standard(seconds string) string {
	var list strings.Builder
	for _, secret := range m.Secrets {
		if CheckSecret(secret) != nil {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(secret[len(secretPrefix):])
		if err != nil {
			continue
		}
		if list.Len() > 0 {
			list.WriteByte(' ')
		}
		list.WriteString("v1,")
		list.WriteString(base64.StdEncoding.EncodeToString(digest(key, []byte(m.EventID+"."+seconds+"."), m.Body)))
	}
	return list.String()
}

func digest(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		mac.Write(part) // never fails
	}
	return mac.Sum(nil)
}
