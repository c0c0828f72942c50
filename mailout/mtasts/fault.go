package mtasts

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// Certificate reports whether an error is about a certificate that proves nothing.
func Certificate(err error) bool {
	var check *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &check) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}
