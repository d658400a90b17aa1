package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/endpoint"
	"pitwall/engine/internal/pace"
)

// Values of Options.Mode: how clients are authenticated (AUTH_MODE).
const (
	ModeNone = "none"
	ModeJWT  = "jwt"
	ModeHTTP = "http"
)

// Channel is the database's notification channel for changes of access (contract 2).
const Channel = "pitwall_access"

// Options are the settings and dependencies of a Guard. Times must be positive.
type Options struct {
	Mode        string // ModeNone, ModeJWT or ModeHTTP
	JWT         JWTOptions
	TokenCookie string   // cookie that may hold the token; "": none
	URL         string   // ModeHTTP: requested to authenticate a client
	Cookies     []string // ModeHTTP: cookies that are forwarded to URL
	Decide      []string // By…; empty: everybody may watch everything
	DecideURL   string   // ByHTTP: requested to authorise a subscribe
	SQL         string   // BySQL; "": membership in pitwall_members
	LinkSecret  []byte   // of share links; empty: there are none

	// PreviousLinkSecret also verifies share links; empty: none. Needs LinkSecret.
	PreviousLinkSecret []byte

	Timeout time.Duration // of one request to the platform, the server of the keys or the database
	Cache   time.Duration // how long an answer that allows is cached
	Refresh time.Duration // interval at which the lists are read
	Grace   time.Duration // how long the public events stay in force if they cannot be read

	Store    Store
	Sessions int    // number of connections of Store; subscribes use at most half; 0: no limit
	Slots    Slots  // may be nil without LinkSecret
	Changed  func() // called when sessions must be checked again; it must not block
	Logger   *slog.Logger
	Metrics  *metrics.Set
}

// authenticator identifies the user of a credential. It returns errRefused for an
// invalid one, and another error if it cannot check it. via sends the requests to the
// platform.
type authenticator interface {
	authenticate(ctx context.Context, via *client, c credential) (*Identity, error)
}

// Guard decides who may connect and who may watch.
type Guard struct {
	o          Options
	meters     meters
	clients    clients
	set        *keySet       // nil without JWKS
	auth       authenticator // nil in ModeNone
	links      *links        // nil without links
	slots      *slotKeeper   // nil without links
	lists      *lists
	authz      *platformAuthz
	identities *cache[*Identity]
	verified   *cache[*Identity] // tokens with a valid signature
	decisions  *cache[bool]
	faultLog   pace.LogLimiter
	delayed    []string           // delayed events that were logged last; used only by the goroutine of refresh
	quit       context.CancelFunc // cancels all requests
	refreshNow pace.Signal        // set by notifications
}

// New makes a Guard. The error names the setting that is wrong. Call Open next, and
// then Run.
func New(o Options) (*Guard, error) {
	life, quit := context.WithCancel(context.Background())
	g := &Guard{
		o: o, clients: newClients(o.Timeout, o.Sessions), lists: &lists{store: o.Store}, quit: quit,
		identities: newCache[*Identity](life, o.Timeout), verified: newCache[*Identity](life, o.Timeout), decisions: newCache[bool](life, o.Timeout),
		refreshNow: pace.NewSignal(),
	}
	g.o.Decide = slices.Clone(o.Decide)
	g.meters.register(o.Metrics)
	slices.SortStableFunc(g.o.Decide, func(a, b string) int { return slices.Index(byCost, a) - slices.Index(byCost, b) })
	if err := g.setMode(); err != nil {
		return nil, err
	}
	if slices.Contains(o.Decide, ByHTTP) {
		u, err := url.Parse(o.DecideURL)
		if err != nil || endpoint.Check(o.DecideURL, false) != nil {
			return nil, errors.New("AUTHZ_URL is not an http or https URL")
		}
		g.authz = &platformAuthz{url: u}
	}
	if len(o.LinkSecret) > 0 {
		g.links = &links{leeway: o.JWT.Leeway}
		if err := g.links.setSecrets(o.LinkSecret, o.PreviousLinkSecret); err != nil {
			return nil, fmt.Errorf("LINK_SECRET: %w", err)
		}
		g.slots = newSlotKeeper(o.Slots, o.Logger)
	}
	return g, nil
}

// setMode makes the authenticator of the mode.
func (g *Guard) setMode() (err error) {
	switch g.o.Mode {
	case ModeNone:
	case ModeJWT:
		if g.o.JWT.KeySetURL != "" {
			if err := endpoint.Check(g.o.JWT.KeySetURL, true); err != nil {
				return fmt.Errorf("JWKS_URL is %w", err)
			}
			g.set = newKeySet(g.o.JWT.KeySetURL, g.clients.connect, g.o.JWT.Refresh, g.o.Logger, g.verified.flush)
		}
		if g.auth, err = newVerifier(g.o.JWT, g.set); err != nil {
			return err
		}
	case ModeHTTP:
		if err := endpoint.Check(g.o.URL, false); err != nil {
			return fmt.Errorf("AUTH_URL is %w", err)
		}
		g.auth = &platformAuth{url: g.o.URL, cache: g.identities, ttl: g.o.Cache}
	default:
		return fmt.Errorf("AUTH_MODE is %q, allowed are none, jwt and http", g.o.Mode)
	}
	return nil
}

