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
	AuthJWT  = "jwt"  // clients with a signed token
	AuthHTTP = "http" // clients that the platform at AUTH_URL accepts
)

// Values of AUTHZ_MODE.
const (
	ByPublic = "public" // the event is marked public
	ByClaims = "claims" // the token lists the event
	BySQL    = "sql"    // AUTHZ_SQL returns a row that allows it
	ByHTTP   = "http"   // AUTHZ_URL allows it
)

// Access says who may connect and who may watch.
type Access struct {
	Links

	AuthMode           string    `name:"auth-mode" env:"AUTH_MODE" default:"none" enum:"none,jwt,http" help:"Who may connect. none: everybody, on a loopback HTTP_ADDR only unless AUTH_ALLOW_ANONYMOUS; jwt: clients with a signed token; http: clients that AUTH_URL accepts."`
	AuthAllowAnonymous bool      `name:"auth-allow-anonymous" env:"AUTH_ALLOW_ANONYMOUS" help:"With AUTH_MODE=none, serve everybody even if HTTP_ADDR is not a loopback address or requests come through a proxy."`
	AuthTokenCookie    string    `name:"auth-token-cookie" env:"AUTH_TOKEN_COOKIE" default:"pitwall_token" help:"Cookie that may hold the token."`
	AuthURL            SecretURL `name:"auth-url" env:"AUTH_URL" placeholder:"URL" help:"With AUTH_MODE=http: requested with the client's Authorization header and cookies. 2xx with a JSON object that has an id accepts the client; 401 and 403 refuse it."`
	AuthURLFile        string    `name:"auth-url-file" env:"AUTH_URL_FILE" help:"File that holds AUTH_URL instead."`
	AuthCookies        []string  `name:"auth-cookies" env:"AUTH_COOKIES" help:"Cookies that are forwarded to AUTH_URL. Unset: none, only Authorization."`
	AuthTimeoutMS      int       `name:"auth-timeout-ms" env:"AUTH_TIMEOUT_MS" default:"5000" range:"10 to 60000" help:"Longest time for one request or query about access, in ms."`
	AuthCacheMS        int       `name:"auth-cache-ms" env:"AUTH_CACHE_MS" default:"10000" range:"0 to 3600000" help:"How long an answer of AUTH_URL, AUTHZ_URL or AUTHZ_SQL that allows is cached, in ms; at most half of AUTH_RECHECK_MS. A denial: at most 2000."`
	AuthRecheckMS      int       `name:"auth-recheck-ms" env:"AUTH_RECHECK_MS" default:"60000" range:"50 to 86400000" help:"How often open sessions are checked again, in ms. Also at once when the database notifies pitwall_access."`
	AuthGraceMS        int       `name:"auth-grace-ms" env:"AUTH_GRACE_MS" default:"300000" range:"0 to 86400000" help:"How long sessions of this process stay open while access cannot be checked, in ms. Never after their token has expired, a revocation or a denial."`
	AuthRefreshMS      int       `name:"auth-refresh-ms" env:"AUTH_REFRESH_MS" default:"10000" range:"50 to 86400000" help:"How often public events and revocations are read, in ms. Also at once when the database notifies."`

	JWTPublicKeyFile string    `name:"jwt-public-key-file" env:"JWT_PUBLIC_KEY_FILE" help:"File of public keys for RS256, ES256 or EdDSA: PEM or a JSON Web Key Set."`
	JWKSURL          SecretURL `name:"jwks-url" env:"JWKS_URL" placeholder:"URL" help:"JSON Web Key Set, over https or on loopback. Fetched at start, every JWKS_REFRESH_MS, and when a token names an unknown key."`
	JWKSURLFile      string    `name:"jwks-url-file" env:"JWKS_URL_FILE" help:"File that holds JWKS_URL instead."`
	JWKSRefreshMS    int       `name:"jwks-refresh-ms" env:"JWKS_REFRESH_MS" default:"300000" range:"1000 to 86400000" help:"How often JWKS_URL is fetched, in ms."`
	JWTIssuer        string    `name:"jwt-issuer" env:"JWT_ISSUER" help:"Required value of iss. Unset: any."`
	JWTAudience      string    `name:"jwt-audience" env:"JWT_AUDIENCE" help:"Required value of aud. Unset: any."`
	JWTLeewayMS      int       `name:"jwt-leeway-ms" env:"JWT_LEEWAY_MS" default:"5000" range:"0 to 300000" help:"Tolerated difference between clocks, in ms: for exp, nbf and iat, and for the end of sessions."`

	AuthzMode    []string  `name:"authz-mode" env:"AUTHZ_MODE" values:"public,claims,sql,http" help:"Who may watch an event; one entry that allows is enough: public (marked in pitwall_events), claims (listed in the token's events), sql (AUTHZ_SQL), http (AUTHZ_URL). Unset: with AUTH_MODE=none everybody may watch everything; otherwise claims, plus sql and http if AUTHZ_SQL and AUTHZ_URL are set."`
	AuthzURL     SecretURL `name:"authz-url" env:"AUTHZ_URL" placeholder:"URL" help:"Requested with ?user=…&event=…: 204 or {\"allowed\":true} allows; 401, 403, 404 or {\"allowed\":false} denies."`
	AuthzURLFile string    `name:"authz-url-file" env:"AUTHZ_URL_FILE" help:"File that holds AUTHZ_URL instead."`
	AuthzSQL     Secret    `name:"authz-sql" env:"AUTHZ_SQL" help:"Query with the user as $1 and the event as $2, both text. A row whose first column is true or a number other than 0 allows. A column of any other type, text included, is refused at start: use SELECT true. Unset: membership in pitwall_members."`
	AuthzSQLFile string    `name:"authz-sql-file" env:"AUTHZ_SQL_FILE" help:"File that holds AUTHZ_SQL instead."`

	AllowedOrigins []string `name:"allowed-origins" env:"ALLOWED_ORIGINS" help:"Origins whose pages may connect, besides the page's own: https://maps.example, or maps.example for the same. Pages over http need http:// here, except on localhost. *: all."`
}

