package engine

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"pitwall/engine/access"
	"pitwall/engine/internal/origin"
)

// LinkConfig is what share links are signed and checked with.
type LinkConfig struct {
	LinkSecret     Secret `name:"link-secret" env:"LINK_SECRET" help:"Secret of share links, 32 bytes or more, alike on all instances. Unset: JWT_SECRET; without that there are no links."`
	LinkSecretFile string `name:"link-secret-file" env:"LINK_SECRET_FILE" help:"File that holds it instead."`
	JWTSecret      Secret `name:"jwt-secret" env:"JWT_SECRET" help:"HS256 secret of 32 bytes or more, for AUTH_MODE=jwt."`
	JWTSecretFile  string `name:"jwt-secret-file" env:"JWT_SECRET_FILE" help:"File that holds it instead."`
}

// AccessConfig says who may connect and who may watch.
type AccessConfig struct {
	LinkConfig

	AuthMode           string    `name:"auth-mode" env:"AUTH_MODE" default:"none" enum:"none,jwt,http" help:"Who may connect. none: everybody, on a loopback HTTP_ADDR only unless AUTH_ALLOW_ANONYMOUS; jwt: whoever has a signed token; http: whom AUTH_URL knows."`
	AuthAllowAnonymous bool      `name:"auth-allow-anonymous" env:"AUTH_ALLOW_ANONYMOUS" help:"With AUTH_MODE=none, serve everybody although HTTP_ADDR is no loopback address or a proxy stands in front."`
	AuthTokenCookie    string    `name:"auth-token-cookie" env:"AUTH_TOKEN_COOKIE" default:"pitwall_token" help:"Cookie that may hold the token."`
	AuthURL            SecretURL `name:"auth-url" env:"AUTH_URL" placeholder:"URL" help:"With AUTH_MODE=http, asked with the client's Authorization and cookies: 2xx with a JSON object that has an id is in, 401 and 403 are out."`
	AuthCookies        []string  `name:"auth-cookies" env:"AUTH_COOKIES" help:"Cookies that are forwarded to AUTH_URL. Unset: none, only Authorization."`
	AuthTimeoutMS      int       `name:"auth-timeout-ms" env:"AUTH_TIMEOUT_MS" default:"5000" help:"How long one question about access may take, in ms."`
	AuthCacheMS        int       `name:"auth-cache-ms" env:"AUTH_CACHE_MS" default:"10000" help:"How long a yes of AUTH_URL, AUTHZ_URL or AUTHZ_SQL is kept, in ms; half of AUTH_RECHECK_MS at most. A no: 2000 at most."`
	AuthRecheckMS      int       `name:"auth-recheck-ms" env:"AUTH_RECHECK_MS" default:"60000" help:"How often it is asked again whether a session may go on, in ms. At once when the database notifies pitwall_access."`
	AuthGraceMS        int       `name:"auth-grace-ms" env:"AUTH_GRACE_MS" default:"300000" help:"How long sessions of this process stay when nobody can say whether they may, in ms. Never beyond their token, a revocation or a no."`
	AuthRefreshMS      int       `name:"auth-refresh-ms" env:"AUTH_REFRESH_MS" default:"10000" help:"How often public events and revocations are read again, in ms. At once when the database notifies."`

	JWTPublicKeyFile string    `name:"jwt-public-key-file" env:"JWT_PUBLIC_KEY_FILE" help:"Public keys for RS256, ES256 or EdDSA: PEM or a JSON Web Key Set."`
	JWKSURL          SecretURL `name:"jwks-url" env:"JWKS_URL" placeholder:"URL" help:"JSON Web Key Set, over https or on loopback. Fetched at start, again and again, and when a token names an unknown key."`
	JWKSRefreshMS    int       `name:"jwks-refresh-ms" env:"JWKS_REFRESH_MS" default:"300000" help:"How often it is fetched, in ms."`
	JWTIssuer        string    `name:"jwt-issuer" env:"JWT_ISSUER" help:"Wanted in iss. Unset: any."`
	JWTAudience      string    `name:"jwt-audience" env:"JWT_AUDIENCE" help:"Wanted in aud. Unset: any."`
	JWTLeewayMS      int       `name:"jwt-leeway-ms" env:"JWT_LEEWAY_MS" default:"5000" help:"How far clocks may be apart, in ms: for exp, nbf and iat, and for the end of sessions."`

	AuthzMode []string  `name:"authz-mode" env:"AUTHZ_MODE" help:"Who may watch an event, any of public (marked in pitwall_events), claims (named in the token's events), sql (AUTHZ_SQL), http (AUTHZ_URL); one yes is enough. Unset: with AUTH_MODE=none everybody may watch everything, otherwise claims, and sql and http where AUTHZ_SQL and AUTHZ_URL are set."`
	AuthzURL  SecretURL `name:"authz-url" env:"AUTHZ_URL" placeholder:"URL" help:"Asked with ?user=…&event=…: 204 or {\"allowed\":true} is a yes, 401, 403, 404 or {\"allowed\":false} a no."`
	AuthzSQL  Secret    `name:"authz-sql" env:"AUTHZ_SQL" help:"Query with the user as $1 and the event as $2, both text; a row whose first column is true or a number other than 0 is a yes. A column of any other type, text included, is refused at start: use SELECT true. Unset: a look into pitwall_members."`

	AllowedOrigins []string `name:"allowed-origins" env:"ALLOWED_ORIGINS" help:"Origins whose pages may connect, beside the page's own: https://maps.example, or maps.example for the same. Pages over http need http:// here, except on localhost. * for all."`
}

