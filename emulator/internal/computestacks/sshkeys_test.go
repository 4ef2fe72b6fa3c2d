package computestacks

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
)

// keyText returns a public key in the format of OpenSSH, with fields of some lengths.
func keyText(outer, inner, comment string, lengths ...int) string {
	var blob []byte
	add := func(b []byte) { blob = append(binary.BigEndian.AppendUint32(blob, uint32(len(b))), b...) }
	add([]byte(inner))
	for _, n := range lengths {
		add([]byte(strings.Repeat("k", n)))
	}
	return strings.TrimSpace(outer + " " + base64.StdEncoding.EncodeToString(blob) + " " + comment)
}

// TestSSHKeys covers C115 and C116.
func TestSSHKeys(t *testing.T) {
	r := newRig(t)
	add := func(wrapper, text string) response {
		return r.post("/api/users/ssh_keys", map[string]any{wrapper: map[string]any{"pubkey": text}})
	}
	const times = `"created_at":"2026-01-15T12:00:00.000Z","updated_at":"2026-01-15T12:00:00.000Z"}`
	first, second := `{"id":1,"label":"CS-support",`+times, `{"id":2,"label":null,`+times
	add("user_ssh_key", keyText("ssh-ed25519", "ssh-ed25519", "CS-support of Dana", 32)).is(201, `{"ssh_key":`+first+`}`)
	add("ssh_key", keyText("ssh-rsa", "ssh-rsa", "", 3, 257)+"\n").is(201, `{"ssh_key":`+second+`}`)
	list := r.get("/api/users/ssh_keys")
	list.is(200, `{"ssh_keys":[`+first+`,`+second+`]}`)
	if list.Header.Get("Total") != "2" {
		t.Errorf("the headers of the page are %v", list.Header)
	}
	r.get("/api/users/ssh_keys?per_page=1&page=2").is(200, `{"ssh_keys":[`+second+`]}`)
	r.get("/api/users/ssh_keys/2").is(200, `{"ssh_key":`+second+`}`)
	sam := r.user(2)
	sam.get("/api/users/ssh_keys").is(200, `{"ssh_keys":[]}`)
	for _, by := range []*rig{sam, r.token(0, "profile_read", "profile_write")} {
		by.get("/api/users/ssh_keys/1").refused(404, "Unknown SSH key")
		by.delete("/api/users/ssh_keys/1").refused(404, "Unknown SSH key")
	}
	r.delete("/api/users/ssh_keys/1").is(202, `{}`)
	r.delete("/api/users/ssh_keys/1").refused(404, "Unknown SSH key")
	r.get("/api/users/ssh_keys").is(200, `{"ssh_keys":[`+second+`]}`)
	r.token(0, "profile_read").get("/api/users/ssh_keys").wants(403)
	r.token(0, "profile_write").post("/api/users/ssh_keys", map[string]any{"ssh_key": map[string]any{"pubkey": "x"}}).wants(403)
}

// TestSSHKeyRefused covers C116: what is no public key.
func TestSSHKeyRefused(t *testing.T) {
	r := newRig(t)
	const ed = "ssh-ed25519"
	good := keyText(ed, ed, "", 32)
	blob := strings.Fields(good)[1]
	for name, text := range map[string]string{
		"text": "hello", "two words": "hello world", "algorithm alone": ed, "unknown algorithm": keyText("ssh-new", "ssh-new", "", 32),
		"other algorithm inside": keyText(ed, "ssh-rsa", "", 32), "no base64": ed + " !!!!", "not padded": ed + " " + blob[:len(blob)-1], "cut": ed + " " + blob[:len(blob)-4],
		"too long": ed + " " + blob + "AAAA", "short": keyText(ed, ed, "", 31), "a field too many": keyText(ed, ed, "", 32, 1), "a field too few": keyText("ssh-rsa", "ssh-rsa", "", 3),
		"an empty field": keyText("ssh-rsa", "ssh-rsa", "", 0, 256), "two keys": good + "\n" + good, "options": `command="x" ` + good,
		"private key": "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", "huge length": ed + " /////w==",
	} {
		t.Run(name, func(t *testing.T) {
			r.post("/api/users/ssh_keys", map[string]any{"user_ssh_key": map[string]any{"pubkey": text}}).refused(422, "Pubkey is not a valid openssh public key")
		})
	}
	for _, key := range []any{map[string]any{}, map[string]any{"pubkey": ""}, map[string]any{"pubkey": nil}} {
		r.post("/api/users/ssh_keys", map[string]any{"user_ssh_key": key}).refused(422, "Pubkey can't be blank")
	}
	for _, body := range []any{map[string]any{}, map[string]any{"user_ssh_key": nil}, map[string]any{"pubkey": good}} {
		r.post("/api/users/ssh_keys", body).refused(400, "param is missing or the value is empty: user_ssh_key")
	}
	r.get("/api/users/ssh_keys").is(200, `{"ssh_keys":[]}`)
	for _, algorithm := range []string{"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com"} {
		r.post("/api/users/ssh_keys", map[string]any{"user_ssh_key": map[string]any{"pubkey": keyText(algorithm, algorithm, "x", 32, 8)}}).wants(201)
	}
	for algorithm, lengths := range map[string][]int{"ssh-dss": {1, 1, 1, 1}, "sk-ecdsa-sha2-nistp256@openssh.com": {8, 65, 4}} {
		r.post("/api/users/ssh_keys", map[string]any{"user_ssh_key": map[string]any{"pubkey": keyText(algorithm, algorithm, "x", lengths...)}}).wants(201)
	}
}
