package skystack

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/edge"
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

// clip shortens what a client sent to what fits in a sentence.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

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

// sameValue reports whether two JSON values are equal, however they are written.
func sameValue(a, b jsontext.Value) bool {
	if string(a) == string(b) {
		return true
	}
	plain := func(v jsontext.Value) string {
		v = v.Clone()
		_ = v.Format(jsontext.ReorderRawObjects(true))
		return string(v)
	}
	return plain(a) == plain(b)
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
