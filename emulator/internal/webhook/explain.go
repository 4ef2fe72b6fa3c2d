package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// refused is the outcome of an attempt that was not made.
func refused(err error) Outcome {
	var r *Refusal
	if !errors.As(err, &r) {
		r = &Refusal{InvalidURL, err.Error()}
	}
	return Outcome{Error: r.Code, Message: r.Message}
}

// explain says what err, with which an attempt ended before the header of a response
// was there, means to the owner of the endpoint.
func (a *attempt) explain(err error) Outcome {
	var (
		r    *Refusal
		dial *dialError
	)
	switch {
	case errors.As(err, &r):
		return refused(r)
	case errors.Is(a.caller.Err(), context.Canceled):
		return Outcome{Error: Canceled, Message: "The sandbox canceled the attempt before the receiver responded: the sandbox stops, or the endpoint was removed."}
	case a.ctx.Err() != nil:
		return a.late()
	case errors.As(err, &dial):
		return a.unconnected(dial.step, dial.err)
	case closed(err):
		return Outcome{Error: ConnectionClosed, Message: "The receiver closed the connection before it had sent the whole header of a response. See its log: it may have crashed."}
	case errors.Is(err, syscall.ECONNREFUSED), timedOut(err):
		return a.unconnected(connecting, err) // by a transport that is not ours
	case oversized(err):
		return Outcome{Error: ResponseTooLarge, Message: fmt.Sprintf("The header of the receiver's response is over %d bytes. An empty 204 is enough.", maxHeaderBytes)}
	case a.connected:
		return Outcome{Error: MalformedResponse, Message: "The receiver's response is not HTTP. Check that the port of the URL is that of a web server. " + quoted(err)}
	}
	return a.unconnected(connecting, err)
}

// late is the outcome of an attempt whose time was over.
func (a *attempt) late() Outcome {
	o := Outcome{Error: Timeout}
	host := a.url.Host
	step := a.step.Load()
	switch {
	case a.connected, a.sender.Transport != nil:
		o.Message = fmt.Sprintf("The receiver at %s did not send the whole header of a response within %v. Respond with 2xx at once and do the work afterwards.", host, a.timeout)
	case step == lookingUp:
		o.Message = a.unanswered(a.timeout)
	case step == shaking:
		o.Message = fmt.Sprintf("The receiver at %s did not finish the TLS handshake within %v. Check that its port serves TLS, or use http://.", host, a.timeout)
	default:
		o.Message = fmt.Sprintf("There was no connection to %s within %v. Check that no firewall drops the packets.%s", host, a.timeout, a.hint())
	}
	return o
}

// unanswered says that no name server answered in time.
func (a *attempt) unanswered(in time.Duration) string {
	return fmt.Sprintf("The name %s could not be looked up within %v. Check that the name server can be reached.", a.url.Hostname(), in)
}

// unconnected is the outcome of an attempt that could not connect to the receiver.
func (a *attempt) unconnected(step int32, err error) Outcome {
	host := a.url.Host
	switch {
	case step == lookingUp && timedOut(err):
		return Outcome{Error: Timeout, Message: a.unanswered(min(connectTimeout, a.timeout))}
	case step == lookingUp:
		return Outcome{Error: DNSError, Message: fmt.Sprintf("No address was found for the name %s. Check its spelling, and that it is known here.%s", a.url.Hostname(), a.hint())}
	case step == shaking:
		return a.distrusted(err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return Outcome{Error: ConnectionRefused, Message: fmt.Sprintf("Nothing listens at %s. Start the receiver, or correct the port of the URL.%s", host, a.hint())}
	case timedOut(err):
		return Outcome{Error: Timeout, Message: fmt.Sprintf("There was no connection to %s within %v. Check that no firewall drops the packets.%s", host, min(connectTimeout, a.timeout), a.hint())}
	}
	return Outcome{Error: ConnectionFailed, Message: fmt.Sprintf("Could not connect to %s. %s%s", host, quoted(err), a.hint())}
}

// distrusted is the outcome of an attempt without a trusted channel.
func (a *attempt) distrusted(err error) Outcome {
	o := Outcome{Error: TLSError}
	var (
		plain   tls.RecordHeaderError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		bad     x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &plain):
		o.Message = fmt.Sprintf("The receiver at %s does not speak TLS. Use http:// for it.", a.url.Host)
	case errors.As(err, &unknown):
		o.Message = fmt.Sprintf("The certificate of %s is from an authority that the sandbox does not know. Name its CA file, or set insecure_tls for this endpoint.", a.url.Host)
	case errors.As(err, &name):
		o.Message = fmt.Sprintf("The certificate of %s is for other names. Use one of these in the URL, or make a certificate for this one.", a.url.Host)
	case errors.As(err, &bad) && bad.Reason == x509.Expired:
		o.Message = fmt.Sprintf("The certificate of %s has expired, or is not valid yet. Renew it.", a.url.Host)
	case closed(err):
		o.Message = fmt.Sprintf("The receiver at %s closed the connection during the TLS handshake. Check that its port serves TLS, or use http://.", a.url.Host)
	default:
		o.Message = fmt.Sprintf("The TLS handshake with %s failed. %s", a.url.Host, quoted(err))
	}
	return o
}

// hint is what else to know about a receiver that was not reached, after a space.
func (a *attempt) hint() string {
	s, host := a.sender, a.url.Hostname()
	addr, err := netip.ParseAddr(host)
	loopback := localhost(host) != nil || err == nil && addr.Unmap().IsLoopback()
	said := ""
	if s.InContainer && loopback {
		elsewhere := *a.url
		elsewhere.RawQuery = "" // may hold a secret
		elsewhere.Host = "localhost"
		outside := "host.docker.internal"
		if port := a.url.Port(); port != "" {
			elsewhere.Host += ":" + port
			outside += ":" + port
		}
		local := elsewhere.String()
		elsewhere.Host = outside
		said += fmt.Sprintf(" The sandbox runs in a container, and %s is the container itself: use %s for a receiver outside of it, or run \"skystack-sandbox listen --forward-to %s\" there.", host, elsewhere.String(), local)
	}
	if strings.EqualFold(host, "host.docker.internal") {
		said += " Only containers have this name, and on Linux only with --add-host=host.docker.internal:host-gateway; outside of one use localhost."
	}
	if s.Hint != nil {
		if more := s.Hint(host); more != "" {
			said += " " + more
		}
	}
	return said
}

// closed reports whether the other side hung up.
func closed(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE, errHungUp} {
		if errors.Is(err, end) {
			return true
		}
	}
	// net/http keeps these to itself.
	return contains(err, "server closed idle connection", "received from peer", "sent GOAWAY", "client connection lost")
}

// oversized reports whether a header was over its limit, of which net/http has no
// error of its own. HTTP/2 takes a single value over the limit for bad compression.
func oversized(err error) bool {
	return contains(err, "server response headers exceeded", "response header list larger", "COMPRESSION_ERROR")
}

// contains reports whether the text of err has one of the parts.
func contains(err error, parts ...string) bool {
	said := err.Error()
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(said, part) })
}

func timedOut(err error) bool {
	var e net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) && e.Timeout()
}

// quoted is what the system says, which may hold what a receiver sent.
func quoted(err error) string {
	const most = 200
	said := err.Error()
	if contains(err, "readLoopPeekFailLocked") { // net/http's word for it
		said = "it spoke before it was asked"
	}
	if len(said) > most {
		said = said[:most]
	}
	return fmt.Sprintf("(%s)", strings.ToValidUTF8(said, "\uFFFD"))
}
