package computestacks

import "maps"

// allEffects is the table of all work that takes time, by the locale of its events. Each
// group of resources lists its own.
func (a *API) allEffects() map[string]effect {
	all := map[string]effect{}
	for _, of := range []map[string]effect{a.orderEffects(), a.serviceEffects(), a.networkEffects()} {
		maps.Copy(all, of)
	}
	return all
}
