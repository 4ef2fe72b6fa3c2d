package skystack

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/edge"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// instanceBody is an instance on the wire: a superset of what the documents
// print (S47, S51, S53, S54).
type instanceBody struct {
	Instance
	version string // "" is the default version
}

// ResourceID implements edge.Identified.
func (b instanceBody) ResourceID() string { return b.ID }

// ResourceVersion implements edge.Versioned.
func (b instanceBody) ResourceVersion() int { return b.Version }

// body shows the instance as the default version has it.
func (i Instance) body() instanceBody { return instanceBody{Instance: i} }

// in shows the instance as another version has it (6.2).
func (b instanceBody) in(version string) any {
	b.version = version
	return b
}

// MarshalJSON returns what AppendJSON appends.
func (b instanceBody) MarshalJSON() ([]byte, error) { return b.AppendJSON(nil), nil }

// AppendJSON implements edge.Appender.
func (b instanceBody) AppendJSON(to []byte) []byte { return writeInstance(to, &b.Instance, b.version) }

// writeInstance writes an instance as a version has it. Instances are most of
// what is sent, and this is ten times as fast as reflection.
func writeInstance(to []byte, i *Instance, version string) []byte {
	o := object{append(to, '{')}
	o.text("id", i.ID)
	o.text("name", i.Name)
	o.text("status", string(i.Status))
	o.reason("status_reason", i.Reason)
	o.text("project_id", i.ProjectID)
	o.text("region", i.Region)
	if version != cursorEra {
		o.text("size", i.Size)
	}
	if version != pageEra {
		o.text("profile", i.Size)
	}
	o.text("image", i.Image)
	o.orNull("ip", i.PrivateIP)
	if version != pageEra {
		o.truth("autoscale", i.Autoscale != nil && i.Autoscale.Enabled)
		o.autoscale("autoscale_policy", i.Autoscale)
	}
	i.writeNetwork(&o)
	o.name("storage")
	o.b = append(o.b, '[')
	for n, v := range i.Storage {
		o.comma(n)
		inner := object{append(o.b, '{')}
		inner.number("size_gb", v.SizeGB)
		inner.text("type", v.Type)
		o.b = append(inner.b, '}')
	}
	o.b = append(o.b, ']')
	var room [8]string
	o.name("labels")
	inner := object{append(o.b, '{')}
	for _, name := range sorted(room[:0], i.Labels) {
		inner.chosen(name)
		inner.b = edge.AppendString(inner.b, i.Labels[name])
	}
	o.b = append(inner.b, '}')
	o.name("metadata")
	inner = object{append(o.b, '{')}
	for _, name := range sorted(room[:0], i.Metadata) {
		inner.chosen(name)
		inner.b = append(inner.b, i.Metadata[name]...)
	}
	o.b = append(inner.b, '}')
	o.orNull("pending_action", i.PendingAction)
	o.number("version", i.Version)
	o.time("created_at", i.CreatedAt)
	o.time("updated_at", i.UpdatedAt)
	return append(o.b, '}')
}

func (i *Instance) writeNetwork(o *object) {
	o.name("network")
	n := object{append(o.b, '{')}
	n.text("state", i.networkState())
	n.orNull("private_ip", i.PrivateIP)
	n.orNull("public_ip", i.PublicIP)
	n.orNull("subnet", i.Subnet)
	n.name("firewall_ids")
	n.b = append(n.b, '[')
	for k, id := range i.FirewallIDs {
		n.comma(k)
		n.b = edge.AppendString(n.b, id)
	}
	o.b = append(n.b, "]}"...)
}

// networkState says how far the network of an instance is: it is attached when
// the instance first runs, and stays so while it is stopped (S54).
func (i *Instance) networkState() string {
	switch {
	case i.Status == Deleting:
		return "detached"
	case i.PrivateIP != "":
		return "attached"
	default:
		return "pending"
	}
}

// text is a string, or null when it is empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// clip shortens what a client sent to what fits in a sentence.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// Autoscale is a wish to scale. It is kept and shown; nothing scales yet.
type Autoscale struct {
	Enabled         bool `json:"enabled"`
	Min             int  `json:"min"`
	Max             int  `json:"max"`
	TargetCPU       int  `json:"target_cpu"`
	CooldownSeconds int  `json:"cooldown_seconds"`
}

// UnmarshalJSON reads true, false or an object; what is left out is as in
// section 12.
func (s *Autoscale) UnmarshalJSON(data []byte) error {
	*s = Autoscale{Enabled: true, Min: 1, Max: 3, TargetCPU: 60, CooldownSeconds: 300}
	switch string(data) {
	case "true":
		return nil
	case "false":
		s.Enabled = false
		return nil
	}
	type plain Autoscale
	if err := json.Unmarshal(data, (*plain)(s)); err != nil {
		return err
	}
	if s.Min > s.Max {
		return errors.New("min is above max")
	}
	return nil
}

