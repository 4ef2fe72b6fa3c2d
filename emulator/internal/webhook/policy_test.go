package webhook_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"skystack.dev/sandbox/emulator/internal/webhook"
)

// egress is section 10.4, row by row.
var egress = []struct {
	addr   string
	public bool   // allowed with AllowPublic
	want   string // part of the refusal; "" when allowed
}{
	// Allowed: this machine and private networks.
	{addr: "127.0.0.1"},
	{addr: "127.8.9.10"},
	{addr: "::1"},
	{addr: "::ffff:127.0.0.1"},
	{addr: "10.0.0.1"},
	{addr: "10.255.255.255"},
	{addr: "172.16.0.1"},
	{addr: "172.31.255.254"},
	{addr: "192.168.65.254"}, // host.docker.internal of Docker Desktop
	{addr: "fc00::1"},
	{addr: "fd12:3456:789a::1"},
	{addr: "::ffff:10.0.0.1"},

	// Denied whatever is asked for.
	{addr: "169.254.169.254", want: "link-local"},
	{addr: "169.254.0.1", want: "link-local"},
	{addr: "169.254.170.2", want: "link-local"},
	{addr: "::ffff:169.254.169.254", want: "link-local"},
	{addr: "::ffff:a9fe:a9fe", want: "link-local"},
	{addr: "fe80::1", want: "link-local"},
	{addr: "fe80::1%eth0", want: "link-local"},
	{addr: "febf::1", want: "link-local"},
	{addr: "fec0::1", want: "site-local"},
	{addr: "fd00:ec2::254", want: "credentials"},
	{addr: "fd00:ec2::23", want: "credentials"},
	{addr: "fd20:ce::254", want: "credentials"},
	{addr: "fd00:42::42", want: "credentials"},
	{addr: "100.100.100.200", want: "credentials"},
	{addr: "::ffff:100.100.100.200", want: "credentials"},
	{addr: "168.63.129.16", want: "credentials"},
	{addr: "192.0.0.192", want: "credentials"},
	{addr: "224.0.0.1", want: "multicast"},
	{addr: "239.255.255.250", want: "multicast"},
	{addr: "ff02::1", want: "multicast"},
	{addr: "ff0e::1", want: "multicast"},
	{addr: "0.0.0.0", want: "unspecified"},
	{addr: "0.1.2.3", want: "unspecified"},
	{addr: "::", want: "unspecified"},
	{addr: "::ffff:0.0.0.0", want: "unspecified"},
	{addr: "255.255.255.255", want: "broadcast"},
	{addr: "240.0.0.1", want: "reserved"},

	// Denied IPv4 addresses in the clothes of IPv6.
	{addr: "64:ff9b::169.254.169.254", want: "stands for 169.254.169.254"},
	{addr: "64:ff9b::a9fe:a9fe", want: "stands for 169.254.169.254"},
	{addr: "64:ff9b::127.0.0.1", want: "stands for 127.0.0.1"},
	{addr: "64:ff9b::10.0.0.1", want: "stands for 10.0.0.1"},
	{addr: "64:ff9b::100.100.100.200", want: "stands for 100.100.100.200"},
	{addr: "64:ff9b:1::a9fe:a9fe", want: "hides an IPv4 address"},
	{addr: "2002:a9fe:a9fe::1", want: "stands for 169.254.169.254"},
	{addr: "2002:7f00:1::", want: "stands for 127.0.0.1"},
	{addr: "2002:e000:1::", want: "stands for 224.0.0.1"},
	{addr: "2001:0:4136:e378:8000:63bf:3fff:fdd2", want: "hides an IPv4 address"},
	{addr: "::169.254.169.254", want: "hides an IPv4 address"},
	{addr: "::ffff:0:169.254.169.254", want: "hides an IPv4 address"},
	{addr: "fd00::5efe:169.254.169.254", want: "stands for 169.254.169.254"},
	{addr: "fd00::200:5efe:169.254.169.254", want: "stands for 169.254.169.254"},

	// Public addresses only when asked for.
	{addr: "1.1.1.1", public: true, want: "--webhook-allow-public"},
	{addr: "172.32.0.1", public: true, want: "--webhook-allow-public"},
	{addr: "192.169.0.1", public: true, want: "--webhook-allow-public"},
	{addr: "11.0.0.1", public: true, want: "--webhook-allow-public"},
	{addr: "100.64.0.1", public: true, want: "--webhook-allow-public"},
	{addr: "2606:4700::1111", public: true, want: "--webhook-allow-public"},
	{addr: "::ffff:1.1.1.1", public: true, want: "--webhook-allow-public"},
	{addr: "64:ff9b::1.1.1.1", public: true, want: "--webhook-allow-public"},
	{addr: "2002:101:101::1", public: true, want: "--webhook-allow-public"},
}

