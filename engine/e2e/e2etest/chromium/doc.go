// Package chromium lets end-to-end tests look at a page in a real browser. Each
// Tab is a Chromium of its own, without a window, which ends with the test.
//
//	tab := chromium.Open(t, "http://"+e.HTTP+"/")
//	tab.See("the devices", "pitwall.devices === 3")
//	title := chromium.Ask[string](tab, "document.title")
//
// Conditions and expressions are JavaScript. Every wait is for a condition, and
// bounded by e2etest.Patience. Functions fail the test on an error, and must be
// called on the test's goroutine.
//
// It is apart from e2etest because the library is large: tests without a browser
// do not link it.
package chromium
