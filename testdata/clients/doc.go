// Package clients holds tests that run.sh copies into a module of its own. They have the
// build tag clients, because what they import exists only there.
package clients
