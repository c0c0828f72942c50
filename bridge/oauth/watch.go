package oauth

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// State is how a Source stands.
type State struct {
	Got     time.Time // when a token came last; zero if none did
	Failing time.Time // since when none comes; zero while they do
	Failure error     // why not
	Ends    time.Time // when what tokens are got with runs out, the first of what is known to; zero if nothing is
	What    string    // what runs out then
}

// State returns how the source stands. It asks no server.
func (s *Source) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{Got: s.got, Failing: s.failing, Ends: s.c.SecretExpires}
	if !st.Failing.IsZero() {
		st.Failure = s.failure
	}
	if !st.Ends.IsZero() {
		st.What = s.secretName()
	}
	if !s.ends.IsZero() && (st.Ends.IsZero() || s.ends.Before(st.Ends)) {
		st.Ends, st.What = s.ends, "the consent (refresh token)"
	}
	return st
}

// secretName is what the configuration has a day for.
func (s *Source) secretName() string {
	if s.c.Grant == ServiceAccount {
		return "the service account's key"
	}
	return "the client secret"
}

// Warnings returns, in words, what will end access soon or has ended it, and what to do; nothing if all is well. It asks no server.
func (s *Source) Warnings() []string {
	now := s.c.Now()
	s.mu.Lock()
	failure, expires, ends := s.failure, s.expires, s.ends
	s.mu.Unlock()
	var warnings []string
	if w := runsOut(s.secretName(), "make a new one with the provider and put it into the configuration", s.c.SecretExpires, now); w != "" {
		warnings = append(warnings, w)
	}
	if w := runsOut("the refresh token", "give consent again and put the new one into the configuration", ends, now); w != "" {
		warnings = append(warnings, w)
	}
	switch {
	case failure == nil:
	case now.Before(expires):
		warnings = append(warnings, fmt.Sprintf("the access token works for %s more and can't be renewed: %v", rough(expires.Sub(now)), failure))
	default:
		warnings = append(warnings, fmt.Sprintf("there is no access token: %v", failure))
	}
	return warnings
}

func runsOut(what, advice string, at, now time.Time) string {
	left := at.Sub(now)
	switch {
	case at.IsZero() || left > Notice:
		return ""
	case left <= 0:
		return fmt.Sprintf("%s ran out on %s: %s", what, at.Format(time.DateOnly), advice)
	}
	return fmt.Sprintf("%s runs out on %s, in %s: %s", what, at.Format(time.DateOnly), rough(left), advice)
}

// rough is a span in its greatest unit.
func rough(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return fmt.Sprintf("%d minutes", max(d/time.Minute, 1))
}

// Run renews the token before it runs out, until ctx ends, so that a fault shows while the last one still works. What is wrong is logged: when
// it begins, and once a day as long as it lasts.
func (s *Source) Run(ctx context.Context) error {
	var told int
	var toldAt time.Time
	for {
		_, err := s.Token(ctx)
		if ctx.Err() != nil {
			return nil
		}
		warnings, now := s.Warnings(), s.c.Now()
		if len(warnings) != told || now.Sub(toldAt) >= 24*time.Hour {
			for _, w := range warnings {
				s.c.Log.WarnContext(ctx, "access to a mail server ends, or will", "oauth", s.c.Name, "why", w)
			}
			told, toldAt = len(warnings), now
		}
		timer := time.NewTimer(s.pause(err))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// pause returns how long Run waits.
func (s *Source) pause(err error) time.Duration {
	s.mu.Lock()
	left, failed := s.renew.Sub(s.c.Now()), s.failure != nil
	s.mu.Unlock()
	switch {
	case errors.Is(err, ErrRefused):
		return 15 * time.Minute
	case err != nil || failed:
		return time.Minute
	}
	return min(max(left, time.Second), time.Hour)
}