// Open fetches the keys, reads the lists, and checks the query of AUTHZ_SQL.
func (g *Guard) Open(ctx context.Context) error {
	if g.set != nil {
		if err := g.set.fetch(ctx); err != nil {
			return err
		}
	}
	if _, err := g.refresh(ctx); err != nil {
		return err
	}
	if !slices.Contains(g.o.Decide, BySQL) {
		return nil
	}
	err := g.o.Store.CheckQuery(ctx, g.o.SQL)
	if err == nil {
		_, err = g.o.Store.MayWatch(ctx, g.o.SQL, "", "")
	}
	if err != nil {
		return fmt.Errorf("check the query of AUTHZ_SQL: %w", err)
	}
	return nil
}

// Run refreshes the keys and the lists until ctx ends.
func (g *Guard) Run(ctx context.Context) error {
	defer g.clients.close()
	defer g.quit()
	var own sync.WaitGroup
	if g.set != nil {
		own.Go(func() { g.set.run(ctx) })
	}
	if g.slots != nil {
		own.Go(func() { g.slots.run(ctx) })
	}
	own.Go(func() { g.followNotifications(ctx) })
	g.refreshLoop(ctx)
	own.Wait()
	return nil
}

// Tokens reports whether any client can authenticate, with a token or otherwise.
func (g *Guard) Tokens() bool { return g.auth != nil || g.links != nil }

// Close cancels the requests in progress. Later ones fail, so that no client is
// accepted any more.
func (g *Guard) Close() {
	g.quit()
	g.clients.close()
}

// Authenticate identifies the client of a request. It returns an *Identity and 0, or
// 401 for an invalid credential, 429 for a share link whose connections are all taken,
// and 503 if the platform or Redis does not answer.
func (g *Guard) Authenticate(r *http.Request) (who any, status int) {
	id, err := g.identify(r)
	if err == nil && id.maxConnections > 0 {
		var s *slot
		s, err = g.slots.take(r.Context(), id.token, id.maxConnections)
		id = id.withSlot(s)
	}
	switch {
	case err == nil:
		g.meters.admitted.Inc()
		return id, 0
	case errors.Is(err, errRefused):
		g.meters.refused.Inc()
		g.countRefusal("to connect", err)
		return nil, http.StatusUnauthorized
	case errors.Is(err, errLinkFull):
		g.meters.linkFull.Inc()
		return nil, http.StatusTooManyRequests
	}
	g.logFault("clients cannot be authenticated", err)
	return nil, http.StatusServiceUnavailable
}

// identify returns the identity of the client of a request.
func (g *Guard) identify(r *http.Request) (*Identity, error) {
	if !g.Tokens() {
		return &Identity{}, nil // credentials are ignored
	}
	c, ok := credentialOf(r, g.o.TokenCookie, g.o.Cookies)
	if !ok {
		return nil, refused(reasonUnreadable, "several Authorization headers, or a credential that is too long")
	}
	return g.resolve(r.Context(), g.clients.connect, c)
}

// resolve returns the identity of a credential. via sends the request to the platform,
// if one is needed.
func (g *Guard) resolve(ctx context.Context, via *client, c credential) (id *Identity, err error) {
	switch {
	case !c.fitsHeader():
		return nil, refused(reasonUnreadable, "a token or cookie that is too long, or has characters that no header may have")
	case g.o.Mode == ModeJWT && c.token != "", g.isLink(c):
		id, err = g.verifyCached(c.token, func(ctx context.Context) (*Identity, error) {
			if g.isLink(c) {
				return g.links.authenticate(ctx, c)
			}
			return g.auth.authenticate(ctx, via, c)
		})
	case g.auth == nil:
		return &Identity{}, nil
	default:
		id, err = g.auth.authenticate(ctx, via, c)
	}
	if err == nil {
		err = g.valid(id, time.Now())
	}
	if err != nil {
		return nil, err
	}
	return id, nil
}

// isLink reports whether a credential is that of a share link, if there are any.
func (g *Guard) isLink(c credential) bool { return g.links != nil && isLink(c.token) }

// valid returns errRefused if an identity has expired or was revoked.
func (g *Guard) valid(id *Identity, now time.Time) error {
	switch {
	case !id.expires.IsZero() && !id.expires.After(now):
		return refused(reasonExpired, "")
	case id.token != "" && g.lists.current().revoked[id.token]:
		return refused(reasonRevoked, "")
	}
	return nil
}
