// Package viewer is the page at /: a map on which the dots of an event move.
// It is where a position ends, on a spectator's screen.
//
//	GET /             the page, its scripts and its style, embedded in the binary
//	GET /events.json  the events to choose from
//
// The page speaks the same protocol over /live as any other client, with ?batch=1. It
// requests nothing from other hosts: there are no map tiles. Its scripts are ES modules:
//
//	app.js     puts the parts together; window.pitwall is for tests and the console
//	live.js    the connection: reconnect with back-off, subscribe, heartbeat
//	fleet.js   the devices: newest position, trail (trail.js), moving / stopped / no signal
//	view.js    the projection, pan, zoom and fit; input.js moves the view
//	chart.js   the frames of the canvas, drawn by grid.js, trails.js and dots.js
//	panel.js   everything around the canvas; facts.js is the text of the card
//	theme.js   the colours of the canvas
//
// The fragment names the event, #<event>, or a share link's event and token,
// #event=…&token=…, which the page offers as a subprotocol when it connects.
//
// Browsers do not say why a handshake failed, so the page then sends a plain GET to
// /live, which is answered as the handshake would be: 429 means that the server is full,
// 5xx that it is not ready, 401 that it wants a link or a sign-in. Any other answer only
// shows that the server is there.
//
// # Goroutines
//
// None. Handler is safe for concurrent use. List.Set replaces the list of events, whose
// bytes all requests share.
//
// # Caveats
//
// The Content-Security-Policy allows nothing inline, so markup has no style attribute and
// no script of its own. Other sites can embed the page only if FRAME_ANCESTORS names
// them. connect-src 'self' covers ws and wss in browsers since 2022. Files have an ETag
// and are revalidated at each load, so a new version of the binary is a new page at the
// next load.
package viewer
