package remote

import (
	"errors"
	"net/http"
	"net/url"

	"skystack.dev/sandbox/emulator/sandbox"
)

const (
	instances = "/_sandbox/instances"
	projects  = "/_sandbox/projects"
)

// Instances lists the instances, oldest first.
func (w *Workspace) Instances() []sandbox.Instance {
	w.t.Helper()
	return all[sandbox.Instance](w, "Instances", instances, nil)
}

// Instance finds an instance; false if there is none.
func (w *Workspace) Instance(id string) (sandbox.Instance, bool) {
	w.t.Helper()
	return find[sandbox.Instance](w, "Instance", instances, id, "instance_not_found")
}

// CreateInstance adds an instance in any state, at once.
func (w *Workspace) CreateInstance(i sandbox.Instance) (out sandbox.Instance, err error) {
	err = w.do(w.life, post(instances, i, http.StatusCreated, &out))
	return out, err
}

// Projects lists the projects, oldest first.
func (w *Workspace) Projects() []sandbox.Project {
	w.t.Helper()
	return all[sandbox.Project](w, "Projects", projects, nil)
}

// Project finds a project; false if there is none.
func (w *Workspace) Project(id string) (sandbox.Project, bool) {
	w.t.Helper()
	return find[sandbox.Project](w, "Project", projects, id, "project_not_found")
}

// CreateProject adds a project.
func (w *Workspace) CreateProject(p sandbox.Project) (out sandbox.Project, err error) {
	err = w.do(w.life, post(projects, p, http.StatusCreated, &out))
	return out, err
}

// Finish completes the running action of an instance now.
func (w *Workspace) Finish(instance string) error {
	path, err := item(instances, "instance", instance)
	if err != nil {
		return err
	}
	var now sandbox.Instance
	return w.do(w.life, post(path+"/advance", nil, http.StatusOK, &now))
}

// Fail makes the running action of an instance fail, or crashes an instance that
// runs; code is the reason shown, "" takes the usual one.
func (w *Workspace) Fail(instance, code string) error {
	path, err := item(instances, "instance", instance)
	if err != nil {
		return err
	}
	reason := struct {
		Code string `json:"code"`
	}{code}
	var now sandbox.Instance
	return w.do(w.life, post(path+"/fail", reason, http.StatusOK, &now))
}

// SetLoad says how busy an instance is from now on, in place of the synthetic
// values.
func (w *Workspace) SetLoad(instance string, l sandbox.Load) error {
	path, err := item(instances, "instance", instance)
	if err != nil {
		return err
	}
	return w.do(w.life, put(path+"/load", l, http.StatusNoContent, nil))
}

// all reads a list to its end.
func all[T any](w *Workspace, method, path string, query url.Values) []T {
	w.t.Helper()
	out, err := walk[T](w.life, w.line, path, query)
	if err != nil {
		w.fail(method, err)
	}
	return out
}

// find gets one object. Only the refusal that names the object means that there
// is none: the workspace itself may be missing too.
func find[T any](w *Workspace, method, collection, id, missing string) (out T, found bool) {
	w.t.Helper()
	path, err := item(collection, "object", id)
	if err != nil {
		return out, false
	}
	err = w.do(w.life, get(path, &out))
	var none T
	var e *Error
	switch {
	case err == nil:
		return out, true
	case errors.As(err, &e) && e.Status == http.StatusNotFound && e.Code == missing:
	default:
		w.fail(method, err)
	}
	return none, false
}
