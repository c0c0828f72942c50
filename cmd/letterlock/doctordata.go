package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"letterlock/bridge"
)

func checkConfiguration(_ context.Context, p *patient) []finding {
	if p.flaw != nil {
		return []finding{fault("", p.flaw, "docs/configuration.md describes every setting")}
	}
	return []finding{good("", "it is complete, for %s", p.config.Domain)}
}

// checkKeys looks whether the keys can be read, and by nobody else.
func checkKeys(ctx context.Context, p *patient) []finding {
	if _, err := p.config.keys(ctx); err != nil {
		advice := "give this user the right to read it, or bring back a copy: without the keys nothing stored can be read"
		if errors.Is(err, fs.ErrNotExist) {
			advice = `set key_file to where it is, or make one with "letterlock init" if nothing is stored yet`
		}
		return []finding{fault("", err, advice)}
	}
	info, err := os.Stat(p.config.KeyFile)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		return []finding{{
			State: stateWarning, What: fmt.Sprintf("other users of this machine may read %s (%v)", p.config.KeyFile, info.Mode().Perm()),
			Advice: "chmod 600 " + p.config.KeyFile,
		}}
	}
	return []finding{good("", "they can be read")}
}

// checkData opens the database, for the checks that follow too.
func checkData(ctx context.Context, p *patient) []finding {
	kept, err := openKept(ctx, p.config, silent(), p.now)
	if err != nil {
		advice := "look whether data and key_file are those that belong together, and whether this user may write there"
		if p.config.Database != "" {
			advice = "look whether PostgreSQL runs, and whether database names it and a user who may sign in"
		}
		return []finding{fault("", err, advice)}
	}
	p.kept = kept
	mode, err := kept.gateway.Mode(ctx, bridge.AsOperator())
	if err != nil {
		return []finding{fault("", err, `run "letterlock check"; if it finds damage, restore a backup`)}
	}
	return []finding{good("", "the database can be read; the mode is %s", mode.Organization)}
}

// checkFiles looks whether the bucket takes files, if there is one.
func checkFiles(ctx context.Context, p *patient) []finding {
	if p.kept == nil || p.kept.bucket == nil {
		return nil
	}
	if err := p.kept.bucket.Check(ctx); err != nil {
		return []finding{fault(p.config.Blobs.Bucket, err, "look at blobs.endpoint, blobs.bucket and the key's permissions: list, get, put and delete")}
	}
	return []finding{good(p.config.Blobs.Bucket, "the bucket can be reached")}
}

// certificateNotice is how long before a certificate's end it is told. Those of ACME are renewed about thirty days before.
const certificateNotice = 14 * 24 * time.Hour

func checkCertificates(_ context.Context, p *patient) []finding {
	var found []finding
	for _, c := range []struct{ section, cert, key, host string }{
		{"smtp", p.config.SMTP.TLSCert, p.config.SMTP.TLSKey, p.config.SMTP.Hostname},
		{"http", p.config.HTTP.TLSCert, p.config.HTTP.TLSKey, ""},
	} {
		if c.cert != "" {
			found = append(found, checkCertificate(c.section, c.cert, c.key, c.host, p.now()))
		}
	}
	return found
}

// checkCertificate looks at one certificate. The host is the name that it must be for, if it is not empty.
func checkCertificate(section, certFile, keyFile, host string, now time.Time) finding {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return fault(section, err, fmt.Sprintf("set %s.tls_cert to the certificate chain and %s.tls_key to its key, both PEM", section, section))
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return fault(section, err, fmt.Sprintf("set %s.tls_cert to a certificate chain", section))
	}
	until := leaf.NotAfter.Format(time.DateOnly)
	switch {
	case now.After(leaf.NotAfter):
		return fault(section, fmt.Errorf("the certificate ran out on %s", until), "renew it; the gateway takes the new one by itself")
	case now.Before(leaf.NotBefore):
		return fault(section, fmt.Errorf("the certificate begins on %s", leaf.NotBefore.Format(time.DateOnly)), "look at this machine's clock")
	case host != "" && leaf.VerifyHostname(host) != nil:
		return fault(section, fmt.Errorf("the certificate is for %s and not for %s", strings.Join(leaf.DNSNames, ", "), host),
			"get one for that name, or set smtp.hostname to the name that the MX record has")
	case leaf.NotAfter.Sub(now) < certificateNotice:
		return finding{
			About: section, State: stateWarning, What: "the certificate runs out on " + until,
			Advice: "renew it; the gateway takes the new one by itself",
		}
	}
	return good(section, "the certificate is good until %s", until)
}
