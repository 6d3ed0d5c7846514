package socket

import "fmt"

// Code is the reason in a close frame. 1000..2999 are RFC 6455's and its
// registry's, 4000..4199 mean "come back", 4200..4399 "not without a person".
type Code uint16

// The codes that are sent, or met.
const (
	Normal        Code = 1000
	GoingAway     Code = 1001
	ProtocolError Code = 1002
	NoStatus      Code = 1005 // the peer's close frame named none; never sent
	Abnormal      Code = 1006 // the connection broke without a close frame; never sent
	BadText       Code = 1007
	TooBig        Code = 1009
	Restarting    Code = 1012

	Draining Code = 4001 // this node goes away; another takes over
	TooSlow  Code = 4002 // the peer does not read what it is sent
	Silent   Code = 4003 // nothing was heard for too long
	Full     Code = 4005
	Deaf     Code = 4006 // this node does not hear the others

	Unauthenticated Code = 4201
	Expired         Code = 4202
	Replaced        Code = 4203 // by the same device, or signed out
	Misused         Code = 4205 // well-formed, but not what is spoken here, or too much of it
	ForeignOrigin   Code = 4206
)

// ComesBack reports whether whoever is closed with c should connect again by
// itself. It goes by the range, so that codes of later versions are understood.
func (c Code) ComesBack() bool { return c < 4200 || c > 4399 }

// onWire reports whether an endpoint may put c into a close frame.
func (c Code) onWire() bool {
	switch {
	case c >= 3000 && c <= 4999, c >= 1000 && c <= 1003, c >= 1007 && c <= 1014:
		return true
	}
	return false
}

// failure is why a conversation ends by what the peer has sent.
type failure struct {
	code Code
	why  string
	bye  bool // the peer's own close frame: no fault of it
}

func (f *failure) Error() string {
	if f.bye {
		return fmt.Sprintf("the peer closed with %d %q", f.code, f.why)
	}
	return f.why
}

func violation(code Code, format string, args ...any) error {
	return &failure{code: code, why: fmt.Sprintf(format, args...)}
}
