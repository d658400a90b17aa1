package codec

import (
	"strings"
	"testing"
)

// Neither usual nor rare nor refused records allocate.
func TestDecodeAllocatesNothing(t *testing.T) {
	f := randomFixes()[0]
	records := map[string][]string{
		"payload":                     f.payloadRecord(),
		"flat":                        f.flatRecord(),
		"escapes everywhere":          payloadRecord(`{"l\u0061titude":1,"longitude":2,"timestamp":"2025\u002d06-01T12:00:00Z","x":"\ud83d\ude00","attributes":{"\u0061":{"\u005f_bigint":"\u0031"},"b":{"__buffer_b64":"\/\/\/\/"}}}`),
		"long numbers":                payloadRecord(`{"latitude":47.12345678901234567890,"longitude":-1.7976931348623157e-308,"x":1.7976931348623157e308}`),
		"long flat numbers":           flatWith("alt", "12345678.123456789", "speed", "1e22", "course", "1e23", "ts", "1748779200500.5"),
		"nested values":               payloadRecord(minimal(`"x":` + strings.Repeat(`{"a":[`, 15) + strings.Repeat(`]}`, 15))),
		"no fields":                   nil,
		"a bad device":                {"device_id", "\n", "payload", plainPayload},
		"a truncated payload":         payloadRecord(plainPayload[:200]),
		"a bad number":                flatWith("alt", "abc"),
		"a number beyond float64":     flatWith("alt", "1e309"),
		"the first number beyond":     flatWith("alt", overflow),
		"beyond float64 in a payload": payloadRecord(minimal(`"x":-1e999`)),
		"a bad time":                  flatWith("ts", "2025-13-01T12:00:00Z"),
		"a time out of range":         flatWith("ts", "0"),
		"attributes left out":         flatWith("attributes", `[]`, "alt", "x", "faulty", "maybe", "sats", "-1"),
		"payload values left out":     payloadRecord(minimal(`"attributes":"{}","altitude":"x","faulty":"\u0074rue","speed":"\u0031","x":"\u0000"`)),
		"nested attributes":           flatWith("attributes", `{"a":null,"b":[{"c":[]}],"d":{"e":1}}`),
		"every attribute left out":    flatWith("attributes", `{"a":"\u0000"}`),
		"bad text":                    payloadRecord(minimal("\"x\":\"\xff\"")),
		"latitude out of range":       payloadRecord(`{"latitude":91,"longitude":2}`),
		"a huge payload":              payloadRecord(strings.Repeat(" ", 20_000)),
	}
	d := NewDecoder(DefaultLimits())
	for name, fields := range records {
		var p Position
		wantAllocs(t, name, 0, func() { _ = d.Decode(&p, benchArrival, 0, fields) })
	}
	var p Position
	odd := flatWith("attributes", `{"a":1,"b":"\u0000","c":2,"d":1e999}`)
	wantAllocs(t, "single attributes left out", 1, func() { _ = d.Decode(&p, benchArrival, 0, odd) })
}

func TestEncodeAllocatesNothing(t *testing.T) {
	p := plainPosition()
	odd := Position{DeviceID: `"`, Lat: 0.30000000000000004, Lon: 1e-9, Alt: 1e300, Has: HasAlt | HasSpeed, Speed: 123456789.5}
	topic := NewTopic("event:42")
	body := AppendBody(nil, &p, p.TS)
	more, less := p, p
	more.Attributes, less.Attributes = `{"b\u0061ttery":1,"al\u0061rm":"sos"}`, `{"b\u0061ttery":1}`
	room := make([]byte, 0, 1<<16)
	devices := []string{"d1", "d2"}
	for name, f := range map[string]func(){
		"body":                    func() { AppendBody(room, &p, p.TS) },
		"body of unusual numbers": func() { AppendBody(room, &odd, -1) },
		"position":                func() { topic.AppendPositionFrame(room, body) },
		"positions": func() {
			dst, mark := topic.BeginPositions(room)
			for range 100 {
				dst = topic.AppendItem(dst, body)
			}
			topic.EndPositions(dst, mark)
		},
		"snapshot body": func() { topic.EndSnapshotBody(topic.AppendItem(topic.BeginSnapshotBody(room), body)) },
		"snapshot head": func() { topic.AppendSnapshotHead(room, 100_000, 1, 2, SnapshotLagged, 1<<40) },
		"deflated head": func() { topic.AppendDeflatedSnapshotHead(room, 100_000, 1, 2, SnapshotLagged, 1<<40) },
		"added":         func() { AppendAdded(room, body, &more) },
		"none added":    func() { AppendAdded(room, body, &less) },
		"merged":        func() { MergeAttributes(room, p.Attributes, more.Attributes) },
		"roster":        func() { topic.AppendRosterFrame(room, devices, devices) },
		"text frame":    func() { AppendTextFrame(room, body) },
		"welcome":       func() { AppendWelcome(room, "host", 25000, 1777629600000) },
		"subscribed":    func() { AppendSubscribed(room, "1", "event:42", 1, 2, 100, "") },
		"unsubscribed":  func() { AppendUnsubscribed(room, "1", "event:42") },
		"authenticated": func() { AppendAuthenticated(room, "1", 1777629600000) },
		"topic error":   func() { AppendTopicError(room, "event:42", "forbidden", "no") },
		"pong":          func() { AppendPong(room, "1", 1777629600000, "") },
		"drain":         func() { AppendDrain(room, 1500) },
		"error":         func() { AppendError(room, "1", "internal", "try again later") },
	} {
		wantAllocs(t, name, 0, f)
	}
}

func TestRequestsAllocateNothingAndClonesOnce(t *testing.T) {
	var r Request
	for _, text := range requestSeeds {
		if strings.Contains(text, `\`) {
			continue
		}
		data := []byte(text)
		wantAllocs(t, text, 0, func() { _ = ParseRequest(&r, data) })
	}
	p := plainPosition()
	var c Position
	wantAllocs(t, "clone", 1, func() { c = p.Clone() })
	count := 0
	wantAllocs(t, "walk over attributes", 0, func() {
		for name := range p.Attributes.All() {
			count += len(name)
		}
	})
	if c.DeviceID != p.DeviceID || count == 0 {
		t.Error("the functions did nothing")
	}
}
