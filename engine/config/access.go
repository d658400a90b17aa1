package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"pitwall/engine/internal/endpoint"
	"pitwall/engine/internal/origin"
)

// Values of AUTH_MODE.
const (
	AuthNone = "none" // everybody may connect
	AuthJWT  = "jwt"  // whoever has a signed token
	AuthHTTP = "http" // whom the platform at AUTH_URL knows
)

// Values of AUTHZ_MODE.
const (
	ByPublic = "public" // the event is marked public
	ByClaims = "claims" // the token names the event
	BySQL    = "sql"    // AUTHZ_SQL returns a row that says yes
	ByHTTP   = "http"   // AUTHZ_URL says yes
)

// Access says who may connect and who may watch.
type Access struct {
	Links

	AuthMode           string    `name:"auth-mode" env:"AUTH_MODE" default:"none" enum:"none,jwt,http" help:"Who may connect. none: everybody, on a loopback HTTP_ADDR only unless AUTH_ALLOW_ANONYMOUS; jwt: whoever has a signed token; http: whom AUTH_URL knows."`
	AuthAllowAnonymous bool      `name:"auth-allow-anonymous" env:"AUTH_ALLOW_ANONYMOUS" help:"With AUTH_MODE=none, serve everybody although HTTP_ADDR is no loopback address or a proxy stands in front."`
	AuthTokenCookie    string    `name:"auth-token-cookie" env:"AUTH_TOKEN_COOKIE" default:"pitwall_token" help:"Cookie that may hold the token."`
	AuthURL            SecretURL `name:"auth-url" env:"AUTH_URL" placeholder:"URL" help:"With AUTH_MODE=http, asked with the client's Authorization and cookies: 2xx with a JSON object that has an id is in, 401 and 403 are out."`
	AuthCookies        []string  `name:"auth-cookies" env:"AUTH_COOKIES" help:"Cookies that are forwarded to AUTH_URL. Unset: none, only Authorization."`
	AuthTimeoutMS      int       `name:"auth-timeout-ms" env:"AUTH_TIMEOUT_MS" default:"5000" range:"10 to 60000" help:"How long one question about access may take, in ms."`
	AuthCacheMS        int       `name:"auth-cache-ms" env:"AUTH_CACHE_MS" default:"10000" range:"0 to 3600000" help:"How long a yes of AUTH_URL, AUTHZ_URL or AUTHZ_SQL is kept, in ms; half of AUTH_RECHECK_MS at most. A no: 2000 at most."`
	AuthRecheckMS      int       `name:"auth-recheck-ms" env:"AUTH_RECHECK_MS" default:"60000" range:"50 to 86400000" help:"How often it is asked again whether a session may go on, in ms. At once when the database notifies pitwall_access."`
	AuthGraceMS        int       `name:"auth-grace-ms" env:"AUTH_GRACE_MS" default:"300000" range:"0 to 86400000" help:"How long sessions of this process stay when nobody can say whether they may, in ms. Never beyond their token, a revocation or a no."`
	AuthRefreshMS      int       `name:"auth-refresh-ms" env:"AUTH_REFRESH_MS" default:"10000" range:"50 to 86400000" help:"How often public events and revocations are read again, in ms. At once when the database notifies."`

	JWTPublicKeyFile string    `name:"jwt-public-key-file" env:"JWT_PUBLIC_KEY_FILE" help:"Public keys for RS256, ES256 or EdDSA: PEM or a JSON Web Key Set."`
	JWKSURL          SecretURL `name:"jwks-url" env:"JWKS_URL" placeholder:"URL" help:"JSON Web Key Set, over https or on loopback. Fetched at start, again and again, and when a token names an unknown key."`
	JWKSRefreshMS    int       `name:"jwks-refresh-ms" env:"JWKS_REFRESH_MS" default:"300000" range:"1000 to 86400000" help:"How often it is fetched, in ms."`
	JWTIssuer        string    `name:"jwt-issuer" env:"JWT_ISSUER" help:"Wanted in iss. Unset: any."`
	JWTAudience      string    `name:"jwt-audience" env:"JWT_AUDIENCE" help:"Wanted in aud. Unset: any."`
	JWTLeewayMS      int       `name:"jwt-leeway-ms" env:"JWT_LEEWAY_MS" default:"5000" range:"0 to 300000" help:"How far clocks may be apart, in ms: for exp, nbf and iat, and for the end of sessions."`

	AuthzMode []string  `name:"authz-mode" env:"AUTHZ_MODE" help:"Who may watch an event, any of public (marked in pitwall_events), claims (named in the token's events), sql (AUTHZ_SQL), http (AUTHZ_URL); one yes is enough. Unset: with AUTH_MODE=none everybody may watch everything, otherwise claims, and sql and http where AUTHZ_SQL and AUTHZ_URL are set."`
	AuthzURL  SecretURL `name:"authz-url" env:"AUTHZ_URL" placeholder:"URL" help:"Asked with ?user=…&event=…: 204 or {\"allowed\":true} is a yes, 401, 403, 404 or {\"allowed\":false} a no."`
	AuthzSQL  Secret    `name:"authz-sql" env:"AUTHZ_SQL" help:"Query with the user as $1 and the event as $2, both text; a row whose first column is true or a number other than 0 is a yes. A column of any other type, text included, is refused at start: use SELECT true. Unset: a look into pitwall_members."`

	AllowedOrigins []string `name:"allowed-origins" env:"ALLOWED_ORIGINS" help:"Origins whose pages may connect, beside the page's own: https://maps.example, or maps.example for the same. Pages over http need http:// here, except on localhost. * for all."`
}

