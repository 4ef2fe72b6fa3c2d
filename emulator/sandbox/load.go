package sandbox

// Load is how busy an instance is, in percent from 0 to 100, in place of the
// synthetic values; nil keeps or gives back the synthetic value. The zero Load
// sets nothing.
type Load struct {
	// CPU also decides whether an autoscale policy scales.
	CPU    *float64 `json:"cpu,omitempty"`
	Memory *float64 `json:"memory,omitempty"`
}

// Busy is a Load of the processors alone, in percent.
func Busy(cpu float64) Load { return Load{CPU: &cpu} }
