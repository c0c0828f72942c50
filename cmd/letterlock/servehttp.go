package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// serveHTTP serves, with TLS if the server has a certificate, until ctx ends, then lets what is under way finish for so long.
func serveHTTP(ctx context.Context, s *http.Server, l net.Listener, grace time.Duration) error {
	done := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		err := s.Shutdown(limit)
		if err != nil {
			err = s.Close() // what is not done by now is cut off
		}
		done <- err
	})
	var err error
	if s.TLSConfig != nil {
		err = s.ServeTLS(l, "", "")
	} else {
		err = s.Serve(l)
	}
	if stop() { // it ended by itself
		return err
	}
	if closing := <-done; closing != nil {
		return closing
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
