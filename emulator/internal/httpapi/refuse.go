package httpapi

import "net/http"

// Refuse answers a request with an error before any stage looks at it.
func (s *Server) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	x := s.pool.Get().(*RequestContext)
	x.reset(s, w, r)
	defer s.close(x)
	x.stage = "connection"
	x.refuse(err)
}
