package codec

// Protocol is the version of the WebSocket protocol that a welcome names.
const Protocol = 1

// The functions of this file append one complete text frame each: the answers
// and errors of the protocol, which are not about positions. They allocate only to grow dst
// and are safe for concurrent use. The id is the one of the request; "" means
// that the request had none, and is left out.

// AppendWelcome appends the first frame of a connection. heartbeatMs is the
// time between two pings of the server.
func AppendWelcome(dst []byte, instance string, heartbeatMs int) []byte {
	dst, mark := beginFrame(dst)
	dst = append(dst, `{"type":"welcome","protocol":`...)
	dst = appendInt(dst, Protocol)
	dst = append(dst, `,"instance":`...)
	dst = AppendJSONString(dst, instance)
	dst = append(dst, `,"heartbeatMs":`...)
	dst = appendInt(dst, int64(heartbeatMs))
	return endFrame(append(dst, '}'), mark, 0)
}

// AppendSubscribed appends the answer to a subscribe: how many devices the
// event has, how many snapshot frames follow, and the interval in force.
func AppendSubscribed(dst []byte, id, topic string, devices, parts, intervalMs int) []byte {
	dst, mark := beginAnswer(dst, "subscribed", id)
	dst = append(dst, `,"topic":`...)
	dst = AppendJSONString(dst, topic)
	dst = append(dst, `,"devices":`...)
	dst = appendInt(dst, int64(devices))
	dst = append(dst, `,"parts":`...)
	dst = appendInt(dst, int64(parts))
	dst = append(dst, `,"intervalMs":`...)
	dst = appendInt(dst, int64(intervalMs))
	return endFrame(append(dst, '}'), mark, 0)
}

// AppendUnsubscribed appends the answer to an unsubscribe.
func AppendUnsubscribed(dst []byte, id, topic string) []byte {
	dst, mark := beginAnswer(dst, "unsubscribed", id)
	dst = append(dst, `,"topic":`...)
	dst = AppendJSONString(dst, topic)
	return endFrame(append(dst, '}'), mark, 0)
}

// AppendPong appends the answer to a ping.
func AppendPong(dst []byte, id string) []byte {
	dst, mark := beginAnswer(dst, "pong", id)
	return endFrame(append(dst, '}'), mark, 0)
}

// AppendAuthenticated appends the answer to an auth. expiresMs is when the
// session ends now, in ms since the epoch; 0, left out, is never.
func AppendAuthenticated(dst []byte, id string, expiresMs int64) []byte {
	dst, mark := beginAnswer(dst, "authenticated", id)
	if expiresMs != 0 {
		dst = append(dst, `,"expiresAt":`...)
		dst = appendInt(dst, expiresMs)
	}
	return endFrame(append(dst, '}'), mark, 0)
}

// AppendTopicError appends an error frame that answers no request: the topic
// is not subscribed any more.
func AppendTopicError(dst []byte, topic, code, message string) []byte {
	dst, mark := beginAnswer(dst, "error", "")
	dst = append(dst, `,"topic":`...)
	dst = AppendJSONString(dst, topic)
	dst = append(dst, `,"code":`...)
	dst = AppendJSONString(dst, code)
	dst = append(dst, `,"message":`...)
	dst = AppendJSONString(dst, message)
	return endFrame(append(dst, '}'), mark, 0)
}

// AppendError appends an error frame. code is one of the protocol's, for
// programs; message is for people.
func AppendError(dst []byte, id, code, message string) []byte {
	dst, mark := beginAnswer(dst, "error", id)
	dst = append(dst, `,"code":`...)
	dst = AppendJSONString(dst, code)
	dst = append(dst, `,"message":`...)
	dst = AppendJSONString(dst, message)
	return endFrame(append(dst, '}'), mark, 0)
}

// beginAnswer opens a frame with its type and the id of the request.
func beginAnswer(dst []byte, kind, id string) (_ []byte, mark int) {
	dst, mark = beginFrame(dst)
	dst = append(dst, `{"type":"`...)
	dst = append(dst, kind...)
	dst = append(dst, '"')
	if id != "" {
		dst = append(dst, `,"id":`...)
		dst = AppendJSONString(dst, id)
	}
	return dst, mark
}