// Decisions returns AUTHZ_MODE, or what it means when it is unset.
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

// Cookies returns AUTH_COOKIES without the spaces around them.
func (c *Access) Cookies() []string { return trimmed(c.AuthCookies) }

// Origins returns ALLOWED_ORIGINS, which Validate has checked.
func (c *Access) Origins() origin.List {
	list, _ := origin.ParseList(c.AllowedOrigins)
	return list
}

// Keys are the secrets and keys that tokens are verified with.
type Keys struct {
	Token []byte // JWT_SECRET; empty for none
	Link  []byte // LINK_SECRET, otherwise JWT_SECRET; empty for none
	// PreviousLink is LINK_SECRET_PREVIOUS, with which links are verified and never
	// signed; empty for none.
	PreviousLink []byte
	Public       []byte // the content of JWT_PUBLIC_KEY_FILE; nil for none
}

// ReadKeys returns the secrets and keys, from their files if they are in files. The
// error names each setting that is wrong.
func (c *Access) ReadKeys() (k Keys, err error) {
	var errs [4]error
	k.Token, errs[0] = readSecret("JWT_SECRET", c.JWTSecret, c.JWTSecretFile)
	k.Link = k.Token
	if c.hasLinkSecret() {
		k.Link, errs[1] = readSecret("LINK_SECRET", c.LinkSecret, c.LinkSecretFile)
	}
	if c.hasPreviousLinkSecret() {
		k.PreviousLink, errs[3] = readSecret("LINK_SECRET_PREVIOUS", c.LinkSecretPrevious, c.LinkSecretPreviousFile)
	}
	if c.JWTPublicKeyFile != "" {
		k.Public, errs[2] = readFile("JWT_PUBLIC_KEY_FILE", c.JWTPublicKeyFile)
	}
	return k, errors.Join(errs[:]...)
}

// Check reads the secrets that are in files, and checks these settings alone, as
// Validate does for a whole Config.
func (c *Access) Check() error {
	if err := ReadFiles(c); err != nil {
		return err
	}
	return errors.Join(checkRanges(c), c.validate())
}

func (c *Access) validate() error {
	var errs []error
	known := []string{ByPublic, ByClaims, BySQL, ByHTTP}
	for _, by := range trimmed(c.AuthzMode) {
		errs = append(errs, refuseIf(!slices.Contains(known, by), "AUTHZ_MODE has %q, allowed are %s", by, strings.Join(known, ", ")),
			refuseIf(c.AuthMode == AuthNone && by != ByPublic, "AUTHZ_MODE has %q, which needs AUTH_MODE=jwt or http: users are unknown without it", by))
	}
	by := c.Decisions()
	_, originsErr := origin.ParseList(c.AllowedOrigins)
	noKey := c.JWTSecret == "" && c.JWTSecretFile == "" && c.JWTPublicKeyFile == "" && c.JWKSURL == ""
	return errors.Join(append(errs,
		refuseIf((c.AuthURL != "") != (c.AuthMode == AuthHTTP), "AUTH_URL and AUTH_MODE=http must be set together"),
		refuseIf((c.AuthzURL != "") != slices.Contains(by, ByHTTP), "AUTHZ_URL and http in AUTHZ_MODE must be set together"),
		refuseIf(c.AuthzSQL != "" && !slices.Contains(by, BySQL), "AUTHZ_SQL is set, which needs sql in AUTHZ_MODE"),
		checkURL("AUTH_URL", c.AuthURL, false), checkURL("AUTHZ_URL", c.AuthzURL, false), checkURL("JWKS_URL", c.JWKSURL, true),
		refuseIf(originsErr != nil, "ALLOWED_ORIGINS has an invalid entry: %w; allowed are origins, hosts, and *", originsErr),
		refuseIf(c.AuthMode == AuthJWT && noKey, "AUTH_MODE is jwt, which needs JWT_SECRET, JWT_SECRET_FILE, JWT_PUBLIC_KEY_FILE or JWKS_URL"),
		c.Links.validate())...)
}

// checkURL checks the URL of a setting, which may be unset.
func checkURL(name string, u SecretURL, private bool) error {
	if u == "" {
		return nil
	}
	if err := endpoint.Check(string(u), private); err != nil {
		return fmt.Errorf("%s is %w", name, err)
	}
	return nil
}
