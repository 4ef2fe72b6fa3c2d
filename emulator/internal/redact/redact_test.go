package redact

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// The vectors of the key format (section 8.1 of the rules), and keys of others.
const (
	testKey = "sky_test_0000000000000000000000000000001vWQpT"
	liveKey = "sky_live_0000000000000000000000000000002LWGSy"
)

// longCode is an authorization code.
const longCode = "ZWAO5IKHekXJKk1UuAxou7-RgXpGaSrp9CEgh7k9n_j"

func TestString(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"nothing", "instance ins_123 is running", "instance ins_123 is running"},
		{"empty", "", ""},
		{"test key", "key " + testKey + ".", "key sky_test_…WQpT."},
		{"test key in a path", "/v1/tokens/" + testKey + "/rotate", "/v1/tokens/sky_test_…"},
		{"short test key", "sky_test_abc", "sky_test_…"},
		{"odd test key", testKey + "-x", "sky_test_…"},
		{"live key", "key " + liveKey + ",", "key sky_live_…,"},
		{"keys of others", "sk_test_4eC39Hq rk_live_4eC39Hq pk_live_x.y.", "sk_test_… rk_live_… pk_live_…."},
		{"upper case", "SK_LIVE_ABC Sky_Test_abc", "sk_live_… sky_test_…"},
		{"any live key", "acme_live_abc", "…"},
		{"live key in a test key", "sky_test_abc_live_def", "sky_test_…"},
		{"not live", "olive_oil is alive_", "olive_oil is alive_"},
		{"webhook secret", "whsec_MfKQ9r8GKYqrTwjU+/PD8ILPZIo2LaLaSw==", "whsec_…"},
		{"bearer", "Authorization is Bearer YOUR_API_TOKEN", "Authorization is Bearer …"},
		{"bearer test key", "Bearer " + testKey + " refused", "Bearer sky_test_…WQpT refused"},
		{"bearer, any case", "bEARER  a,b'c refused", "bEARER  … refused"},
		{"bearer in JSON", `{"auth":"Bearer abc","x":1}`, `{"auth":"Bearer …","x":1}`},
		{"bearer, escaped", `curl -H \"X: Bearer%20abc\"`, `curl -H \"X: Bearer%20…"`},
		{"bearer in quotes", `Bearer "abc" no`, `Bearer "…" no`},
		{"bearer twice", "Bearer Bearer abc", "Bearer …"},
		{"header line", "GET / HTTP/1.1\r\nAuthorization: Basic YTpi\r\nHost: x", "GET / HTTP/1.1\r\nAuthorization: …\r\nHost: x"},
		{"header map", "map[Authorization:[Digest a=\"b\"] Host:[x]]", "map[Authorization:[…"},
		{"header JSON", `{"Authorization":"abc"}`, `{"Authorization":"…`},
		{"cookie", "Cookie: a=\"b c\"; d=e\nnext", "Cookie: …\nnext"},
		{"set-cookie", "Set-Cookie=sid=1; Path=/", "Set-Cookie=…"},
		{"cookies are food", "no cookies, one cookie", "no cookies, one cookie"},
		{"query", "/v1?access_token=abc&page=2&api_key=x#y z", "/v1?access_token=…&page=2&api_key=… z"},
		{"query, test key", "/v1?token=" + testKey + "&page=2", "/v1?token=sky_test_…WQpT&page=2"},
		{"query in a query", "/login?to=%2Fv1%3Ftoken%3Dabc", "/login?to=%2Fv1%3Ftoken%3D…"},
		{"apikey", "apikey=abc Api-Key=abc", "apikey=… Api-Key=…"},
		{"form", "client_secret=abc&password=def&passwd=ghi", "client_secret=…&password=…&passwd=…"},
		{"JSON", `{"token": "abc", "Secret":"d e"}`, `{"token": "…", "Secret":"… e"}`},
		{"escaped JSON", `{\"token\":\"abc\"}`, `{\"token\":\"…"}`},
		{"struct", "{ID:1 Token:abc Name:x}", "{ID:1 Token:… Name:x}"},
		{"prose", "invalid token: it expired", "invalid token: it expired"},
		{"bearer behind a key", "whsec_Bearer abc", "whsec_… …"},
		{"bearer in a member", "token=Bearer abc", "token=… …"},
		{"code in a form", "grant=x&code=" + longCode + "&code_verifier=" + longCode, "grant=x&code=…&code_verifier=…"},
		{"code in JSON", `{"code": "` + longCode + `","x":1}`, `{"code": "…","x":1}`},
		{"code in escaped JSON", `{\"code\":\"` + longCode + `\"}`, `{\"code\":\"…\"}`},
		{"code on a page", `<code id="authorization_code">` + longCode + `</code>`, `<code id="authorization_code">…</code>`},
		{"code in a query in a query", "?to=%3Fcode%3D" + longCode, "?to=%3Fcode%3D…"},
		{"code of an error", `{"code":"not_found"} code=not_found code: not_found`, `{"code":"not_found"} code=not_found code: not_found`},
		{"not UTF-8", "\xff Bearer \xfe\xfd \xff", "\xff Bearer … \xff"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := String(tc.in)
			if got != tc.want {
				t.Errorf("String(%q)\n got %q\nwant %q", tc.in, got, tc.want)
			}
			if again := String(got); again != got {
				t.Errorf("a second time it became %q", again)
			}
		})
	}
}

