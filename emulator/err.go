package emulator

import "fmt"

// Err is the first misuse of a method that has no error result, with the method's
// name: a match that names what does not exist. It is nil if there was none. Such a
// method returns nothing then; a workspace that belongs to a test has failed it.
func (w *Workspace) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// test is the test that the workspace belongs to; nil if it belongs to none.
func (w *Workspace) test() TB {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.t
}

// helper marks the caller as a helper of the test.
func (w *Workspace) helper() {
	if t := w.test(); t != nil {
		t.Helper()
	}
}

// fail is the end of a method that cannot return its error.
func (w *Workspace) fail(method string, err error) {
	err = fmt.Errorf("%s: %w", method, err)
	w.mu.Lock()
	if w.err == nil {
		w.err = err
	}
	w.mu.Unlock()
	if t := w.test(); t != nil {
		t.Helper()
		t.Fatalf("emulator: %v", err)
		return
	}
	w.e.log.Error("a method was misused", "error", err)
}

// bindToTest makes the workspace part of a test.
func (w *Workspace) bindToTest(t TB) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t = t
}
