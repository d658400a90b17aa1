package endpoint

import "testing"

// Private URLs use https or a host that is this machine.
func TestCheckPrivate(t *testing.T) {
	for url, want := range map[string]bool{
		"https://id.example/jwks.json": true, "http://127.0.0.1:9/jwks": true, "http://[::1]:9/jwks": true, "http://localhost/jwks": true,
		"http://id.example/jwks.json": false, "http://10.0.0.1/jwks": false, "http://localhost.evil.example/": false, "file:///etc/passwd": false, "": false, "https://": false,
	} {
		if err := Check(url, true); (err == nil) != want {
			t.Errorf("%q: %v, want it accepted: %v", url, err, want)
		}
	}
}