func TestToken(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", ""},
		{testKey, "sky_test_…WQpT"},
		{"sky_test_…WQpT", "sky_test_…WQpT"},
		{"sky_test_…WQpTx", "sky_test_…"},
		{"sky_test_12345678901", "sky_test_…"},
		{"sky_test_123456789 12", "sky_test_…"},
		{liveKey, "sky_live_…"},
		{"sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk_live_…"},
		{"whsec_MfKQ9r8GKYqrTwjU", "whsec_…"},
		{"YOUR_API_TOKEN", "…"},
		{"sky_test_", "…"},
		{"a long string that somebody took for a token", "…"},
	} {
		if got := Token(tc.in); got != tc.want {
			t.Errorf("Token(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}

// plainTexts are what logs are full of; none of them may cost anything.
var plainTexts = []string{
	"request", "GET", "/v1/instances/ins_123?page=2&limit=20", "127.0.0.1:8080",
	"2026-03-19T10:22:44Z", "instance ins_987 moved from provisioning to running in 12.5s: no error",
	strings.Repeat("a longer line, with every = and : and _ and % that looks like something. ", 10),
}

func TestPlainTextCostsNothing(t *testing.T) {
	for _, s := range plainTexts {
		if n := testing.AllocsPerRun(100, func() { _ = String(s) }); n != 0 {
			t.Errorf("%v allocations for %q", n, s)
		}
	}
}

func BenchmarkString(b *testing.B) {
	for _, bc := range []struct{ name, in string }{
		{"plain", plainTexts[5]},
		{"secret", "Authorization refused: Bearer " + testKey + " at 127.0.0.1:8080"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = String(bc.in)
			}
		})
	}
}

// forms are the ways a secret gets into a log; %s stands for it.
var forms = []string{
	"Bearer %s", "bearer%%20%s", `"Bearer %s"`, "Authorization: Basic %s", "map[Authorization:[%s] A:[b]]",
	"Cookie: sid=%s; Path=/", "Set-Cookie: %s", `Cookie: a="b"; c="%s"`,
	"?access_token=%s&a=b", "token=%s", "api_key=%s", `{"token":"%s"}`, `{\"secret\": \"%s\"}`, "{Token:%s}",
	"sky_test_%s", "sky_live_%s", "sk_live_%s", "rk_test_%s", "pk_live_%s", "whsec_%s", "acme_live_%s",
}

// secret is a new body of a key; the last four characters are not secret.
func secret(r *rand.Rand) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	b := make([]byte, 36)
	for i := range b {
		b[i] = digits[r.IntN(len(digits))]
	}
	return string(b)
}

func plant(form, secret string) string {
	return strings.NewReplacer("%%", "%", "%s", secret).Replace(form)
}

// FuzzString plants a secret in any text. Whatever is around it, it must not
// come out, and a text redacted once stays as it is.
func FuzzString(f *testing.F) {
	for i := range forms {
		f.Add("before ", i, " after", uint64(i))
		f.Add("token=", i, "&x", uint64(i))
		f.Add(`bearer x`, i, `"`, uint64(i))
		f.Add("a_live_", i, "_live_b", uint64(i))
		f.Add("cookie", i, ":", uint64(i))
	}
	f.Fuzz(func(t *testing.T, before string, form int, after string, seed uint64) {
		hidden := secret(rand.New(rand.NewPCG(seed, 0)))
		in := before + plant(forms[uint(form)%uint(len(forms))], hidden) + after
		out := String(in)
		if strings.Contains(out, hidden[:len(hidden)-4]) {
			t.Fatalf("%q\nkept the secret: %q", in, out)
		}
		if len(in) == len(before)+len(after) {
			t.Fatal("nothing planted")
		}
		if again := String(out); strings.Contains(again, hidden[:len(hidden)-4]) {
			t.Fatalf("%q brought the secret back: %q", out, again)
		}
	})
}

// FuzzSuspicious holds the quick look to the slow one.
func FuzzSuspicious(f *testing.F) {
	for _, form := range forms {
		f.Add(plant(form, "x"))
	}
	f.Fuzz(func(t *testing.T, s string) {
		for i := range len(s) {
			if s[i] >= 0x80 {
				return // (?i) also folds two letters that are not ASCII
			}
		}
		slow := headerLine.MatchString(s) || bearer.MatchString(s) || member.MatchString(s) || key.MatchString(s)
		if slow && !suspicious(s) {
			t.Fatalf("%q looks harmless", s)
		}
	})
}
