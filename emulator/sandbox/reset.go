package sandbox

// ResetOption changes what Workspace.Reset does.
type ResetOption func(*ResetOptions)

// ResetOptions is what the options of a reset say together. The zero value is a
// plain reset.
type ResetOptions struct {
	// RestartIDs makes ids begin again.
	RestartIDs bool
}

// RestartIDs makes ids, event ids and secrets begin again with the reset, so that
// the same requests give the same responses as after the start. It is for tests that
// compare with golden files. What a client still holds of before the reset may then
// name another object.
func RestartIDs() ResetOption { return func(o *ResetOptions) { o.RestartIDs = true } }

// ResetOptionsOf applies options; nil ones say nothing.
func ResetOptionsOf(opts ...ResetOption) (o ResetOptions) {
	for _, set := range opts {
		if set != nil {
			set(&o)
		}
	}
	return o
}
