package httpapi

import "net/http"

// WriteError responds with an error before any stage runs.
func (s *Server) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	x := s.pool.Get().(*RequestContext)
	x.reset(s, w, r)
	defer s.complete(x)
	x.stage = "connection"
	x.finishError(err)
}
