package codec

import "errors"

// RequestType is what a client asks for.
type RequestType uint8

// The types of requests.
const (
	RequestSubscribe RequestType = iota + 1
	RequestUnsubscribe
	RequestPing
	RequestAuth
)

// requestTypes has the types by the names that clients send.
var requestTypes = map[string]RequestType{
	"subscribe": RequestSubscribe, "unsubscribe": RequestUnsubscribe, "ping": RequestPing, "auth": RequestAuth,
}

// Request is one message of a client. A string aliases the message unless it was
// written with escapes.
type Request struct {
	Type     RequestType
	ID       string // chosen by the client, at most 64 bytes; "" if there is none
	Topic    string // of subscribe and unsubscribe
	Interval int64  // ms; 0 if there is none
	Token    string // of auth
	Since    string // the cursor of a subscribe; "" if there is none, or if it is no string
	Cursor   bool   // the ping asks for a cursor
}

const (
	maxRequestID = 64        // bytes
	maxInterval  = 1<<31 - 1 // ms
)

// The errors of ParseRequest. Their texts are sent to the client.
var (
	errRequestJSON     = errors.New("the message must be one JSON object")
	errRequestText     = errors.New("strings must be UTF-8, without NUL and lone surrogates")
	errRequestType     = errors.New("type must be subscribe, unsubscribe, ping or auth")
	errRequestID       = errors.New("id must be a string of at most 64 bytes")
	errRequestTopic    = errors.New("topic must be a string")
	errRequestInterval = errors.New("interval must be a whole number of milliseconds, not negative")
	errRequestToken    = errors.New("token must be a string")
)

// ParseRequest reads a client's message into r and sets every field of r:
//
//	{"type":"subscribe","id":"1","topic":"event:42","interval":5000}
//
// subscribe and unsubscribe need a topic, and auth needs a token. All other members
// are optional; null means absent. A since that is no string and a cursor that is not
// true count as absent. Unknown members are ignored. If a member occurs
// twice, the last one counts. The text of an error is for the client. With an error,
// r.ID is set if the message could be read that far. The strings of r alias data,
// which must not change while they are in use. ParseRequest allocates only for
// strings with escapes. Safe for concurrent use.
func ParseRequest(r *Request, data []byte) error {
	*r = Request{}
	s := alias(data)
	i := skipSpace(s, 0)
	if at(s, i) != '{' {
		return errRequestJSON
	}
	i = skipSpace(s, i+1)
	if at(s, i) == '}' {
		return errRequestType
	}
	var wrong error // of the first member that is wrong
	for closed := false; !closed; {
		end, value, reason := readName(s, i)
		if reason != 0 {
			return requestFault(reason)
		}
		key := unescape(s[i+1 : end])
		if i, reason = skipValue(s, value, 1); reason != 0 {
			return requestFault(reason)
		}
		if err := r.member(key, s[value:i]); err != nil && wrong == nil {
			wrong = err
		}
		if i, closed, reason = readSeparator(s, i, '}'); reason != 0 {
			return requestFault(reason)
		}
	}
	if skipSpace(s, i) != len(s) {
		return errRequestJSON
	}
	if wrong != nil {
		return wrong
	}
	return r.complete()
}

// requestFault returns the error for the reason why the JSON is refused.
func requestFault(reason Reason) error {
	if reason == ReasonText {
		return errRequestText
	}
	return errRequestJSON
}

// member sets a member. value is well-formed JSON.
func (r *Request) member(key, value string) error {
	switch key {
	case "type":
		kind, _ := text(value)
		if r.Type = requestTypes[kind]; r.Type == 0 {
			return errRequestType
		}
	case "id":
		id, ok := text(value)
		if !ok || len(id) > maxRequestID {
			return errRequestID
		}
		r.ID = id
	case "topic":
		var ok bool
		if r.Topic, ok = text(value); !ok {
			return errRequestTopic
		}
	case "token":
		var ok bool
		if r.Token, ok = text(value); !ok {
			return errRequestToken
		}
	case "since":
		r.Since = ""
		if value[0] == '"' {
			r.Since, _ = text(value)
		}
	case "cursor":
		r.Cursor = value == "true"
	case "interval":
		if r.Interval = 0; value == "null" {
			return nil
		}
		ms, end, reason := parseNumber(value, 0)
		if reason != 0 || end != len(value) || ms < 0 || ms > maxInterval || ms != float64(int64(ms)) {
			return errRequestInterval
		}
		r.Interval = int64(ms)
	}
	return nil
}

// complete checks that the request has what its type needs.
func (r *Request) complete() error {
	switch r.Type {
	case 0:
		return errRequestType
	case RequestSubscribe, RequestUnsubscribe:
		if r.Topic == "" {
			return errRequestTopic
		}
	case RequestAuth:
		if r.Token == "" {
			return errRequestToken
		}
	}
	return nil
}

// text returns the text of a JSON string, or "" for null. It fails for all other
// values.
func text(value string) (string, bool) {
	if value[0] != '"' {
		return "", value == "null"
	}
	return unescape(value[1 : len(value)-1]), true
}
