package browser

import (
	"fmt"
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/e2etest/chromium"
)

// The card shows whatever a publisher puts into attributes as text, and keeps
// its size.
func TestCard(t *testing.T) {
	s := e2etest.NewStack(t, 3)
	s.Add("device_id", "d-0000", "lat", "48", "lon", "11", "speed", "12", "course", "-90", "attributes",
		`{"battery":{"__bigint":"87"},"odometer":{"__bigint":"123456789012345678901234567890"},"raw":{"__buffer_b64":"AAECAw=="},"door":false}`)
	long := strings.Repeat("wide ", 2000)
	var many strings.Builder
	fmt.Fprintf(&many, `{"battery":{"__buffer_b64":"AAECAw=="},"note":%q`, long)
	for i := range 100 {
		fmt.Fprintf(&many, `,"sensor-%d":%d`, i, i)
	}
	s.Add("device_id", "d-0001", "lat", "48.01", "lon", "11.01", "speed", "0", "attributes", many.String()+"}")
	s.Add("device_id", "d-0002", "lat", "48.02", "lon", "11.02", "attributes",
		`{"battery":[5],"driver":null,"inregions":["Home","Depot"],"io":{"239":{"v":[1,null]}},"toString":{"toString":1},"__proto__":{"toJSON":1},`+
			`"raw":{"__buffer_b64":7,"x":1},"number":{"__bigint":"1","__bigint":"2","x":{}},"nothing":{},"mixed":[{"a":{}}],"deep":`+strings.Repeat("[", 31)+strings.Repeat("]", 31)+`}`)
	tab := chromium.Open(t, "http://"+s.Start().HTTP+"/")
	tab.See("all devices", "pitwall.devices === 3")
	const shown = "document.getElementById('card').innerText"

	findDevice(tab, "0000")
	tab.See("the card of the device that was looked for", "document.getElementById('card-id').textContent === 'd-0000'")
	tab.See("course below zero", shown+".includes('270° W')")
	text := chromium.Ask[string](tab, shown)
	for _, want := range []string{"87 %", "123456789012345678901234567890", "4 bytes", "no"} {
		if !strings.Contains(text, want) {
			t.Errorf("the card does not show %q:\n%s", want, text)
		}
	}

	findDevice(tab, "d-0001")
	tab.See("the card of the other device", "document.getElementById('card-id').textContent === 'd-0001'")
	text += chromium.Ask[string](tab, shown)
	if strings.Contains(text, "[object") || strings.Contains(text, "undefined") {
		t.Errorf("the card shows what is no text:\n%.300s", text)
	}

	// Null, lists and objects are written as JSON.
	findDevice(tab, "d-0002")
	tab.See("the card of the third device", "document.getElementById('card-id').textContent === 'd-0002'")
	nested := chromium.Ask[string](tab, shown)
	for _, want := range []string{"[5]", "none", `["Home","Depot"]`, `{"239":{"v":[1,null]}}`, `{"toString":1}`, `{"toJSON":1}`, `{"__buffer_b64":7,"x":1}`, `[{"a":{}}]`, "[[[[[["} {
		if !strings.Contains(nested, want) {
			t.Errorf("the card does not show %q:\n%s", want, nested)
		}
	}
	if strings.Contains(nested, "[object") || strings.Contains(nested, "undefined") {
		t.Errorf("the card shows what is no text:\n%s", nested)
	}
	findDevice(tab, "d-0001")
	tab.See("the second card once more", "document.getElementById('card-id').textContent === 'd-0001'")
	for _, size := range [][2]int64{{1200, 800}, {390, 700}, {700, 320}} {
		tab.Resize(size[0], size[1])
		tab.See(fmt.Sprintf("card and close button on a screen of %d", size), `(() => {
			const on = (id) => { const b = document.getElementById(id).getBoundingClientRect(); return b.width > 0 && b.top >= 0 && b.bottom <= innerHeight && b.left >= 0 && b.right <= innerWidth; };
			return on('card') && on('card-close') && on('follow');
		})()`)
	}

	findDevice(tab, "nobody")
	tab.See("that no device has this name", "document.getElementById('find').validationMessage.includes('nobody') && document.getElementById('card-id').textContent === 'd-0001'")
	findDevice(tab, "d-0000")
	tab.See("the first card again", "document.getElementById('find').validationMessage === '' && document.getElementById('card-id').textContent === 'd-0000'")
}
