package access

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestKeyFiles(t *testing.T) {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotAfter: time.Now().Add(time.Hour)}
	cert := must(x509.CreateCertificate(rand.Reader, template, template, ecKey().Public(), ecKey()))
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	pub := func(kid string, k any, more ...string) jose.JSONWebKey {
		j := jose.JSONWebKey{Key: k, KeyID: kid}
		if len(more) > 0 {
			j.Use = more[0]
		}
		if len(more) > 1 {
			j.Algorithm = more[1]
		}
		return j
	}
	for _, c := range []struct {
		name string
		file string
		want string // "kid:alg kid:alg", or "!" and a part of the error
	}{
		{"PKIX", string(publicPEM(rsaKey().Public(), edKey().Public())), ":RS256 :EdDSA"},
		{"PKCS 1", string(block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey))), ":RS256"},
		{"a certificate", string(block("CERTIFICATE", cert)), ":ES256"},
		{"a private key", string(block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(ecKey())))), "!PRIVATE KEY"},
		{"a short RSA key", string(publicPEM(&must(rsa.GenerateKey(rand.Reader, 1024)).PublicKey)), "!1024 bits"},
		{"nothing", "", "!0 public keys"},
		{"a broken block", string(block("PUBLIC KEY", []byte("x"))), "!"},
		{"a set", jwksOf(pub("a", rsaKey().Public()), pub("b", ecKey().Public(), "sig", "ES256"), pub("c", edKey().Public())), "a:RS256 b:ES256 c:EdDSA"},
		{"keys for other uses are ignored", jwksOf(pub("a", rsaKey().Public(), "enc"), pub("b", rsaKey().Public(), "sig", "PS256"), pub("c", ecKey().Public())), "c:ES256"},
		{"secrets and private keys are ignored", jwksOf(pub("a", secret), pub("b", rsaKey()), pub("c", ecKey().Public())), "c:ES256"},
		{"a key of an unknown type", `{"keys":[{"kty":"XYZ"},` + string(must(pub("c", ecKey().Public()).MarshalJSON())) + `]}`, "c:ES256"},
		{"a single key", string(must(pub("a", ecKey().Public()).MarshalJSON())), "a:ES256"},
		{"an empty set", `{"keys":[]}`, "!no public key"},
		{"a set of secrets", jwksOf(pub("a", secret)), "!no public key"},
		{"too many keys", `{"keys":[` + strings.Repeat("{},", maxKeys) + `{}]}`, "!65 keys"},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys, err := ParseKeys([]byte(c.file))
			if why, bad := strings.CutPrefix(c.want, "!"); bad {
				if err == nil || !strings.Contains(err.Error(), why) {
					t.Errorf("got %v, %v; want an error with %q", keys, err, why)
				}
				return
			}
			var got []string
			for _, k := range keys {
				got = append(got, k.id+":"+string(k.alg))
			}
			if err != nil || strings.Join(got, " ") != c.want {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}
