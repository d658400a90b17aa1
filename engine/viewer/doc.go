// Package viewer is the page at /: a map on which the dots of an event move.
// It is where a position ends, on a spectator's screen.
//
//	GET /             the page, its scripts and its style, embedded in the binary
//	GET /events.json  the events to choose from
//
// The page speaks the same protocol over /live as any other client, with
// ?batch=1, and asks no other host for anything: there are no map tiles. Its
// scripts are ES modules, one idea each:
//
//	app.js     puts the parts together; window.pitwall for tests and the curious
//	live.js    the connection: reconnect with back-off, subscribe, heartbeat
//	fleet.js   the devices: newest position, trail, moving / stopped / no signal
//	view.js    the projection, pan, zoom and fit; input.js moves it
//	chart.js   the canvas, a frame at a time; grid.js, trails.js, dots.js draw
//	panel.js   everything around the canvas; facts.js what the card says
//
// The fragment names the event, #<event>, or a share link's event and token,
// #event=…&token=…, which the page offers as a subprotocol when it connects.
//
// Browsers keep to themselves why a handshake failed, so the page then asks
// /live by a plain GET: 429 and 5xx are taken at their word, any other answer
// says that the server is there and full, or wants a link or a sign-in.
//
// # Goroutines
//
// None. Handler is safe for concurrent use. List.Set replaces the list of
// events, whose bytes all requests share.
//
// # Caveats
//
// The Content-Security-Policy allows nothing inline, so markup has no style
// attribute and no script of its own. Other sites embed the page only where
// FRAME_ANCESTORS names them. connect-src 'self' covers ws and wss in
// browsers since 2022. Files carry an ETag and are asked for again each time:
// a new version of the binary is a new page at the next load.
package viewer