func (s *Autoscale) equal(o *Autoscale) bool { return s == o || s != nil && o != nil && *s == *o }

// maxMembers bounds labels and metadata.
const maxMembers = 64

// labelKey is the form of a label's key.
var labelKey = regexp.MustCompile(`^[a-z0-9][a-z0-9._/-]{0,62}$`)

func checkLabels(labels map[string]any) (details []fail.Detail) {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if !labelKey.MatchString(key) {
			details = append(details, fail.Detail{Field: "labels." + clip(key), Location: fail.Body, Code: "invalid_format",
				Message: "A label's key has 1 to 63 characters: lower-case letters, digits and . _ / -, beginning with a letter or digit."})
		}
	}
	return details
}

// compact is a value without the white space it was sent with.
func compact(v jsontext.Value) jsontext.Value {
	v = v.Clone()
	_ = v.Compact() // it was parsed before
	return v
}

func compactAll(object map[string]jsontext.Value) map[string]jsontext.Value {
	for name, value := range object {
		object[name] = compact(value)
	}
	return object
}

// mergeObject applies a JSON merge patch: null takes a member away, an object is
// merged into an object.
func mergeObject(old map[string]jsontext.Value, patch jsontext.Value) map[string]jsontext.Value {
	if patch == nil {
		return old
	}
	merged := map[string]jsontext.Value{}
	if patch.Kind() == 'n' {
		return merged
	}
	maps.Copy(merged, old)
	for name, value := range membersOf(patch) {
		switch value.Kind() {
		case 'n':
			delete(merged, name)
		case '{':
			var inner map[string]jsontext.Value
			if merged[name].Kind() == '{' {
				inner = membersOf(merged[name])
			}
			merged[name], _ = json.Marshal(mergeObject(inner, value), json.Deterministic(true))
		default:
			merged[name] = compact(value)
		}
	}
	return merged
}

// membersOf takes an object apart; the contract has checked that it is one.
func membersOf(object jsontext.Value) (out map[string]jsontext.Value) {
	_ = json.Unmarshal(object, &out)
	return out
}

func mergeLabels(old map[string]string, patch jsontext.Value) map[string]string {
	if patch == nil {
		return old
	}
	raw := make(map[string]jsontext.Value, len(old))
	for k, v := range old {
		raw[k], _ = jsontext.AppendQuote(nil, v)
	}
	merged := map[string]string{}
	for k, v := range mergeObject(raw, patch) {
		plain, _ := jsontext.AppendUnquote(nil, v)
		merged[k] = string(plain)
	}
	return merged
}

// address says who holds an IP address.
type address struct {
	InstanceID string `json:"instance_id"`
}

// attach gives an instance its addresses, once (S54).
func (a *API) attach(tx *engine.Tx, i *Instance) {
	if i.PrivateIP == "" {
		i.PrivateIP = a.lease(tx, i.ID, "private", func(n uint64) string { return ip(10, n%(1<<24)) })
	}
	if i.WantsPublicIP && i.PublicIP == "" {
		i.PublicIP = a.lease(tx, i.ID, "public", func(n uint64) string { return ip(198, 18<<16+n%(1<<17)) })
	}
}

// lease finds the next address nobody holds. The private ones are 10.0.0.0/8;
// the public ones are 198.18.0.0/15, which no host on the internet has.
func (a *API) lease(tx *engine.Tx, holder, kind string, at func(uint64) string) string {
	for {
		n := tx.Count("address/" + kind)
		addr := at(n + 0x18_08_20) // 10.24.8.32, the neighbourhood of the documents' example
		last := addr[strings.LastIndexByte(addr, '.')+1:]
		if _, taken := a.addresses.Get(tx, addr); !taken && last != "0" && last != "255" {
			a.addresses.Put(tx, addr, address{holder})
			return addr
		}
	}
}

func ip(first, rest uint64) string {
	octet := func(shift uint) string { return strconv.FormatUint(rest>>shift&255, 10) }
	return strconv.FormatUint(first, 10) + "." + octet(16) + "." + octet(8) + "." + octet(0)
}

// checkInstance refuses a row of a saved world.
func checkInstance(id string, i Instance) error {
	switch {
	case id != i.ID:
		return fmt.Errorf("id is %q", i.ID)
	case !slices.Contains(Statuses(), i.Status):
		return fmt.Errorf("status %q is unknown", i.Status)
	case i.Version < 1:
		return fmt.Errorf("version is %d, not at least 1", i.Version)
	case i.Status.passing() && i.PendingAction == "":
		return fmt.Errorf("status is %s without a pending action", i.Status)
	}
	return nil
}