// decisions is AUTHZ_MODE, or what it is when it is unset.
func (c *AccessConfig) decisions() []string {
	if len(c.AuthzMode) > 0 || c.AuthMode == access.ModeNone {
		return trimmed(c.AuthzMode)
	}
	by := []string{access.ByClaims}
	if c.AuthzSQL != "" {
		by = append(by, access.BySQL)
	}
	if c.AuthzURL != "" {
		by = append(by, access.ByHTTP)
	}
	return by
}

func (c *AccessConfig) validateAccess() (errs []error) {
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	known := []string{access.ByPublic, access.ByClaims, access.BySQL, access.ByHTTP}
	for _, by := range trimmed(c.AuthzMode) {
		switch {
		case !slices.Contains(known, by):
			wrong("AUTHZ_MODE has %q, allowed are %s", by, strings.Join(known, ", "))
		case c.AuthMode == access.ModeNone && by != access.ByPublic:
			wrong("AUTHZ_MODE has %q, which needs AUTH_MODE=jwt or http: nobody is known by name", by)
		}
	}
	by := c.decisions()
	if (c.AuthzURL != "") != slices.Contains(by, access.ByHTTP) {
		wrong("AUTHZ_URL and AUTHZ_MODE=http go together, allowed are both or none")
	}
	if c.AuthzSQL != "" && !slices.Contains(by, access.BySQL) {
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
		if err := access.CheckURL(string(u.value), u.private); err != nil {
			wrong("%s is %w", u.name, err)
		}
	}
	if (c.AuthMode == access.ModeHTTP) != (c.AuthURL != "") {
		wrong("AUTH_URL and AUTH_MODE=http go together, allowed are both or none")
	}
	if _, err := origin.ParseList(c.AllowedOrigins); err != nil {
		wrong("ALLOWED_ORIGINS has an entry that cannot be: %w; allowed are origins, hosts, and *", err)
	}
	noKey := c.JWTSecret == "" && c.JWTSecretFile == "" && c.JWTPublicKeyFile == "" && c.JWKSURL == ""
	if c.AuthMode == access.ModeJWT && noKey {
		wrong("AUTH_MODE is jwt, which needs JWT_SECRET, JWT_SECRET_FILE, JWT_PUBLIC_KEY_FILE or JWKS_URL")
	}
	return append(errs, c.validateSecrets()...)
}

func (c *LinkConfig) validateSecrets() (errs []error) {
	for _, s := range []struct {
		name   string
		secret Secret
		file   string
	}{{"JWT_SECRET", c.JWTSecret, c.JWTSecretFile}, {"LINK_SECRET", c.LinkSecret, c.LinkSecretFile}} {
		if s.secret != "" && s.file != "" {
			errs = append(errs, fmt.Errorf("%s and %[1]s_FILE are both set, allowed is one of them", s.name))
		}
		if n := len(s.secret); n > 0 && n < 32 {
			errs = append(errs, fmt.Errorf("%s has %d bytes, allowed are 32 or more", s.name, n))
		}
	}
	return errs
}

// secret reads a secret from its file, if that is where it is.
func secret(name string, s Secret, file string) ([]byte, error) {
	if file == "" {
		return []byte(s), nil
	}
	b, err := readSetting(name+"_FILE", file)
	if err != nil {
		return nil, err
	}
	if b = []byte(strings.TrimRight(string(b), "\r\n")); len(b) < 32 {
		return nil, fmt.Errorf("%s_FILE holds %d bytes, allowed are 32 or more", name, len(b))
	}
	return b, nil
}

func readSetting(name, file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the file of %s: %w", name, err)
	}
	return b, nil
}

// jwtSecret returns the secret of tokens, none if there is none.
func (c *LinkConfig) jwtSecret() ([]byte, error) {
	return secret("JWT_SECRET", c.JWTSecret, c.JWTSecretFile)
}

// linkSecret returns the secret of share links, none if there is none.
func (c *LinkConfig) linkSecret() ([]byte, error) {
	if c.LinkSecret == "" && c.LinkSecretFile == "" {
		return c.jwtSecret()
	}
	return secret("LINK_SECRET", c.LinkSecret, c.LinkSecretFile)
}

// prefixes reads a list of addresses and CIDR ranges.
func prefixes(name string, list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	var errs []error
	for _, text := range list {
		text = strings.TrimSpace(text)
		p, err := netip.ParsePrefix(text)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(text); err == nil {
				p = netip.PrefixFrom(a, a.BitLen())
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s has %q, allowed are addresses and ranges like 10.0.0.0/8", name, text))
			continue
		}
		out = append(out, p.Masked())
	}
	return out, errors.Join(errs...)
}
