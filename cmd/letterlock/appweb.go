package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"letterlock/bridge"
	"letterlock/web"
	"letterlock/web/api"
)

// webGrace is how long requests under way may take once the web is to stop.
const webGrace = 20 * time.Second

// addWeb wires the portal and the API.
func (a *app) addWeb() error {
	c := a.config.HTTP
	trusted, err := parseNetworks("http.trusted_proxies", c.TrustedProxies)
	if err != nil {
		return err
	}
	listener, err := proxied("http.proxy_protocol", a.http, c.ProxyProtocol)
	if err != nil {
		return err
	}
	maxFiles := int64(a.config.Message.MaxFiles)
	programs, err := api.New(api.Config{Gateway: a.gateway, MaxFiles: maxFiles, Now: a.now, Log: a.log.With("part", "api")})
	if err != nil {
		return err
	}
	site, err := web.New(web.Config{
		Gateway: a.gateway, Parse: a.parseHeld, API: programs, Sessions: a.db.Sessions(a.now), MaxFiles: maxFiles, Trusted: trusted,
		Location: time.Local, Now: a.now, Log: a.log.With("part", "web"), Ready: a.ready,
	})
	if err != nil {
		return err
	}
	s := web.Server(site, a.log.With("part", "http"))
	if s.TLSConfig, err = a.certificate("http", c.TLSCert, c.TLSKey, "h2", "http/1.1"); err != nil {
		return err
	}
	a.front = append(a.front, part{"web", func(ctx context.Context) error { return serveHTTP(ctx, s, listener, webGrace) }})
	return nil
}

// parseHeld reads a mail that was kept for staff to decide. It was bounded when it came.
func (a *app) parseHeld(r io.Reader) (*bridge.Mail, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read a kept mail: %w", err)
	}
	return parse(raw), nil
}

// ready reports whether the database can be read.
func (a *app) ready(ctx context.Context) error {
	return a.db.View(ctx, func(bridge.Tx) error { return nil })
}
