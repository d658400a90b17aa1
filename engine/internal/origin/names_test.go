package origin

import "testing"

// Entries that no browser sends are refused, so that a typing error is seen at start.
func TestNamesThatNoBrowserSends(t *testing.T) {
	for entry, good := range map[string]bool{
		"https://maps.example": true, "maps.example:8443": true, "localhost:3000": true, "192.0.2.1": true, "[::1]:80": true,
		"capacitor://localhost": true, "maps.example.": true, "https://xn--bcher-kva.example": true,
		"htps://maps.example": false, "wss://maps.example": false, "https://maps..example": false, "https://.example": false,
		"-maps.example": false, "999.1.1.1": false, "maps.example.1": false, "ftp://maps.example": false,
	} {
		if _, err := ParseList([]string{entry}); (err == nil) != good {
			t.Errorf("%s: %v, want it to be accepted: %t", entry, err, good)
		}
	}
}
