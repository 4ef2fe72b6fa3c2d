package skystack

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// Autoscale is the numbers of a policy, which its leader keeps.
type Autoscale struct {
	Enabled         bool `json:"enabled"`
	Min             int  `json:"min"`
	Max             int  `json:"max"`
	TargetCPU       int  `json:"target_cpu"`
	CooldownSeconds int  `json:"cooldown_seconds"`
}

// standardAutoscale is the meaning of true (section 12).
func standardAutoscale() *Autoscale {
	return &Autoscale{Enabled: true, Min: 1, Max: 3, TargetCPU: 60, CooldownSeconds: 300}
}

func (s *Autoscale) equal(o *Autoscale) bool { return s == o || s != nil && o != nil && *s == *o }

// autoscaleChange is the member autoscale of a body: true, false, null or an
// object. The zero value is a body without it.
type autoscaleChange struct {
	word    string // the JSON of what is not an object
	numbers *autoscaleNumbers
}

// autoscaleNumbers is the object; nil is a member that was left out.
type autoscaleNumbers struct {
	Enabled         *bool `json:"enabled"`
	Min             *int  `json:"min"`
	Max             *int  `json:"max"`
	TargetCPU       *int  `json:"target_cpu"`
	CooldownSeconds *int  `json:"cooldown_seconds"`
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom; the contract has checked the
// form.
func (c *autoscaleChange) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*c = autoscaleChange{}
	if d.PeekKind() == '{' {
		return json.UnmarshalDecode(d, &c.numbers)
	}
	word, err := d.ReadValue()
	c.word = string(word)
	return err
}

// merged is the policy after the change, by the rules of a merge patch (S7): an
// object changes what it names, everything else replaces the whole. nil is none.
func (c autoscaleChange) merged(old *Autoscale) *Autoscale {
	switch {
	case c.numbers == nil && c.word == "true":
		return standardAutoscale()
	case c.numbers == nil && c.word != "":
		return nil
	case c.numbers == nil:
		return old
	}
	s := standardAutoscale()
	if old != nil {
		*s = *old
	}
	if c.numbers.Enabled != nil {
		s.Enabled = *c.numbers.Enabled
	}
	for to, from := range map[*int]*int{
		&s.Min: c.numbers.Min, &s.Max: c.numbers.Max, &s.TargetCPU: c.numbers.TargetCPU, &s.CooldownSeconds: c.numbers.CooldownSeconds,
	} {
		if from != nil {
			*to = *from
		}
	}
	return s
}

// checkAutoscale finds a minimum above the maximum, which no schema can.
func checkAutoscale(c autoscaleChange) []fail.Detail {
	if c.numbers == nil {
		return nil
	}
	s := c.merged(nil)
	return crossed(s.Min, s.Max)
}

func crossed(least, most int) []fail.Detail {
	if least <= most {
		return nil
	}
	return []fail.Detail{{Field: "autoscale.min", Location: fail.Body, Code: "out_of_range",
		Message: fmt.Sprintf("autoscale.min must not be above autoscale.max; they would be %d and %d.", least, most)}}
}
