package access

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Limits of keys.
const (
	minSecret = 32 // bytes of an HS256 secret (RFC 7518, section 3.2)
	minRSA    = 2048
	maxRSA    = 8192 // bits; the time of a verification grows with them
	maxKeys   = 64   // of a set; a token without a kid is verified with each of them
)

// key verifies signatures of one algorithm, whatever the header of a token says. So
// nobody can pass off a public key as an HMAC secret.
type key struct {
	id  string // kid; "": none
	alg jose.SignatureAlgorithm
	pub any
}

// algorithmOf returns the algorithm of a public key.
func algorithmOf(pub any) (jose.SignatureAlgorithm, error) {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSA || n > maxRSA {
			return "", fmt.Errorf("an RSA key of %d bits, allowed are %d to %d", n, minRSA, maxRSA)
		}
		return jose.RS256, nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return "", fmt.Errorf("a key on the curve %s, allowed is P-256", k.Curve.Params().Name)
		}
		return jose.ES256, nil
	case ed25519.PublicKey:
		return jose.EdDSA, nil
	}
	return "", fmt.Errorf("a key of the type %T, allowed are RSA, P-256 and Ed25519", pub)
}

// ParseKeys reads a file of public keys: a JSON Web Key Set, or PEM with one block or
// more of the types PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE. It refuses private
// keys, which are not needed to verify and should not be here.
func ParseKeys(file []byte) ([]key, error) {
	if text := bytes.TrimSpace(file); len(text) > 0 && text[0] == '{' {
		return parseSet(text)
	}
	var keys []key
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		pub, err := parsePEM(block)
		if err != nil {
			return nil, err
		}
		alg, err := algorithmOf(pub)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key{alg: alg, pub: pub})
	}
	if len(keys) == 0 || len(keys) > maxKeys {
		return nil, fmt.Errorf("%d public keys in PEM, allowed are 1 to %d", len(keys), maxKeys)
	}
	return keys, nil
}

func parsePEM(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	}
	return nil, fmt.Errorf("a PEM block %q, allowed are public keys and certificates", block.Type)
}

// parseSet reads a JSON Web Key Set (RFC 7517) or a single key. It skips keys that are
// not for these signatures, because a set may also hold keys for other uses.
func parseSet(text []byte) ([]key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("not a JSON Web Key Set")
	}
	if set.Keys == nil {
		set.Keys = []json.RawMessage{text}
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%d keys, allowed are at most %d", len(set.Keys), maxKeys)
	}
	var keys []key
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) != nil || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
			continue
		}
		alg, err := algorithmOf(k.Key)
		if err != nil || k.Algorithm != "" && k.Algorithm != string(alg) {
			continue
		}
		keys = append(keys, key{id: k.KeyID, alg: alg, pub: k.Key})
	}
	if len(keys) == 0 {
		return nil, errors.New("no public key for RS256, ES256 or EdDSA")
	}
	return keys, nil
}
