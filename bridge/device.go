package bridge

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
)

// A device token tells a browser in which a person has signed in before. It permits nothing: it only has the browser's tries counted by
// themselves, so that strangers who use up all tries of an address don't lock its person out.

// deviceSize is a person's ID, as much randomness, and a code over both.
const deviceSize = 16 + 16 + 16

// newDevice makes the token of a browser in which a person signed in.
func (g *Gateway) newDevice(person ID) string {
	b := make([]byte, 32, deviceSize)
	copy(b, person[:])
	rand.Read(b[16:]) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(append(b, g.keys.Sign("device", b)[:16]...))
}

// tries returns the key under which tries for a person are counted: that of the device, if the token is one of this person's, else shared,
// which is everybody's.
func (g *Gateway) tries(kind, shared, device string, person ID) string {
	b, ok := g.openDevice(device, person)
	if !ok {
		return kind + ":" + shared
	}
	return kind + ":" + person.String() + " on " + hex.EncodeToString(b[16:32])
}

// knows reports whether the token is of a browser in which this person signed in before.
func (g *Gateway) knows(device string, person ID) bool {
	_, ok := g.openDevice(device, person)
	return ok
}

func (g *Gateway) openDevice(device string, person ID) ([]byte, bool) {
	b, err := base64.RawURLEncoding.DecodeString(clip(device, 100))
	if err != nil || len(b) != deviceSize || person.IsZero() || ID(b[:16]) != person || !g.keys.Verify("device", b[:32], b[32:]) {
		return nil, false
	}
	return b, true
}
