package skystack

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// What PATCH changes of an instance's network and storage (S9).

// storageChange is the member storage of a PATCH: a list, or null for an empty
// one. The zero value is a body without it.
type storageChange struct {
	sent    bool
	volumes []Volume // Type is "" where it was left out
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom; the contract has checked the
// form.
func (s *storageChange) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*s = storageChange{sent: true}
	return json.UnmarshalDecode(d, &s.volumes)
}

// applied is the storage after the change: the list that was sent, a volume
// without a type having that of the volume in its place.
func (s storageChange) applied(old []Volume) []Volume {
	if !s.sent {
		return old
	}
	for n := range s.volumes {
		standard := standardVolume
		if n < len(old) {
			standard = old[n].Type
		}
		s.volumes[n].Type = cmp.Or(s.volumes[n].Type, standard)
	}
	return s.volumes
}

// checkStorage finds volumes that would shrink. One of another type is another
// volume, which may have any size.
func checkStorage(old, changed []Volume) (details []fail.Detail) {
	for n := range min(len(old), len(changed)) {
		if from, to := old[n], changed[n]; to.Type == from.Type && to.SizeGB < from.SizeGB {
			field := fmt.Sprintf("storage[%d].size_gb", n)
			details = append(details, fail.Detail{Field: field, Location: fail.Body, Code: "out_of_range",
				Message: fmt.Sprintf("%s must be at least %d: a volume cannot shrink.", field, from.SizeGB)})
		}
	}
	return details
}

// rewire applies a merge patch to the settings of the network, without leasing
// or giving back an address. nil is no patch.
func (i *Instance) rewire(patch jsontext.Value) {
	switch patch.Kind() {
	case 'n':
		i.Subnet, i.WantsPublicIP, i.FirewallIDs = "", false, nil
		return
	case '{':
	default:
		return
	}
	members := resource.MembersOf(patch)
	for name, to := range map[string]any{"subnet": &i.Subnet, "public_ip": &i.WantsPublicIP} {
		if v, sent := members[name]; sent {
			_ = json.Unmarshal(v, to) // null is the zero value; the contract has checked the form
		}
	}
	if v, sent := members["firewall_ids"]; sent {
		i.FirewallIDs = nil // the row keeps the list it has
		_ = json.Unmarshal(v, &i.FirewallIDs)
	}
}

// rewired reports whether the settings of the network differ.
func (i *Instance) rewired(from *Instance) bool {
	return i.Subnet != from.Subnet || i.WantsPublicIP != from.WantsPublicIP || !slices.Equal(i.FirewallIDs, from.FirewallIDs)
}

// checkConfigurable refuses changes that the status does not allow: the network
// changes while the instance is running or stopped, the storage while it is
// stopped, and nothing while an action runs. What changes nothing is not refused.
func (a *API) checkConfigurable(tx *engine.Tx, i Instance, network, storage bool) error {
	switch {
	case !network && !storage:
		return nil
	case i.PendingAction != "" || i.Status.transitional():
		return a.busyError(tx, i)
	case storage && i.Status == Running:
		return fail.Newf(fail.Conflict, "instance_not_stopped", "The instance is %s; stop it before you change its storage.", i.Status)
	case i.Status != Running && i.Status != Stopped:
		return fail.Newf(fail.Conflict, "invalid_state", "The instance is %s, which does not allow a change of network or storage.", i.Status)
	}
	return nil
}

// updateAddress leases the public address that is configured now, or releases the one
// that is not.
func (a *API) updateAddress(tx *engine.Tx, i *Instance) {
	if !i.WantsPublicIP {
		a.addresses.Delete(tx, i.PublicIP)
		i.PublicIP = ""
		return
	}
	if i.PrivateIP != "" { // else its first run attaches both
		a.assignAddresses(tx, i)
	}
}
