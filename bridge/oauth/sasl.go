package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
)

// Mechanism is the client's side of one SASL authentication with an access token. It has the methods of go-sasl's Client.
type Mechanism struct {
	name    string
	initial string
}

// The names of the mechanisms.
const (
	XOAUTH2     = "XOAUTH2"
	OAUTHBEARER = "OAUTHBEARER"
)

// NewXOAUTH2 returns the mechanism that Microsoft and Google document. The user is the mailbox to open, which with Microsoft 365 may be another's
// than the one whose token it is: a shared mailbox.
func NewXOAUTH2(user, token string) (*Mechanism, error) {
	if strings.ContainsAny(user+token, "\x00\x01") {
		return nil, errors.New("the user name or the token holds a control character")
	}
	return &Mechanism{XOAUTH2, "user=" + user + "\x01auth=Bearer " + token + "\x01\x01"}, nil
}

// NewOAUTHBEARER returns the mechanism of RFC 7628. Addr is host:port of the mail server.
func NewOAUTHBEARER(user, token, addr string) (*Mechanism, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || strings.ContainsAny(user+token+addr, "\x00\x01") {
		return nil, errors.New("the user name, the token or the server's address holds a control character")
	}
	// RFC 5801, section 4: "=" and "," are written otherwise in the name.
	name := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user)
	return &Mechanism{OAUTHBEARER, "n,a=" + name + ",\x01host=" + host + "\x01port=" + port + "\x01auth=Bearer " + token + "\x01\x01"}, nil
}

// Start returns the mechanism's name and its initial response.
func (m *Mechanism) Start() (mechanism string, initial []byte, err error) {
	return m.name, []byte(m.initial), nil
}

// Next is called with the server's challenge, which both mechanisms know only as a JSON object that says why the token was refused. Its
// error ends the authentication; the dummy response that would make the server say so once more is not sent, as the connection ends.
func (m *Mechanism) Next(challenge []byte) (response []byte, err error) {
	var said struct {
		Status string `json:"status"`
		Scope  string `json:"scope"`
	}
	if len(challenge) > 64<<10 || json.Unmarshal(challenge, &said) != nil {
		return nil, &TokenError{}
	}
	return nil, &TokenError{Status: clean(said.Status), Scope: clean(said.Scope)}
}

// TokenError says that a mail server refused a token.
type TokenError struct{ Status, Scope string }

// Error implements error.
func (e *TokenError) Error() string {
	switch {
	case e.Status == "":
		return "the server refuses the access token"
	case e.Scope != "":
		return fmt.Sprintf("the server refuses the access token: status %s, it wants scope %s", e.Status, e.Scope)
	}
	return "the server refuses the access token: status " + e.Status
}
