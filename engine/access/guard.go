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

// Ways to know who connects (AUTH_MODE).
const (
	ModeNone = "none"
	ModeJWT  = "jwt"
	ModeHTTP = "http"
)

// Channel is the notification channel of the database for changes of access
// (contract 2).
const Channel = "pitwall_access"

// Options are what a Guard needs. Times must be positive.
type Options struct {
	Mode        string // ModeNone, ModeJWT or ModeHTTP
	JWT         JWTOptions
	TokenCookie string   // cookie that may hold the token; "": none
	URL         string   // ModeHTTP: who is this?
	Cookies     []string // ModeHTTP: cookies that are forwarded
	Decide      []string // By…; none: everybody may watch everything
	DecideURL   string   // ByHTTP
	SQL         string   // BySQL; "": membership in pitwall_members
	LinkSecret  []byte   // of share links; none: there are no links

	Timeout time.Duration // of one question to the platform, the keys' server or the database
	Cache   time.Duration // how long a yes is kept
	Refresh time.Duration // of the lists
	Grace   time.Duration // how long public events are good without the database

	Store    Store
	Sessions int    // connections of Store; what clients want takes half of them at most. 0: any number
	Slots    Slots  // may be nil without LinkSecret
	Changed  func() // called when sessions must be asked about again; it must not block
	Logger   *slog.Logger
	Metrics  *metrics.Set
}

// authenticator identifies a user by a credential. It returns errRefused for unknown
// ones, and any other error if it cannot tell.
type authenticator interface {
	authenticate(ctx context.Context, by *client, c credential) (*Identity, error)
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
	verified   *cache[*Identity] // tokens with a good signature
	decisions  *cache[bool]
	faultLog   pace.LogLimiter
	delayed    []string // delayed events, as last logged; belongs to the goroutine that refreshes
	quit       context.CancelFunc
	refreshNow chan struct{}
}

// New makes a Guard; its error names the setting that is wrong. Open must
// follow, then Run.
func New(o Options) (*Guard, error) {
	life, quit := context.WithCancel(context.Background())
	g := &Guard{
		o: o, clients: newClients(o.Timeout, o.Sessions), lists: &lists{store: o.Store}, quit: quit,
		identities: newCache[*Identity](life, o.Timeout), verified: newCache[*Identity](life, o.Timeout), decisions: newCache[bool](life, o.Timeout),
		refreshNow: make(chan struct{}, 1),
	}
	g.o.Decide = slices.Clone(o.Decide)
	g.meters.register(o.Metrics)
	slices.SortStableFunc(g.o.Decide, func(a, b string) int { return slices.Index(byCost, a) - slices.Index(byCost, b) })
	if err := g.setMode(); err != nil {
		return nil, err
	}
	for _, by := range o.Decide {
		if by != ByHTTP {
			continue
		}
		u, err := url.Parse(o.DecideURL)
		if err = errors.Join(err, endpoint.Check(o.DecideURL, false)); err != nil {
			return nil, errors.New("AUTHZ_URL is no http or https URL")
		}
		g.authz = &platformAuthz{url: u}
	}
	if len(o.LinkSecret) > 0 {
		k, err := linkKey(o.LinkSecret)
		if err != nil {
			return nil, fmt.Errorf("LINK_SECRET: %w", err)
		}
		g.links = &links{key: k, leeway: o.JWT.Leeway}
		g.slots = newSlotKeeper(o.Slots, o.Logger)
	}
	return g, nil
}

func (g *Guard) setMode() error {
	switch g.o.Mode {
	case ModeNone:
	case ModeJWT:
		if g.o.JWT.KeySetURL != "" {
			if err := endpoint.Check(g.o.JWT.KeySetURL, true); err != nil {
				return fmt.Errorf("JWKS_URL is %w", err)
			}
			g.set = newKeySet(g.o.JWT.KeySetURL, g.clients.connect, g.o.JWT.Refresh, g.o.Logger, g.verified.flush)
		}
		v, err := newVerifier(g.o.JWT, g.set)
		if err != nil {
			return err
		}
		g.auth = v
	case ModeHTTP:
		if err := endpoint.Check(g.o.URL, false); err != nil {
			return fmt.Errorf("AUTH_URL is %w", err)
		}
		g.auth = &platformAuth{url: g.o.URL, cache: g.identities, keep: g.o.Cache}
	default:
		return fmt.Errorf("AUTH_MODE is %q, allowed are none, jwt and http", g.o.Mode)
	}
	return nil
}

