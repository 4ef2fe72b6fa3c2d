//go:build race

package engine

// raceDetector says that everything takes about ten times as long.
const raceDetector = true
