package near

import (
	"strings"
	"testing"
)

func TestHint(t *testing.T) {
	operations := []string{"createInstance", "createInstanceAction", "deleteInstance", "getInstance", "listInstances"}
	for _, tc := range []struct {
		written string
		names   []string
		want    string
	}{
		{"deleteInstnace", operations, " (did you mean deleteInstance?)"}, // swapped
		{"DELETEINSTANCE", operations, " (did you mean deleteInstance?)"},
		{"listInstance", operations, " (did you mean listInstances?)"},
		{"reset", []string{"set", "rest"}, " (did you mean rest?)"},
		{"lst", []string{"lust", "list"}, " (did you mean lust or list?)"},
		{"rate", []string{"rate-limit", "rated", "rate-quota"}, " (did you mean rated?)"},
		{"webhook", []string{"webhook.test", "web"}, " (did you mean webhook.test?)"},
		{"sped", []string{"seed", "speed"}, " (did you mean seed or speed?)"},
		{"Seed", []string{"seed", "speed"}, " (did you mean seed?)"},
		{"", operations, ""},
		{"explode", operations, ""},
		{"x", nil, ""},
		{strings.Repeat("x", 65), []string{strings.Repeat("x", 66)}, ""},
	} {
		if got := Hint(tc.written, tc.names...); got != tc.want {
			t.Errorf("%.20q: got %q, want %q", tc.written, got, tc.want)
		}
	}
}

func TestMembers(t *testing.T) {
	for written, want := range map[string]string{
		"regoin": "region", "reigon": "region", "Region": "region", "publicIp": "public_ip", "public-ip": "public_ip", "meta_data": "metadata", "lables": "labels",
		"firewalls_ids": "firewall_ids", "nam": "name", "naem": "name", "page": "", "x": "", "colour": "", "": "", "sizes": "size", strings.Repeat("r", 65): "",
	} {
		if got := strings.Join(Members(written, "name", "region", "size", "public_ip", "metadata", "labels", "firewall_ids"), " "); got != want {
			t.Errorf("%q: got %q, want %q", written, got, want)
		}
	}
}
