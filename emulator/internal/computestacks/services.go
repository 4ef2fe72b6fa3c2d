package computestacks

// serviceOperations lists the operations of the group.
func (a *API) serviceOperations() []operation { return nil }

// serviceEffects lists the work of the group that takes time.
func (a *API) serviceEffects() map[string]effect { return nil }
