package computestacks

import (
	"encoding/base64"
	"strings"
	"testing"
)

// TestBasic covers C4: the forms of HTTP Basic, and that it needs no scope.
func TestBasic(t *testing.T) {
	r := newRig(t)
	text := strings.TrimPrefix(r.auth, "Basic ")
	for _, auth := range []string{"Basic " + text, "basic " + text, "BASIC  " + text, "Basic " + strings.TrimRight(text, "=")} {
		r.as(auth).get("/api/users").wants(200)
	}
	wrong := func(credentials string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
	}
	for _, auth := range []string{
		"Basic", "Basic ", "Basic " + text + "A", wrong("x"), wrong(":"), wrong(r.hand.Username + ":"), wrong(":" + r.hand.Password), wrong(r.hand.Password + ":" + r.hand.Username),
		wrong("dana@example.test:" + r.hand.Password), wrong(r.hand.Username + ":" + r.hand.Password + " "),
	} {
		a := r.as(auth).get("/api/users")
		a.refused(401, "Not Authorized")
		if a.Header.Get("Www-Authenticate") != "" || a.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("the headers are %v", a.Header)
		}
	}
	bearer := strings.TrimPrefix(r.token(1, "profile_read").auth, "Bearer ")
	for _, scheme := range []string{"bearer ", "BEARER  ", "Bearer "} {
		r.as(scheme + bearer).get("/api/users").wants(200)
	}
	r.as(bearer).get("/api/users").wants(403)
	r.as("").get("/api/users?access_token=" + bearer).wants(200) // C36
}

// TestNewKey covers C5: new API credentials end at once every earlier one of the user and
// every token, and nobody else's.
func TestNewKey(t *testing.T) {
	r := newRig(t)
	second, token, application := r.user(1), r.token(1, "profile_read"), r.token(0, "public")
	sam, tokenOfSam := r.user(2), r.token(2, "profile_read")
	username, password, err := r.a.RenewCredential(r.w, 1)
	if err != nil {
		t.Fatal(err)
	}
	r.as(basic(username, password)).get("/api/users").is(200, profile())
	for _, by := range []*rig{r, second} {
		by.get("/api/users").refused(401, "Not Authorized")
	}
	token.get("/api/users").refused(403, "The access token was revoked")
	application.get("/api/version").wants(200)
	sam.get("/api/users").wants(200)
	tokenOfSam.get("/api/users").wants(200)
	if _, _, err := r.a.RenewCredential(r.w, 99); err == nil {
		t.Error("a user that does not exist has new credentials")
	}
}
