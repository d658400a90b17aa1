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

// Request is one message of a client. Its strings alias the message, unless
// they were written with escapes.
type Request struct {
	Type     RequestType
	ID       string // the client's own, at most 64 bytes, "" when there is none
	Topic    string // of subscribe and unsubscribe
	Interval int64  // ms, 0 when there is none
	Token    string // of auth
}

const (
	maxRequestID = 64        // bytes
	maxInterval  = 1<<31 - 1 // ms
)

// What is wrong with a request, in words for the client.
var (
	errRequestJSON     = errors.New("the message must be one JSON object")
	errRequestText     = errors.New("strings must be UTF-8, without NUL and lone surrogates")
	errRequestType     = errors.New("type must be subscribe, unsubscribe, ping or auth")
	errRequestID       = errors.New("id must be a string of at most 64 bytes")
	errRequestTopic    = errors.New("topic must be a string")
	errRequestInterval = errors.New("interval must be a whole number of milliseconds, not negative")
	errRequestToken    = errors.New("token must be a string")
)

// ParseRequest reads a client's message into r, all of which it sets:
//
//	{"type":"subscribe","id":"1","topic":"event:42","interval":5000}
//
// subscribe and unsubscribe need a topic, auth needs a token, everything else
// is optional and null is absent. Unknown members are ignored; of those that
// occur twice the last one counts. An error is meant for the client; r.ID is
// set then too if the message was read that far. The strings of r alias data,
// which must not change while they are in use. It allocates only for strings
// with escapes. Safe for concurrent use.
func ParseRequest(r *Request, data []byte) error {
	*r = Request{}
	s := alias(data)
	i := space(s, 0)
	if at(s, i) != '{' {
		return errRequestJSON
	}
	i = space(s, i+1)
	if at(s, i) == '}' {
		return errRequestType
	}
	var wrong error // the first member that is not as it must be
	for closed := false; !closed; {
		end, value, why := nameAt(s, i)
		if why != 0 {
			return requestFault(why)
		}
		key := unquoted(s[i+1 : end])
		if i, why = skip(s, value, 1); why != 0 {
			return requestFault(why)
		}
		if err := r.member(key, s[value:i]); err != nil && wrong == nil {
			wrong = err
		}
		if i, closed, why = separator(s, i, '}'); why != 0 {
			return requestFault(why)
		}
	}
	if space(s, i) != len(s) {
		return errRequestJSON
	}
	if wrong != nil {
		return wrong
	}
	return r.complete()
}

func requestFault(why Reason) error {
	if why == ReasonText {
		return errRequestText
	}
	return errRequestJSON
}

// member takes a member in, whose value is well-formed JSON.
func (r *Request) member(key, value string) error {
	switch key {
	case "type":
		return r.setType(value)
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
	case "interval":
		if r.Interval = 0; value == "null" {
			return nil
		}
		ms, end, why := number(value, 0)
		if why != 0 || end != len(value) || ms < 0 || ms > maxInterval || ms != float64(int64(ms)) {
			return errRequestInterval
		}
		r.Interval = int64(ms)
	}
	return nil
}

func (r *Request) setType(value string) error {
	kind, _ := text(value)
	switch kind {
	case "subscribe":
		r.Type = RequestSubscribe
	case "unsubscribe":
		r.Type = RequestUnsubscribe
	case "ping":
		r.Type = RequestPing
	case "auth":
		r.Type = RequestAuth
	default:
		return errRequestType
	}
	return nil
}

// complete checks that all is there that the type needs.
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

// text returns what a JSON string stands for, "" for null; false for values
// that are neither.
func text(value string) (string, bool) {
	if value[0] != '"' {
		return "", value == "null"
	}
	return unquoted(value[1 : len(value)-1]), true
}
