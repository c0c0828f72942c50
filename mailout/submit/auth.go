package submit

import (
	"errors"

	"github.com/emersion/go-sasl"
)

// signIn runs AUTH with the better of the two mechanisms that a password allows: PLAIN (RFC 4616), or LOGIN where only that is
// offered.
func (c *conn) signIn() error {
	var client sasl.Client
	switch {
	case c.smtp.SupportsAuth(sasl.Plain):
		client = sasl.NewPlainClient("", c.r.c.Username, c.r.c.Password)
	case c.smtp.SupportsAuth(sasl.Login):
		client = &login{answers: []string{c.r.c.Username, c.r.c.Password}}
	default:
		return &Error{Stage: StageAuth, Relay: true, Text: "the relay offers neither AUTH PLAIN nor AUTH LOGIN"}
	}
	if err := c.smtp.Auth(client); err != nil {
		return failure(StageAuth, err)
	}
	return nil
}

// login is the LOGIN mechanism, which no RFC describes: the server asks twice, in words that differ from server to server.
type login struct{ answers []string }

// Start implements sasl.Client.
func (l *login) Start() (string, []byte, error) { return sasl.Login, nil, nil }

// Next implements sasl.Client.
func (l *login) Next([]byte) ([]byte, error) {
	if len(l.answers) == 0 {
		return nil, errors.New("the relay asks for more than a name and a password")
	}
	answer := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(answer), nil
}