func TestEgressAddresses(t *testing.T) {
	for _, tc := range egress {
		to := netip.AddrPortFrom(netip.MustParseAddr(tc.addr), 8080)
		for _, public := range []bool{false, true} {
			want := tc.want
			if public && tc.public {
				want = ""
			}
			refused(t, to.String(), webhook.Policy{AllowPublic: public}.Check(to), webhook.EgressDenied, want)
		}
	}
	refused(t, "no address", webhook.Policy{}.Check(netip.AddrPort{}), webhook.EgressDenied, "no address")
}

// refused checks that err is a refusal whose message has the text; nil for "".
func refused(t *testing.T, what string, err error, code, text string) {
	t.Helper()
	var r *webhook.Refusal
	switch {
	case text == "" && err != nil:
		t.Errorf("%s: refused: %v", what, err)
	case text != "" && err == nil:
		t.Errorf("%s: allowed, want %q", what, text)
	case text != "" && (!errors.As(err, &r) || r.Code != code || !strings.Contains(r.Message, text)):
		t.Errorf("%s: %#v, want %s with %q", what, err, code, text)
	}
}

// The same rows at the dial, behind a name and as a literal: what is denied is not
// connected to.
func TestEgressIsCheckedAtTheDial(t *testing.T) {
	for _, tc := range egress {
		if tc.want == "" {
			continue
		}
		addr := netip.MustParseAddr(tc.addr)
		s := &webhook.Sender{Resolver: answers{{addr}}.resolver()}
		m := message()
		m.URL = "http://receiver.test:8080/hooks"
		if out := send(t, s, m); out.Error != webhook.EgressDenied || !strings.Contains(out.Message, tc.want) || out.Status != 0 {
			t.Errorf("a name for %s: %+v", addr, out)
		}
		if addr.Zone() != "" {
			continue
		}
		m.URL = "http://" + netip.AddrPortFrom(addr, 8080).String()
		if out := send(t, s, m); out.Error != webhook.EgressDenied || !strings.Contains(out.Message, tc.want) {
			t.Errorf("%s: %+v", m.URL, out)
		}
	}
}

func TestEgressPorts(t *testing.T) {
	for port, want := range map[uint16]string{
		80: "", 443: "", 1024: "", 65535: "",
		1: "port 1.", 22: "port 22.", 25: "port 25.", 79: "port 79.", 444: "port 444.", 1023: "port 1023.", 0: "port 0.",
	} {
		to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
		refused(t, to.String(), webhook.Policy{}.Check(to), webhook.EgressDenied, want)
	}
}

// The sandbox does not talk to itself.
func TestEgressToTheSandboxItself(t *testing.T) {
	own := func(s string) func() []netip.AddrPort {
		return func() []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort(s)} }
	}
	for _, tc := range []struct{ own, to, want string }{
		{"127.0.0.1:8080", "127.0.0.1:8080", "the sandbox itself"},
		{"127.0.0.1:8080", "[::ffff:127.0.0.1]:8080", "the sandbox itself"},
		{"[::ffff:127.0.0.1]:8080", "127.0.0.1:8080", "the sandbox itself"},
		{"127.0.0.1:8080", "127.0.0.1:8081", ""},
		{"127.0.0.1:8080", "127.0.0.2:8080", ""},
		{"127.0.0.1:8080", "[::1]:8080", ""},
		{"0.0.0.0:8080", "127.0.0.1:8080", "the sandbox itself"},
		{"0.0.0.0:8080", "127.3.2.1:8080", "the sandbox itself"},
		{"[::]:8080", "[::1]:8080", "the sandbox itself"},
		{"[::]:8080", "127.0.0.1:8080", "the sandbox itself"},
		{"[::]:8080", "127.0.0.1:9090", ""},
	} {
		err := webhook.Policy{Own: own(tc.own)}.Check(netip.MustParseAddrPort(tc.to))
		refused(t, tc.own+" to "+tc.to, err, webhook.EgressDenied, tc.want)
	}
	refused(t, "localhost", webhook.Policy{Own: own("127.0.0.1:8080")}.CheckURL("http://localhost:8080/"), webhook.EgressDenied, "the sandbox itself")

	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		addr, _ := netip.AddrFromSlice(a.(*net.IPNet).IP)
		if addr = addr.Unmap(); !addr.IsPrivate() {
			continue
		}
		err := webhook.Policy{Own: own("0.0.0.0:8080")}.Check(netip.AddrPortFrom(addr, 8080))
		refused(t, addr.String(), err, webhook.EgressDenied, "the sandbox itself")
	}

	// And at the dial, behind a name.
	self := counting(t, http.StatusOK)
	here := netip.MustParseAddrPort(self.Listener.Addr().String())
	s := &webhook.Sender{Policy: webhook.Policy{Own: own(here.String())}, Resolver: answers{{here.Addr()}}.resolver()}
	m := message()
	m.URL = "http://receiver.test:" + self.port
	if out := send(t, s, m); out.Error != webhook.EgressDenied || self.requests.Load() != 0 {
		t.Errorf("%+v after %d requests", out, self.requests.Load())
	}
}

