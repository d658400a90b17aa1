package codec

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

var requestSeeds = []string{
	`{"type":"subscribe","id":"1","topic":"event:42"}`,
	`{"type":"subscribe","id":"1","topic":"event:42","interval":5000}`,
	`{"type":"unsubscribe","topic":"event:42","id":""}`,
	`{"type":"ping"}`, `{"type":"ping","id":null,"interval":null}`, ` { "type" : "ping" , "id" : "x" } `,
	`{"type":"auth","token":"a.b.c"}`,
	`{"type":"auth"}`, `{"type":"subscribe"}`, `{"type":"pong"}`, `{"type":7}`, `{}`, ``, `[]`, `null`, `{"type":"ping"}}`, `{"type":"ping"`,
	`{"type":"ping","id":7}`, `{"id":"` + strings.Repeat("x", 64) + `","type":"ping"}`, `{"id":"` + strings.Repeat("x", 65) + `","type":"ping"}`,
	`{"type":"\u0070ing","\u0069d":"\ud83d\ude00\n"}`, `{"type":"ping","id":"\ud83d"}`, "{\"type\":\"ping\",\"id\":\"\xff\"}",
	`{"type":"ping","type":"auth","token":"1","token":"2"}`, `{"type":"subscribe","topic":"t","interval":1.5}`, `{"type":"subscribe","topic":"t","interval":-1}`,
	`{"type":"subscribe","topic":"t","interval":1e3}`, `{"type":"subscribe","topic":"t","interval":2147483648}`, `{"type":"ping","x":[{"y":[1,2,{}]}]}`,
	`{"type":"ping","x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
}

func FuzzRequest(f *testing.F) {
	for _, s := range requestSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r Request
		err := ParseRequest(&r, data)
		want, ok := requestOracle(string(data))
		if (err == nil) != ok {
			t.Fatalf("error %v, but allowed: %t\ninput: %q", err, ok, data)
		}
		if ok && r != want {
			t.Fatalf("got %+v, want %+v\ninput: %q", r, want, data)
		}
		if len(r.ID) > maxRequestID {
			t.Fatalf("an id of %d bytes", len(r.ID))
		}
	})
}

// requestOracle does the work of ParseRequest with encoding/json.
func requestOracle(text string) (r Request, ok bool) {
	if !json.Valid([]byte(text)) || !oracleText(text) || oracleDepth(text) > maxDepth || !oracleNumbers([]byte(text)) {
		return r, false
	}
	d := json.NewDecoder(strings.NewReader(text))
	if t, _ := d.Token(); t != json.Delim('{') {
		return r, false
	}
	ok = true
	kind := ""
	for d.More() {
		key, _ := d.Token()
		var v any
		if d.Decode(&v) != nil {
			return r, false
		}
		s, isString := v.(string)
		fits := isString || v == nil
		switch key {
		case "type":
			_, known := oracleTypes[s]
			kind, fits = s, known
		case "id":
			r.ID, fits = s, fits && len(s) <= 64
		case "topic":
			r.Topic = s
		case "token":
			r.Token = s
		case "since":
			r.Since, fits = s, true
		case "cursor":
			asked, isBool := v.(bool)
			r.Cursor, fits = isBool && asked, true
		case "interval":
			ms, isNumber := v.(float64)
			r.Interval = int64(ms)
			fits = v == nil || isNumber && ms >= 0 && ms <= math.MaxInt32 && ms == math.Trunc(ms)
		default:
			fits = true
		}
		ok = ok && fits
	}
	r.Type = oracleTypes[kind]
	switch kind {
	case "":
		ok = false
	case "subscribe", "unsubscribe":
		ok = ok && r.Topic != ""
	case "auth":
		ok = ok && r.Token != ""
	}
	return r, ok
}

var oracleTypes = map[string]RequestType{
	"subscribe": RequestSubscribe, "unsubscribe": RequestUnsubscribe, "ping": RequestPing, "auth": RequestAuth,
}
