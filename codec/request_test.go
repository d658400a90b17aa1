package codec

import (
	"strings"
	"testing"
)

func TestRequestsAreParsed(t *testing.T) {
	id64 := strings.Repeat("x", 64)
	tests := []struct {
		name, text string
		want       Request
	}{
		{"subscribe", `{"type":"subscribe","id":"1","topic":"event:42"}`, Request{Type: RequestSubscribe, ID: "1", Topic: "event:42"}},
		{"subscribe with an interval", `{"type":"subscribe","topic":"event:42","interval":5000}`, Request{Type: RequestSubscribe, Topic: "event:42", Interval: 5000}},
		{"an interval of 0", `{"type":"subscribe","topic":"t","interval":0}`, Request{Type: RequestSubscribe, Topic: "t"}},
		{"the longest interval", `{"type":"subscribe","topic":"t","interval":2147483647}`, Request{Type: RequestSubscribe, Topic: "t", Interval: 2147483647}},
		{"an interval with an exponent", `{"type":"subscribe","topic":"t","interval":1.5e3}`, Request{Type: RequestSubscribe, Topic: "t", Interval: 1500}},
		{"null for what is optional", `{"type":"ping","id":null,"topic":null,"interval":null,"token":null}`, Request{Type: RequestPing}},
		{"unsubscribe", `{"topic":"event:42","id":"2","type":"unsubscribe"}`, Request{Type: RequestUnsubscribe, ID: "2", Topic: "event:42"}},
		{"ping", `{"type":"ping"}`, Request{Type: RequestPing}},
		{"the longest id", `{"type":"ping","id":"` + id64 + `"}`, Request{Type: RequestPing, ID: id64}},
		{"auth", `{"type":"auth","token":"a.b.c"}`, Request{Type: RequestAuth, Token: "a.b.c"}},
		{"a cursor", `{"type":"subscribe","topic":"t","since":"AbC-_"}`, Request{Type: RequestSubscribe, Topic: "t", Since: "AbC-_"}},
		{"a cursor that is no text", `{"type":"subscribe","topic":"t","since":"x","since":{"a":1}}`, Request{Type: RequestSubscribe, Topic: "t"}},
		{"a ping for a cursor", `{"type":"ping","cursor":true}`, Request{Type: RequestPing, Cursor: true}},
		{"a ping for no cursor", `{"type":"ping","cursor":true,"cursor":1}`, Request{Type: RequestPing}},
		{"white space", " {\n\t\"type\" : \"ping\" ,\r\n \"id\" : \"1\" } ", Request{Type: RequestPing, ID: "1"}},
		{"escapes", `{"\u0074ype":"p\u0069ng","id":"\"\\\/\n\ud83d\ude00"}`, Request{Type: RequestPing, ID: "\"\\/\n😀"}},
		{"an id of 64 bytes in many escapes", `{"type":"ping","id":"` + strings.Repeat(`\u0041`, 64) + `"}`, Request{Type: RequestPing, ID: strings.Repeat("A", 64)}},
		{"members that occur twice", `{"type":"auth","token":"x","type":"ping","id":"1","id":"2"}`, Request{Type: RequestPing, ID: "2", Token: "x"}},
		{"unknown members", `{"type":"ping","x":{"type":"auth"},"Type":1,"y":[null,true,1e3,"z"]}`, Request{Type: RequestPing}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Request{Type: RequestAuth, ID: "old", Topic: "old", Interval: 1, Token: "old", Since: "old", Cursor: true}
			if err := ParseRequest(&r, []byte(tt.text)); err != nil || r != tt.want {
				t.Errorf("%s\ngot  %+v (%v)\nwant %+v", tt.text, r, err, tt.want)
			}
		})
	}
}

