// Package chromium lets end-to-end tests look at a page in a real browser. The test
// binary starts one Chromium, without a window. Each Tab has cookies and a cache of its
// own, and is closed with the test. The browser ends with e2etest.Main.
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
