package main

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// keptCertificate is a certificate that is read again once its files have changed, so that a renewal needs no restart.
type keptCertificate struct {
	certFile, keyFile string

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
	k.looked = time.Now()
	changed, err := k.times()
	if err == nil && k.current != nil && changed == k.changed {
		return k.current, nil
	}
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(k.certFile, k.keyFile); err == nil {
			k.current, k.changed = &pair, changed
		}
	}
	if k.current == nil {
		return nil, err
	}
	return k.current, nil
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