func TestInvalidRequestsAreRefused(t *testing.T) {
	tests := []struct {
		name, text string
		want       error
		id         string
	}{
		{"an empty message", ``, errRequestJSON, ""},
		{"no object", `["ping"]`, errRequestJSON, ""},
		{"an empty object", `{}`, errRequestType, ""},
		{"text after an empty object", `{}{"type":"ping"}`, errRequestType, ""},
		{"a truncated object", `{"id":"1","type":"ping"`, errRequestJSON, "1"},
		{"a bracket too many", `{"type":"ping","id":"1"}}`, errRequestJSON, "1"},
		{"two objects", `{"type":"ping"}{"type":"ping"}`, errRequestJSON, ""},
		{"no name", `{1:2}`, errRequestJSON, ""},
		{"a broken value", `{"type":ping}`, errRequestJSON, ""},
		{"nested too deep", `{"type":"ping","x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, errRequestJSON, ""},
		{"NUL", `{"id":"1","type":"ping","x":"\u0000"}`, errRequestText, "1"},
		{"a lone surrogate", `{"type":"ping","id":"\ud83d"}`, errRequestText, ""},
		{"invalid UTF-8", "{\"type\":\"ping\",\"id\":\"\xff\"}", errRequestText, ""},
		{"no type", `{"id":"1","topic":"t"}`, errRequestType, "1"},
		{"an unknown type", `{"type":"pong","id":"1"}`, errRequestType, "1"},
		{"a type as number", `{"type":1,"id":"1"}`, errRequestType, "1"},
		{"null as type", `{"type":null,"id":"1"}`, errRequestType, "1"},
		{"a type in capitals", `{"type":"PING","id":"1"}`, errRequestType, "1"},
		{"an id as number", `{"type":"ping","id":1}`, errRequestID, ""},
		{"an id of 65 bytes", `{"type":"ping","id":"` + strings.Repeat("x", 65) + `"}`, errRequestID, ""},
		{"a valid id, then a number", `{"type":"ping","id":"1","id":2}`, errRequestID, "1"},
		{"no topic", `{"type":"subscribe","id":"1"}`, errRequestTopic, "1"},
		{"an empty topic", `{"type":"unsubscribe","id":"1","topic":""}`, errRequestTopic, "1"},
		{"a topic as list", `{"type":"subscribe","topic":["t"],"id":"1"}`, errRequestTopic, "1"},
		{"a negative interval", `{"type":"subscribe","topic":"t","interval":-1,"id":"1"}`, errRequestInterval, "1"},
		{"half a millisecond", `{"type":"subscribe","topic":"t","interval":0.5,"id":"1"}`, errRequestInterval, "1"},
		{"an interval as text", `{"type":"subscribe","topic":"t","interval":"5","id":"1"}`, errRequestInterval, "1"},
		{"an interval without end", `{"type":"subscribe","topic":"t","interval":1e300,"id":"1"}`, errRequestInterval, "1"},
		{"an interval beyond float64", `{"type":"subscribe","topic":"t","interval":1e400,"id":"1"}`, errRequestJSON, ""},
		{"no token", `{"type":"auth","id":"1"}`, errRequestToken, "1"},
		{"a token as object", `{"type":"auth","token":{},"id":"1"}`, errRequestToken, "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r Request
			if err := ParseRequest(&r, []byte(tt.text)); err != tt.want || r.ID != tt.id {
				t.Errorf("%s\ngot  %v with id %q\nwant %v with id %q", tt.text, err, r.ID, tt.want, tt.id)
			}
			if _, ok := requestOracle(tt.text); ok {
				t.Error("the oracle accepts it")
			}
		})
	}
}

func TestRequestAliasesTheMessage(t *testing.T) {
	data := []byte(`{"type":"subscribe","id":"1","topic":"event:42"}`)
	var r Request
	if err := ParseRequest(&r, data); err != nil {
		t.Fatal(err)
	}
	copy(data[strings.Index(string(data), "event"):], "other")
	if r.Topic != "other:42" {
		t.Errorf("topic %q does not follow the message", r.Topic)
	}
}
