package mtasts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"sync"
	"time"

	"letterlock/bridge"
)

// Texts asks DNS for TXT records. A *resolver.Resolver does.
type Texts interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// Keeper keeps policies. A *store.DB does.
type Keeper interface {
	// STSPolicy returns bridge.ErrNotFound where none is kept, or one that has expired.
	STSPolicy(ctx context.Context, domain string, now time.Time) (bridge.STSPolicy, error)
	SetSTSPolicy(ctx context.Context, p bridge.STSPolicy) error
}

// Config is what a Client needs. All but Log must be set.
type Config struct {
	Texts  Texts
	Keeper Keeper
	HTTP   http.RoundTripper // makes the connection to the policy's host, and checks its certificate
	Now    func() time.Time
	Log    *slog.Logger
}

// Client knows the policies of domains. It can be used by several goroutines at once.
type Client struct {
	c    Config
	http *http.Client
	life context.Context // ends at Close: a look-up goes on when whoever asked first has gone
	stop context.CancelFunc
	runs sync.WaitGroup

	mu     sync.Mutex
	calls  map[string]*call
	failed map[string]time.Time // when fetching failed last, so that not every mail waits for it
}

const (
	fetchTime = 30 * time.Second // for one fetch; RFC 8461, section 3.3, suggests a minute at most
	retryTime = 5 * time.Minute  // before the next one after a failure, as the same section suggests
	renewTime = 24 * time.Hour   // after which a policy that has not changed is fetched again, so that it does not expire
	maxFailed = 10_000
)

// New returns a Client.
func New(c Config) *Client {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	life, stop := context.WithCancel(context.Background())
	return &Client{
		life: life, stop: stop,
		c: c, calls: map[string]*call{}, failed: map[string]time.Time{},
		http: &http.Client{
			Transport:     c.HTTP,
			Timeout:       fetchTime,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // section 3.3: they must not be followed
		},
	}
}

// Close ends what is under way and waits for it.
func (c *Client) Close() {
	c.mu.Lock()
	c.stop()
	c.mu.Unlock()
	c.runs.Wait()
}

// Finding is what is known about a domain.
type Finding struct {
	Policy Policy
	// Fault is the result-type of RFC 8460, section 4.3, where a policy is announced that could not be had.
	Fault string
}

// call is one look for a policy, for all who ask for it at the same time.
type call struct {
	done    chan struct{}
	finding Finding
}

// Find returns the policy that holds for a domain now. It fails only if ctx ends.
func (c *Client) Find(ctx context.Context, domain string) (Finding, error) {
	domain = canonical(domain)
	c.mu.Lock()
	if err := c.life.Err(); err != nil {
		c.mu.Unlock()
		return Finding{}, err
	}
	under := c.calls[domain]
	if under == nil {
		under = &call{done: make(chan struct{})}
		c.calls[domain] = under
		c.runs.Go(func() { c.run(domain, under) })
	}
	c.mu.Unlock()
	select {
	case <-under.done:
		return under.finding, nil
	case <-ctx.Done():
		return Finding{}, ctx.Err()
	}
}

func (c *Client) run(domain string, under *call) {
	ctx, cancel := context.WithTimeout(c.life, 2*fetchTime)
	defer cancel()
	defer func() {
		c.mu.Lock()
		delete(c.calls, domain)
		c.mu.Unlock()
		close(under.done)
	}()
	under.finding = c.find(ctx, domain)
}

func (c *Client) find(ctx context.Context, domain string) Finding {
	if !isName(domain) {
		return Finding{}
	}
	kept, err := c.c.Keeper.STSPolicy(ctx, domain, c.c.Now())
	if err != nil && !errors.Is(err, bridge.ErrNotFound) {
		c.c.Log.ErrorContext(ctx, "a kept MTA-STS policy can't be read", "error", err)
	}
	have := err == nil
	held := Finding{}
	if have {
		if held.Policy, err = Parse(kept.Text); err != nil {
			have = false // what was kept by a version that read it otherwise
		}
	}
	records, err := c.c.Texts.LookupTXT(ctx, "_mta-sts."+domain)
	id, announced := "", false
	if err == nil {
		id, announced = ParseRecord(records)
	}
	now := c.c.Now()
	if !announced || have && id == kept.ID && now.Before(kept.FetchedAt.Add(min(renewTime, held.Policy.MaxAge/2))) {
		return held
	}
	if c.failedLately(domain, now) {
		return fallback(held, have, "sts-policy-fetch-error")
	}
	text, fault, err := c.fetch(ctx, domain)
	var p Policy
	if err == nil {
		if p, err = Parse(text); err != nil {
			fault = "sts-policy-invalid"
		}
	}
	if err != nil {
		c.noteFailure(domain, now)
		c.c.Log.WarnContext(ctx, "an MTA-STS policy could not be had", "result", fault, "kept", have)
		return fallback(held, have, fault)
	}
	err = c.c.Keeper.SetSTSPolicy(ctx, bridge.STSPolicy{Domain: domain, ID: id, Text: text, FetchedAt: now, ExpiresAt: now.Add(p.MaxAge)})
	if err != nil {
		c.c.Log.ErrorContext(ctx, "an MTA-STS policy was not kept", "error", err)
	}
	return Finding{Policy: p}
}

// fallback is what holds where a new policy can't be had: what was kept.
func fallback(held Finding, have bool, fault string) Finding {
	if have {
		return held
	}
	return Finding{Fault: fault}
}

// fetch gets a policy's text. Its fault is a result-type of RFC 8460.
func (c *Client) fetch(ctx context.Context, domain string) (text, fault string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://mta-sts."+domain+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return "", "sts-policy-fetch-error", err
	}
	r.Header.Set("User-Agent", "Letterlock")
	r.Header.Set("Cache-Control", "no-cache")
	answer, err := c.http.Do(r)
	if err != nil {
		if Certificate(err) {
			return "", "sts-webpki-invalid", err
		}
		return "", "sts-policy-fetch-error", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", "sts-policy-fetch-error", fmt.Errorf("HTTP status %d", answer.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || kind != "text/plain" {
		return "", "sts-policy-invalid", errors.New("it is not text/plain")
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, MaxSize+1))
	if err != nil {
		return "", "sts-policy-fetch-error", err
	}
	if len(b) > MaxSize {
		return "", "sts-policy-invalid", errors.New("it is too large")
	}
	return string(b), "", nil
}

func (c *Client) failedLately(domain string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.failed[domain]
	return ok && now.Before(at.Add(retryTime))
}

func (c *Client) noteFailure(domain string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.failed) >= maxFailed {
		clear(c.failed) // it only spares time
	}
	c.failed[domain] = now
}
