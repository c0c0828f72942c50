package submit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"letterlock/bridge"
)

// proof judges what a peer showed in a handshake: it returns what that makes of the path, or an error where it proves nothing.
type proof func(tls.ConnectionState) (bridge.Path, error)

// named is the proof by a valid certificate for one of some names, as any client asks for it (RFC 5280, RFC 6125).
func named(config *tls.Config, names ...string) proof {
	return func(state tls.ConnectionState) (bridge.Path, error) {
		err := errors.New("no name to look for")
		for _, name := range names {
			if err = verify(state, config.RootCAs, name, now(config)); err == nil {
				return bridge.PathTLS, nil
			}
		}
		return bridge.PathEncrypted, err
	}
}

// verify checks the peer's chain up to a root, and its name.
func verify(state tls.ConnectionState, roots *x509.CertPool, name string, at time.Time) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the mail server shows no certificate")
	}
	o := x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: at, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(o)
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	return nil
}

func now(config *tls.Config) time.Time {
	if config.Time != nil {
		return config.Time()
	}
	return time.Now()
}

// handshake puts TLS over the connection and returns what the peer proved. Where it must prove something and does not, the handshake
// fails; otherwise TLS with anybody is better than none (RFC 7435).
func handshake(ctx context.Context, g *guarded, w way, within time.Duration) (path bridge.Path, unproven, err error) {
	config := w.tls.Clone()
	config.InsecureSkipVerify = true // VerifyConnection does it, for every handshake
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if path, unproven = w.prove(state); unproven != nil && w.mustProve {
			return unproven
		}
		return nil
	}
	t := tls.Client(g.Conn, config)
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return bridge.PathUnknown, unproven, err
	}
	g.Conn = t
	return path, unproven, nil
}
