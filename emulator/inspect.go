package emulator

// Check reports what is wrong with options by themselves, without making an
// emulator; nil if nothing is. What depends on the fixture only New can say.
func Check(opts ...Option) error {
	_, err := configure(opts)
	return err
}
