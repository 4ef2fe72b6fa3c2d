package skystack

import "skystack.dev/sandbox/emulator/internal/resource"

// appendReason writes a reason; nil is null.
func appendReason(o *resource.Object, name string, r *Reason) {
	if r == nil {
		o.Null(name)
		return
	}
	o.Name(name)
	inner := resource.OpenObject(o.B)
	inner.Text("code", r.Code)
	inner.Text("message", r.Message)
	o.B = inner.Close()
}

// appendAutoscale writes the autoscaling of an instance; nil is null.
func appendAutoscale(o *resource.Object, name, policy string, s *Autoscale) {
	if s == nil {
		o.Null(name)
		return
	}
	o.Name(name)
	inner := resource.OpenObject(o.B)
	inner.Text("id", policy)
	inner.Bool("enabled", s.Enabled)
	inner.Number("min", s.Min)
	inner.Number("max", s.Max)
	inner.Number("target_cpu", s.TargetCPU)
	inner.Number("cooldown_seconds", s.CooldownSeconds)
	o.B = inner.Close()
}
