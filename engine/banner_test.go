package engine

import "testing"

func TestReachable(t *testing.T) {
	for _, c := range []struct{ addr, name, want string }{
		{"127.0.0.1:8080", "", "127.0.0.1:8080"}, {"127.0.0.1:8443", "maps.example", "127.0.0.1:8443"},
		{"0.0.0.0:8080", "", "localhost:8080"}, {"[::]:8080", "", "localhost:8080"}, {"[::]:8443", "maps.example", "maps.example:8443"},
		{"[::1]:8080", "", "[::1]:8080"},
	} {
		if got := reachable(c.addr, c.name); got != c.want {
			t.Errorf("%s, %q: %s, want %s", c.addr, c.name, got, c.want)
		}
	}
}
