package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/oauth2"
)

// deviceGrant is the grant type of RFC 8628, section 3.4.
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

const (
	pollEvery = 5 * time.Second // where the server does not tell (RFC 8628, section 3.2), and by how much slow_down slows
	pollMost  = 5 * time.Minute
	codeLife  = time.Hour // how long a code is waited for at most
)

// ByDevice has the person type a code on a page of the provider's, and waits for their consent (RFC 8628). An error that wraps ErrDenied says
// that they said no.
func (c *Consent) ByDevice(ctx context.Context) (Granted, error) {
	g, err := c.byDevice(ctx)
	if err != nil {
		return Granted{}, fmt.Errorf("ask for consent: %w", err)
	}
	return g, nil
}

func (c *Consent) byDevice(ctx context.Context) (Granted, error) {
	if err := c.ready(); err != nil {
		return Granted{}, err
	}
	if c.DeviceURL == "" {
		return Granted{}, errors.New("the provider has no page for device codes")
	}
	d, err := c.deviceCode(ctx)
	if err != nil {
		return Granted{}, err
	}
	// The library moves the end to its own clock's time.
	ends := c.Now().Add(min(max(time.Until(d.Expiry), 0), codeLife))
	if d.Expiry.IsZero() {
		ends = c.Now().Add(codeLife)
	}
	every := time.Duration(min(d.Interval, 3600)) * time.Second
	if d.Interval <= 0 {
		every = pollEvery
	}
	for {
		every = min(every, pollMost)
		if c.Now().Add(every).After(ends) {
			return Granted{}, errors.New("the code ran out before it was used: ask for another one")
		}
		if err := c.Wait(ctx, every); err != nil {
			return Granted{}, err
		}
		g, err := c.exchange(ctx, deviceGrant, map[string]string{"device_code": d.DeviceCode})
		if err == nil || ctx.Err() != nil {
			return g, err
		}
		switch codeOf(err) { // RFC 8628, section 3.5
		case "authorization_pending":
		case "slow_down":
			every += pollEvery
		case "access_denied", "authorization_declined": // the latter is Microsoft's
			return Granted{}, denied("")
		case "expired_token":
			return Granted{}, errors.New("the code ran out before it was used: ask for another one")
		default:
			if !mayPass(err) {
				return Granted{}, sayable(err)
			}
			every *= 2
		}
	}
}

// deviceCode asks for a code and tells the person where to type it.
func (c *Consent) deviceCode(ctx context.Context) (*oauth2.DeviceAuthResponse, error) {
	o := oauth2.Config{ClientID: c.ClientID, Scopes: c.Scopes, Endpoint: oauth2.Endpoint{DeviceAuthURL: c.DeviceURL}}
	var options []oauth2.AuthCodeOption
	if c.ClientSecret != "" {
		options = append(options, oauth2.SetAuthURLParam("client_secret", c.ClientSecret))
	}
	d, err := o.DeviceAuth(context.WithValue(ctx, oauth2.HTTPClient, c.HTTP), options...)
	if err != nil {
		return nil, sayable(err)
	}
	page, code := clean(d.VerificationURI), clean(d.UserCode)
	u, err := url.Parse(page)
	if err != nil || u.Host == "" || u.Scheme != "https" && checkEndpoint("page", page) != nil || code == "" || d.DeviceCode == "" {
		return nil, errors.New("the server answered with something that is no device code")
	}
	c.Say("Open " + page + " in a browser, on any machine, and type the code " + code)
	if c.Login != "" {
		c.Say("Sign in there as " + c.Login + ".")
	}
	return d, nil
}

// mayPass reports whether asking again may help: the server is away, or says that it can't now.
func mayPass(err error) bool {
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) {
		return answer.Response != nil && (answer.Response.StatusCode >= 500 || answer.Response.StatusCode == 429)
	}
	var away *url.Error
	return errors.As(err, &away)
}
