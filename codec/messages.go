package codec

// Protocol is the version of the WebSocket protocol that a welcome names.
const Protocol = 1

// Each function of this file appends one complete text frame: an answer or an error
// of the protocol. They allocate only to grow dst and are safe for concurrent use.
// id is the id of the request. If it is "", the request had none, and the frame has
// none either.

// AppendWelcome appends the first frame of a connection. heartbeatMs is the
// time between two pings of the server, now the server's time in ms since the Unix
// epoch.
func AppendWelcome(dst []byte, instance string, heartbeatMs int, now int64) []byte {
	dst, mark := beginAnswer(dst, "welcome", "")
	dst = appendIntMember(dst, `,"protocol":`, Protocol)
	dst = appendStringMember(dst, `,"instance":`, instance)
	dst = appendIntMember(dst, `,"heartbeatMs":`, int64(heartbeatMs))
	dst = appendIntMember(dst, `,"now":`, now)
	return endAnswer(dst, mark)
}

// AppendSubscribed appends the answer to a subscribe: how many devices the
// event has, how many snapshot frames follow, the interval in force, and the cursor of
// that moment, "" for none.
func AppendSubscribed(dst []byte, id, topic string, devices, parts, intervalMs int, cursor string) []byte {
	dst, mark := beginAnswer(dst, "subscribed", id)
	dst = appendStringMember(dst, `,"topic":`, topic)
	dst = appendIntMember(dst, `,"devices":`, int64(devices))
	dst = appendIntMember(dst, `,"parts":`, int64(parts))
	dst = appendIntMember(dst, `,"intervalMs":`, int64(intervalMs))
	return endAnswer(appendCursor(dst, cursor), mark)
}

// AppendUnsubscribed appends the answer to an unsubscribe.
func AppendUnsubscribed(dst []byte, id, topic string) []byte {
	dst, mark := beginAnswer(dst, "unsubscribed", id)
	return endAnswer(appendStringMember(dst, `,"topic":`, topic), mark)
}

// AppendPong appends the answer to a ping. now is the server's time in ms since the
// Unix epoch, cursor the cursor that the ping asked for, "" for none.
func AppendPong(dst []byte, id string, now int64, cursor string) []byte {
	dst, mark := beginAnswer(dst, "pong", id)
	dst = appendIntMember(dst, `,"now":`, now)
	return endAnswer(appendCursor(dst, cursor), mark)
}

// appendCursor appends the member cursor, unless there is none.
func appendCursor(dst []byte, cursor string) []byte {
	if cursor == "" {
		return dst
	}
	return appendStringMember(dst, `,"cursor":`, cursor)
}

// AppendDrain appends the last frame before the close frame of a server that is going
// away. retryAfterMs is how long the client should wait before it connects again.
func AppendDrain(dst []byte, retryAfterMs int64) []byte {
	dst, mark := beginAnswer(dst, "drain", "")
	return endAnswer(appendIntMember(dst, `,"retryAfterMs":`, retryAfterMs), mark)
}

// AppendAuthenticated appends the answer to an auth. expiresMs is the new end of the
// session, in ms since the Unix epoch. 0 means that it does not end; the frame then
// has no such member.
func AppendAuthenticated(dst []byte, id string, expiresMs int64) []byte {
	dst, mark := beginAnswer(dst, "authenticated", id)
	if expiresMs != 0 {
		dst = appendIntMember(dst, `,"expiresAt":`, expiresMs)
	}
	return endAnswer(dst, mark)
}

// AppendTopicError appends an error frame that answers no request: the server has
// ended the subscription to the topic.
func AppendTopicError(dst []byte, topic, code, message string) []byte {
	dst, mark := beginAnswer(dst, "error", "")
	return endError(appendStringMember(dst, `,"topic":`, topic), mark, code, message)
}

// AppendError appends an error frame. code is one of the protocol's, for
// programs; message is for people.
func AppendError(dst []byte, id, code, message string) []byte {
	dst, mark := beginAnswer(dst, "error", id)
	return endError(dst, mark, code, message)
}

func endError(dst []byte, mark int, code, message string) []byte {
	dst = appendStringMember(dst, `,"code":`, code)
	return endAnswer(appendStringMember(dst, `,"message":`, message), mark)
}

// beginAnswer opens a frame at mark, with its type and the id of the request.
func beginAnswer(dst []byte, kind, id string) (_ []byte, mark int) {
	dst, mark = beginFrame(dst)
	dst = append(dst, `{"type":"`...)
	dst = append(dst, kind...)
	dst = append(dst, '"')
	if id != "" {
		dst = appendStringMember(dst, `,"id":`, id)
	}
	return dst, mark
}

func endAnswer(dst []byte, mark int) []byte { return endFrame(append(dst, '}'), mark, 0) }
