package computestacks

// orderOperations lists the operations of the group.
func (a *API) orderOperations() []operation { return nil }

// orderEffects lists the work of the group that takes time.
func (a *API) orderEffects() map[string]effect { return nil }
