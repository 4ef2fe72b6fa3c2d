package emulator_test

import (
	"bytes"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
)

// An instance has only addresses that the sandbox could have given, wherever it comes
// from.
func TestAddressesOfInstances(t *testing.T) {
	for ip, want := range map[string]string{
		"10.0.0.1": "", "10.255.255.254": "",
		"11.0.0.1": "11.0.0.1 is no address that the sandbox gives; use one of 10.0.0.0/8 whose last number is 1 to 254", "9.255.255.254": "9.255.255.254 is no address",
		"203.0.113.7": "203.0.113.7 is no address", "10.0.0.0": "10.0.0.0 is no address", "198.18.0.1": "198.18.0.1 is no address",
	} {
		e, err := emulator.New(emulator.WithFixtureData("w.yaml", []byte("format: skystack-sandbox/1\ninstances:\n  - {name: a, ip: "+ip+"}\n")))
		if err == nil {
			err = e.Close()
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), "w.yaml:3:") || !strings.Contains(err.Error(), "instances[0].ip: "+want)) {
			t.Errorf("a fixture with %s: %v, want %q", ip, err, want)
		}
	}
	e := emulator.Start(t, emulator.WithFixture("empty"))
	for ip, ok := range map[string]bool{
		"198.18.0.1": true, "198.19.255.254": true, "240.0.0.1": true, "255.255.255.254": true,
		"198.17.255.254": false, "198.20.0.1": false, "239.255.255.254": false, "198.18.0.255": false, "192.0.2.1": false, "10.0.0.1": false,
	} {
		if _, err := e.CreateInstance(emulator.Instance{Name: "a", PublicIP: ip}); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), ip+" is no address that the sandbox gives; use one of 198.18.0.0/15 or 240.0.0.0/4") {
			t.Errorf("public %s: %v", ip, err)
		}
	}
	e.Reset()
	if _, err := e.CreateInstance(emulator.Instance{Name: "a", IP: "10.7.7.7"}); err != nil {
		t.Fatal(err)
	}
	var saved bytes.Buffer
	if err := e.Snapshot().Save(&saved); err != nil {
		t.Fatal(err)
	}
	before := e.Dump()
	err := e.Import(strings.NewReader(strings.ReplaceAll(saved.String(), "10.7.7.7", "172.7.7.7")))
	if err == nil || !strings.Contains(err.Error(), "ip: 172.7.7.7 is no address that the sandbox gives") {
		t.Errorf("imported with 172.7.7.7: %v", err)
	}
	if e.Dump() != before {
		t.Error("a refused import changed something")
	}
	if err := e.Import(&saved); err != nil {
		t.Error(err)
	}
}