// answers are what a name means, one look-up after another; the last stays.
type answers [][]netip.Addr

func (a answers) resolver() *resolver { return &resolver{answers: a} }

type resolver struct {
	answers answers
	asked   atomic.Int32
}

func (r *resolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n := int(r.asked.Add(1))
	if len(r.answers) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return r.answers[min(n, len(r.answers))-1], nil
}

// server is a receiver that counts.
type server struct {
	*httptest.Server
	port     string
	requests atomic.Int32
}

func counting(t testing.TB, status int, header ...string) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.requests.Add(1)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	_, s.port, _ = net.SplitHostPort(s.Listener.Addr().String())
	return s
}

// A resolver that says 127.0.0.1 to whoever checks and 169.254.169.254 to whoever
// dials gains nothing: the dial itself is refused (10.4).
func TestEgressFlippingResolver(t *testing.T) {
	receiver := counting(t, http.StatusOK, "Connection", "close")
	good, bad := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("169.254.169.254")
	flips := answers{{good}, {bad}}.resolver()
	s := &webhook.Sender{Resolver: flips}
	m := message()
	m.URL = "http://flip.test:" + receiver.port
	if out := send(t, s, m); !out.OK() || out.Error != "" {
		t.Fatalf("the first answer: %+v", out)
	}
	if out := send(t, s, m); out.Error != webhook.EgressDenied || !strings.Contains(out.Message, "169.254.169.254") {
		t.Errorf("the second answer: %+v", out)
	}
	if asked, got := flips.asked.Load(), receiver.requests.Load(); asked != 2 || got != 1 {
		t.Errorf("asked %d times for %d requests, want 2 and 1: each dial uses what it was told", asked, got)
	}

	// Every address that is tried is checked, and what may be reached is.
	s = &webhook.Sender{Resolver: answers{{bad, good}}.resolver()}
	if out := send(t, s, m); !out.OK() {
		t.Errorf("a good address behind a bad one: %+v", out)
	}
	gone := unused(t)
	m.URL = "http://flip.test:" + gone
	s = &webhook.Sender{Resolver: answers{{good, bad}}.resolver()}
	if out := send(t, s, m); out.Error != webhook.EgressDenied {
		t.Errorf("a bad address behind one that refuses: %+v", out)
	}
}

// unused is a port at 127.0.0.1 where nothing listens.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}