// Open reads what decisions are made with: keys, lists, and whether the query
// can be asked.
func (g *Guard) Open(ctx context.Context) error {
	if g.set != nil {
		if err := g.set.fetch(ctx); err != nil {
			return err
		}
	}
	if _, err := g.refresh(ctx); err != nil {
		return err
	}
	for _, by := range g.o.Decide {
		if by != BySQL {
			continue
		}
		if err := g.o.Store.CheckQuery(ctx, g.o.SQL); err != nil {
			return fmt.Errorf("check the query of AUTHZ_SQL: %w", err)
		}
		if _, err := g.o.Store.MayWatch(ctx, g.o.SQL, "", ""); err != nil {
			return fmt.Errorf("ask the query of AUTHZ_SQL: %w", err)
		}
	}
	return nil
}

// Run keeps keys and lists fresh until ctx ends.
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
	own.Go(func() { g.listen(ctx) })
	g.watch(ctx)
	own.Wait()
	return nil
}

// Tokens reports whether anybody can be known by a token.
func (g *Guard) Tokens() bool { return g.auth != nil || g.links != nil }

// Close cancels the requests under way. Later ones fail, so nobody is admitted after
// it.
func (g *Guard) Close() { g.quit() }

// Authenticate identifies the sender of a request: 0 and an *Identity, 401 for every
// credential that is not valid, 429 for a share link whose connections are all taken,
// 503 if the platform or Redis cannot be asked.
func (g *Guard) Authenticate(r *http.Request) (who any, status int) {
	id, err := g.identify(r)
	if err == nil && id.maxConnections > 0 {
		id, err = g.takeSlot(r.Context(), id)
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
	g.logFault("nobody can be let in", err)
	return nil, http.StatusServiceUnavailable
}

// errLinkFull: a link has as many connections as it may.
var errLinkFull = errors.New("all connections of the link are taken")

func (g *Guard) identify(r *http.Request) (*Identity, error) {
	if !g.Tokens() {
		return &Identity{}, nil // whatever the request shows
	}
	c, ok := credentialOf(r, g.o.TokenCookie, g.o.Cookies)
	if !ok {
		return nil, refused(reasonUnreadable, "two Authorization headers, or more than is looked at")
	}
	return g.resolve(r.Context(), g.clients.connect, c)
}

// resolve returns who a credential belongs to. by is the client that asks the
// platform, where that is needed.
func (g *Guard) resolve(ctx context.Context, by *client, c credential) (id *Identity, err error) {
	switch {
	case !c.fitsHeader():
		return nil, refused(reasonUnreadable, "a token or cookie with characters that no header may have, or too long")
	case g.auth == nil && (g.links == nil || !isLink(c.token)):
		return &Identity{}, nil
	case g.o.Mode != ModeHTTP && c.token != "" || g.links != nil && isLink(c.token):
		id, err = g.verifyCached(c.token, func(ctx context.Context) (*Identity, error) {
			if g.links != nil && isLink(c.token) {
				return g.links.authenticate(ctx, c)
			}
			return g.auth.authenticate(ctx, by, c)
		})
	default:
		id, err = g.auth.authenticate(ctx, by, c)
	}
	if err == nil {
		err = g.valid(id, time.Now())
	}
	if err != nil {
		return nil, err
	}
	return id, nil
}

// takeSlot takes one of the connection slots of a link.
func (g *Guard) takeSlot(ctx context.Context, id *Identity) (*Identity, error) {
	taken, err := g.slots.take(ctx, id.token, id.maxConnections)
	if err != nil {
		return nil, err
	}
	if taken == nil {
		return nil, errLinkFull
	}
	own := *id // id is shared by all connections of the link
	own.slot = taken
	return &own, nil
}

// valid returns errRefused if a session has expired or was revoked.
func (g *Guard) valid(id *Identity, now time.Time) error {
	switch {
	case !id.expires.IsZero() && !id.expires.After(now):
		return refused(reasonExpired, "")
	case g.lists.isRevoked(id.token):
		return refused(reasonRevoked, "")
	}
	return nil
}
