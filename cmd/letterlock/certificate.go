package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// keptCertificate is a certificate that is read again once its files have changed, so that a renewal needs no restart.
type keptCertificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	changed [2]time.Time
	current *tls.Certificate
}

// lookEvery is how long a certificate is taken to be unchanged without looking.
const lookEvery = 10 * time.Second

// get implements tls.Config.GetCertificate. A pair that can't be read, such as one that is half written, leaves the old one in use.
func (k *keptCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != nil && time.Since(k.looked) < lookEvery {
		return k.current, nil
	}
	if err := k.read(false); k.current == nil {
		return nil, err
	}
	return k.current, nil
}

// reload reads the files now, whether they changed or not.
func (k *keptCertificate) reload() {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.read(true)
}

// read reads the files if they changed, or must. The lock is held. An error is logged too, if there is an old certificate to go on with.
func (k *keptCertificate) read(must bool) error {
	k.looked = time.Now()
	changed, err := k.times()
	if err == nil && k.current != nil && changed == k.changed && !must {
		return nil
	}
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(k.certFile, k.keyFile); err == nil {
			if k.current != nil && k.log != nil {
				k.log.Info("certificate read again", "file", k.certFile, "until", pair.Leaf.NotAfter)
			}
			k.current, k.changed = &pair, changed
		}
	}
	if err != nil && k.current != nil && k.log != nil {
		k.log.Error("the certificate can't be read, the old one stays in use", "file", k.certFile, "until", k.current.Leaf.NotAfter, "error", err)
	}
	return err
}

func (k *keptCertificate) times() (t [2]time.Time, err error) {
	for i, name := range []string{k.certFile, k.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return t, err
		}
		t[i] = info.ModTime()
	}
	return t, nil
}

// certificate returns the TLS configuration of a server: with the certificate of two files if they are set, or with one that comes by ACME, or nil.
// The protocols are those that are offered by ALPN beside what ACME needs.
func (a *app) certificate(section, certFile, keyFile string, protocols ...string) (*tls.Config, error) {
	if certFile == "" {
		if a.acme != nil {
			return a.acme.tls(protocols...), nil
		}
		return nil, nil
	}
	k := &keptCertificate{certFile: certFile, keyFile: keyFile, log: a.log}
	if _, err := k.get(nil); err != nil {
		return nil, fmt.Errorf("%s.tls_cert and %s.tls_key: %w", section, section, err)
	}
	a.certificates = append(a.certificates, k)
	return &tls.Config{GetCertificate: k.get, MinVersion: tls.VersionTLS12}, nil
}

// followCertificates returns what reads the certificates again when SIGHUP comes, until ctx ends. Without it they are read when a handshake begins
// after their files have changed. From now on the signal does not end the program, not even before anything follows it.
func (a *app) followCertificates() func(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	return func(ctx context.Context) error {
		defer signal.Stop(hangup)
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-hangup:
				for _, k := range a.certificates {
					k.reload()
				}
			}
		}
	}
}
