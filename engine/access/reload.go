package access

import (
	"errors"
	"fmt"
)

// Secrets are the secrets and keys that can be replaced while a Guard runs.
type Secrets struct {
	Token, Public      []byte // JWTOptions.Secret and JWTOptions.Keys
	Link, PreviousLink []byte // Options.LinkSecret and Options.PreviousLinkSecret
}

// Reload puts other secrets and keys in force for new connections and renewals. Tokens
// are verified again. Sessions that are open go on until their token expires or is
// revoked. Share links cannot be turned on or off. After an error everything stays as
// it is. Any goroutine may call it.
func (g *Guard) Reload(s Secrets) error {
	if (len(s.Link) > 0) != (g.links != nil) {
		return errors.New("the secret of share links (LINK_SECRET, JWT_SECRET) cannot be added or removed without a restart")
	}
	if g.links != nil {
		if err := new(links).setSecrets(s.Link, s.PreviousLink); err != nil {
			return fmt.Errorf("LINK_SECRET: %w", err)
		}
	}
	if v, ok := g.auth.(*verifier); ok {
		if err := v.setKeys(s.Token, s.Public); err != nil {
			return err
		}
	}
	if g.links != nil {
		_ = g.links.setSecrets(s.Link, s.PreviousLink) // checked above
	}
	g.verified.flush()
	return nil
}