// Decisions is AUTHZ_MODE, or what it stands for when it is unset.
func (c *Access) Decisions() []string {
	if len(c.AuthzMode) > 0 || c.AuthMode == AuthNone {
		return trimmed(c.AuthzMode)
	}
	by := []string{ByClaims}
	if c.AuthzSQL != "" {
		by = append(by, BySQL)
	}
	if c.AuthzURL != "" {
		by = append(by, ByHTTP)
	}
	return by
}

// Cookies are AUTH_COOKIES without the spaces around them.
func (c *Access) Cookies() []string { return trimmed(c.AuthCookies) }

// Origins are ALLOWED_ORIGINS. Validate has parsed them before.
func (c *Access) Origins() origin.List {
	list, _ := origin.ParseList(c.AllowedOrigins)
	return list
}

func (c *Access) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	known := []string{ByPublic, ByClaims, BySQL, ByHTTP}
	for _, by := range trimmed(c.AuthzMode) {
		switch {
		case !slices.Contains(known, by):
			wrong("AUTHZ_MODE has %q, allowed are %s", by, strings.Join(known, ", "))
		case c.AuthMode == AuthNone && by != ByPublic:
			wrong("AUTHZ_MODE has %q, which needs AUTH_MODE=jwt or http: nobody is known by name", by)
		}
	}
	by := c.Decisions()
	if (c.AuthzURL != "") != slices.Contains(by, ByHTTP) {
		wrong("AUTHZ_URL and AUTHZ_MODE=http go together, allowed are both or none")
	}
	if c.AuthzSQL != "" && !slices.Contains(by, BySQL) {
		wrong("AUTHZ_SQL is set, which needs sql in AUTHZ_MODE")
	}
	for _, u := range []struct {
		name    string
		value   SecretURL
		private bool
	}{{"AUTH_URL", c.AuthURL, false}, {"AUTHZ_URL", c.AuthzURL, false}, {"JWKS_URL", c.JWKSURL, true}} {
		if u.value == "" {
			continue
		}
		if err := endpoint.Check(string(u.value), u.private); err != nil {
			wrong("%s is %w", u.name, err)
		}
	}
	if (c.AuthMode == AuthHTTP) != (c.AuthURL != "") {
		wrong("AUTH_URL and AUTH_MODE=http go together, allowed are both or none")
	}
	if _, err := origin.ParseList(c.AllowedOrigins); err != nil {
		wrong("ALLOWED_ORIGINS has an entry that cannot be: %w; allowed are origins, hosts, and *", err)
	}
	noKey := c.JWTSecret == "" && c.JWTSecretFile == "" && c.JWTPublicKeyFile == "" && c.JWKSURL == ""
	if c.AuthMode == AuthJWT && noKey {
		wrong("AUTH_MODE is jwt, which needs JWT_SECRET, JWT_SECRET_FILE, JWT_PUBLIC_KEY_FILE or JWKS_URL")
	}
	return errors.Join(append(errs, c.Links.validate())...)
}
