package origin

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"testing"
)

func TestOwnHost(t *testing.T) {
	v4 := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9090}
	v6 := &net.TCPAddr{IP: net.IPv6loopback, Port: 9090}
	for _, c := range []struct {
		host string
		at   net.Addr
		want bool
	}{
		{"", v4, true}, {"127.0.0.1", v4, true}, {"127.0.0.1:9090", v4, true}, {"[::ffff:127.0.0.1]", v4, true},
		{"127.0.0.1:8000", v4, true}, // through a tunnel, such as ssh -L
		{"[::1]:9090", v6, true}, {"[::1]", v6, true}, {"[0:0::1]:1", v6, true},
		{"localhost", v4, true}, {"LocalHost:9090", v6, true}, {"localhost.:9090", v4, true},
		{"192.168.1.5:9090", v4, false}, {"203.0.113.9", v4, false}, {"127.0.0.2", v4, false}, {"[::1]", v4, false}, {"127.0.0.1", v6, false},
		{"evil.example", v4, false}, {"evil.example:9090", v4, false}, {"localhost.evil.example", v4, false},
		{"127.0.0.1.evil.example:9090", v4, false}, {"127.1:9090", v4, false}, {"[evil]:1", v4, false}, {"2130706433", v4, false},
		{"localhost", &net.UnixAddr{Name: "/x"}, true}, {"127.0.0.1", &net.UnixAddr{Name: "/x"}, false},
	} {
		if got := OwnHost(c.host, c.at); got != c.want {
			t.Errorf("OwnHost(%q, %v) = %v", c.host, c.at, got)
		}
	}
}

func TestForwarded(t *testing.T) {
	for header, want := range map[string]bool{
		"X-Forwarded-For": true, "X-Forwarded-Port": true, "Forwarded": true, "Via": true, "X-Real-IP": true, "X-Original-URI": true,
		"CF-Connecting-IP": true, "cf-ray": true, "True-Client-IP": true, "X-Envoy-External-Address": true, "X-Client-IP": true,
		"Fastly-Client-IP": true, "Fly-Client-IP": true, "CDN-Loop": true, "X-Amzn-Trace-Id": true, "X-Azure-ClientIP": true,
		"Client-IP": true, "WL-Proxy-Client-IP": true, "Proxy-Client-IP": true, "DO-Connecting-IP": true, "Incap-Client-IP": true,
		"CloudFront-Viewer-Address": true, "X-Vercel-Id": true, "X-NF-Client-Connection-IP": true, "X-Sucuri-ClientIP": true,
		"X-Nginx-Proxy": true, "X-Remote-IP": true, "Front-End-Https": true, "X-Url-Scheme": true,
		"Max-Forwards": true, "X-Cloud-Trace-Context": true, "X-Cluster-Client-Ip": true,
		"": false, "Accept": false, "User-Agent": false, "Authorization": false, "Sec-Fetch-Site": false, "Upgrade-Insecure-Requests": false,
		"X-Requested-With": false, "Origin": false, "Cookie": false, "Cache-Control": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if header != "" {
			r.Header.Set(header, "")
		}
		if got := Forwarded(r); got != want {
			t.Errorf("a request with %q: %v, want %v", header, got, want)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Proto, r.ProtoMinor = "HTTP/1.0", 0
	if !Forwarded(r) {
		t.Error("HTTP/1.0 does not count as forwarded")
	}
}

func TestSecure(t *testing.T) {
	for _, c := range []struct {
		name         string
		tls, trusted bool
		proto        []string
		want         bool
	}{
		{"plain", false, false, nil, false},
		{"over TLS", true, false, nil, true},
		{"over TLS, with a forged header", true, false, []string{"http"}, true},
		{"a proxy has ended TLS", false, true, []string{"https"}, true},
		{"two proxies, the first has ended TLS", false, true, []string{"HTTPS, http"}, true},
		{"two lines", false, true, []string{"http", "wss"}, true},
		{"a proxy with a client over plain HTTP", false, true, []string{"http"}, false},
		{"a forged header", false, false, []string{"https"}, false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		for _, p := range c.proto {
			r.Header.Add("X-Forwarded-Proto", p)
		}
		if got := Secure(r, c.trusted); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestFromRequest(t *testing.T) {
	for _, c := range []struct {
		values  []string
		present bool
		want    string
	}{
		{nil, false, ""}, {[]string{"https://a.example"}, true, "https://a.example"},
		{[]string{""}, true, ""}, {[]string{"null"}, true, ""}, {[]string{"https://a.example", "https://b.example"}, true, ""},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		for _, v := range c.values {
			r.Header.Add("Origin", v)
		}
		o, present, err := FromRequest(r)
		if present != c.present || (err == nil && present) != (c.want != "") || c.want != "" && o.String() != c.want {
			t.Errorf("%q: %v, %v, %v", c.values, o, present, err)
		}
	}
}
