package codec_test

import (
	"fmt"

	"pitwall/codec"
)

// A stream record is decoded, encoded once, and wrapped in the frame that every
// subscriber of a topic gets.
func Example() {
	decoder := codec.NewDecoder(codec.DefaultLimits())
	topic := codec.NewTopic("event:42") // one for the lifetime of the topic

	var p codec.Position
	arrival := int64(1748779205000) // from the entry id 1748779205000-0
	err := decoder.Decode(&p, arrival, 0, []string{
		"device_id", "350424060000001",
		"payload", `{"timestamp":"2025-06-01T14:00:00.5+02:00","latitude":47.1234567,"longitude":11.5,"speed":31.20}`,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	body := codec.AppendBody(nil, &p, p.TS) // encoded once, for every topic
	frame := topic.AppendPositionFrame(nil, body)
	fmt.Printf("%x\n%s\n", frame[:4], frame[4:])
	// Output:
	// 817e007f
	// {"type":"position","topic":"event:42","deviceId":"350424060000001","ts":1748779200500,"lat":47.1234567,"lon":11.5,"speed":31.2}
}

// A flat record. Has has no bit for a number that is absent. An optional value that is
// wrong is left out, and LeftOut lists it.
func ExampleDecoder_Decode() {
	decoder := codec.NewDecoder(codec.DefaultLimits()) // one per goroutine
	var p codec.Position
	fields := []string{"device_id", "d1", "ts", "1748779200500", "lat", "47.1", "lon", "11.5", "alt", "820", "speed", "fast"}
	if err := decoder.Decode(&p, 1748779205000, 0, fields); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.DeviceID, p.TS, p.Lat, p.Lon)
	fmt.Println("altitude:", p.Has&codec.HasAlt != 0, p.Alt)
	fmt.Println("speed:", p.Has&codec.HasSpeed != 0)
	// Output:
	// d1 1748779200500 47.1 11.5
	// altitude: true 820
	// speed: false
}

// A required value that is wrong is an error with the field, the reason and the
// offset.
func ExampleDecoder_Decode_error() {
	decoder := codec.NewDecoder(codec.DefaultLimits())
	var p codec.Position
	err := decoder.Decode(&p, 1748779205000, 0, []string{"device_id", "d1", "lat", "47.1,", "lon", "11.5"})
	fmt.Println(err)
	// Output: decode lat: bad_number at byte 4
}

// The body of a snapshot is built once. Each receiver gets its own head.
func ExampleTopic_AppendSnapshotHead() {
	topic := codec.NewTopic("event:42")
	body := topic.BeginSnapshotBody(nil)
	body = topic.AppendItem(body, []byte(`{"deviceId":"d1","ts":1748779200500,"lat":47,"lon":11}`))
	body = topic.EndSnapshotBody(body)

	for _, conflated := range []uint64{7, 1200} {
		head := topic.AppendSnapshotHead(nil, len(body), 1, 1, codec.SnapshotLagged, conflated)
		fmt.Printf("%s\n", head[4:])
	}
	fmt.Printf("%s\n", body)
	// Output:
	// {"type":"snapshot","topic":"event:42","part":1,"parts":1,"reason":"lagged","conflated":7,
	// {"type":"snapshot","topic":"event:42","part":1,"parts":1,"reason":"lagged","conflated":1200,
	// "positions":[{"deviceId":"d1","ts":1748779200500,"lat":47,"lon":11}]}
}

// A positions frame holds any number of bodies.
func ExampleTopic_BeginPositions() {
	topic := codec.NewTopic("event:42")
	frame, mark := topic.BeginPositions(nil)
	for _, id := range []string{"d1", "d2"} {
		p := codec.Position{DeviceID: id, TS: 1748779200500, Lat: 47, Lon: 11}
		frame = topic.AppendItem(frame, codec.AppendBody(nil, &p, p.TS))
	}
	frame = topic.EndPositions(frame, mark)
	fmt.Printf("%s\n", frame[codec.FrameHeaderLen(frame):])
	// Output:
	// {"type":"positions","topic":"event:42","positions":[{"deviceId":"d1","ts":1748779200500,"lat":47,"lon":11},{"deviceId":"d2","ts":1748779200500,"lat":47,"lon":11}]}
}

func ExampleAttributes_All() {
	attributes := codec.Attributes(`{"battery":87,"moving":true,"tag":{"__bigint":"18446744073709551615"}}`)
	for name, value := range attributes.All() {
		switch value.Kind() {
		case codec.AttributeNumber:
			n, _ := value.Number()
			fmt.Println(name, n)
		case codec.AttributeBigInt:
			n, _ := value.BigInt()
			fmt.Println(name, n)
		}
	}
	// Output:
	// battery 87
	// tag 18446744073709551615
}
