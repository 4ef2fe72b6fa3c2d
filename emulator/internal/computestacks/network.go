package computestacks

// networkOperations lists the operations of the group.
func (a *API) networkOperations() []operation { return nil }

// networkEffects lists the work of the group that takes time.
func (a *API) networkEffects() map[string]effect { return nil }