var urls = []struct{ url, code, want string }{
	{"http://localhost:3000/hooks", "", ""},
	{"http://localhost", "", ""},
	{"https://app.localhost/hooks?tenant=1", "", ""},
	{"HTTP://Receiver.test:8080", "", ""},
	{"http://host.docker.internal:3000", "", ""},
	{"http://my_service:8080/a%20b", "", ""},
	{"http://receiver.test./", "", ""},
	{"http://10.1.2.3:8080/", "", ""},
	{"http://[::1]:8080/", "", ""},
	{"http://xn--bcher-kva.test/", "", ""},
	{"http://receiver.test/" + strings.Repeat("x", 2048-21), "", ""},

	{"", webhook.InvalidURL, "http:// or https://"},
	{"receiver.test/hooks", webhook.InvalidURL, "http:// or https://"},
	{"ftp://receiver.test/", webhook.InvalidURL, "http:// or https://"},
	{"file:///etc/passwd", webhook.InvalidURL, "http:// or https://"},
	{"gopher://127.0.0.1:6379/_x", webhook.InvalidURL, "http:// or https://"},
	{"javascript:alert(1)", webhook.InvalidURL, "http:// or https://"},
	{"http:receiver.test", webhook.InvalidURL, "no host"},
	{"http:///hooks", webhook.InvalidURL, "no host"},
	{"http://:8080/", webhook.InvalidURL, "no host"},
	{"http://user:hunter2@receiver.test/", webhook.InvalidURL, "password"},
	{"http://user@receiver.test/", webhook.InvalidURL, "password"},
	{"http://@receiver.test/", webhook.InvalidURL, "password"},
	{"http://receiver.test/#part", webhook.InvalidURL, "fragment"},
	{"http://receiver.test/#", webhook.InvalidURL, "fragment"},
	{"http://receiver.test/a b", webhook.InvalidURL, "space"},
	{" http://receiver.test/", webhook.InvalidURL, "space"},
	{"http://receiver.test/\r\nX: y", webhook.InvalidURL, "space"},
	{`http://127.0.0.1:3000\@receiver.test/`, webhook.InvalidURL, "backslash"},
	{"http://receiver.test/%zz", webhook.InvalidURL, "cannot be read"},
	{"http://[::1/", webhook.InvalidURL, "cannot be read"},
	{"http://receiver.test:http/", webhook.InvalidURL, "cannot be read"},
	{"http://receiver.test:0/", webhook.InvalidURL, "1 to 65535"},
	{"http://receiver.test:65536/", webhook.InvalidURL, "1 to 65535"},
	{"http://bücher.test/", webhook.InvalidURL, "xn--"},
	{"http://a..test/", webhook.InvalidURL, "parts"},
	{"http://./", webhook.InvalidURL, "parts"},
	{"http://" + strings.Repeat("a", 64) + ".test/", webhook.InvalidURL, "parts"},
	{"http://" + strings.Repeat("a.", 127) + "test/", webhook.InvalidURL, "253"},
	{"http://2130706433/", webhook.InvalidURL, "looks like an address"},
	{"http://0x7f000001/", webhook.InvalidURL, "looks like an address"},
	{"http://0xa9.0xfe.0xa9.0xfe/", webhook.InvalidURL, "looks like an address"},
	{"http://0251.0376.0251.0376/", webhook.InvalidURL, "looks like an address"},
	{"http://127.1/", webhook.InvalidURL, "looks like an address"},
	{"http://127.0.0.1./", webhook.InvalidURL, "looks like an address"},
	{"http://127.0.0.256/", webhook.InvalidURL, "looks like an address"},
	{"http://[fe80::1%25eth0]/", webhook.InvalidURL, "zone"},
	{"http://receiver.test/" + strings.Repeat("x", 2049-21), webhook.InvalidURL, "2049 bytes"},

	{"http://receiver.test:22/", webhook.EgressDenied, "port 22."},
	{"https://localhost:25/", webhook.EgressDenied, "port 25."},
	{"http://169.254.169.254/latest/meta-data", webhook.EgressDenied, "link-local"},
	{"http://[::ffff:169.254.169.254]/", webhook.EgressDenied, "link-local"},
	{"http://[64:ff9b::a9fe:a9fe]/", webhook.EgressDenied, "stands for 169.254.169.254"},
	{"http://[fd00:ec2::254]/", webhook.EgressDenied, "credentials"},
	{"http://0.0.0.0:8080/", webhook.EgressDenied, "unspecified"},
	{"http://203.0.113.7/", webhook.EgressDenied, "--webhook-allow-public"},
}

func TestCheckURL(t *testing.T) {
	for _, tc := range urls {
		err := webhook.Policy{}.CheckURL(tc.url)
		refused(t, tc.url, err, tc.code, tc.want)
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the message repeats the password: %v", tc.url, err)
		}
		if tc.want == "" {
			continue
		}
		// What was stored before the rule was made is refused when it is sent.
		m := message()
		m.URL = tc.url
		if out := send(t, &webhook.Sender{Resolver: answers{}.resolver()}, m); out.Error != tc.code || out.Message != err.Error() {
			t.Errorf("%q: %+v, want %s", tc.url, out, tc.code)
		}
	}
	refused(t, "public", webhook.Policy{AllowPublic: true}.CheckURL("http://203.0.113.7/"), "", "")
}

func FuzzCheckURL(f *testing.F) {
	for _, tc := range urls {
		f.Add(tc.url)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		err := webhook.Policy{}.CheckURL(raw)
		var r *webhook.Refusal
		if err != nil {
			if !errors.As(err, &r) || r.Message == "" || r.Code != webhook.InvalidURL && r.Code != webhook.EgressDenied {
				t.Fatalf("%#v is no refusal", err)
			}
			return
		}
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.Hostname() == "" || len(raw) > 2048 {
			t.Fatalf("%q was accepted", raw)
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil && !addr.IsLoopback() && !addr.Unmap().IsLoopback() && !addr.Unmap().IsPrivate() {
			t.Fatalf("%q was accepted", raw)
		}
	})
}
