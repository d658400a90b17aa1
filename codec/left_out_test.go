package codec

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// wantLeftOut checks that a record is decoded as want, and what is left out of it.
func wantLeftOut(t *testing.T, fields []string, want Position, left ...Omission) {
	t.Helper()
	d := NewDecoder(DefaultLimits())
	var p Position
	if err := d.Decode(&p, testArrival, 0, fields); err != nil {
		t.Fatalf("refused: %v\ninput: %q", err, fields)
	}
	if !same(p, want) || !slices.Equal(d.LeftOut(), left) {
		t.Errorf("input: %.300q\ngot:  %+v without %v\nwant: %+v without %v", fields, p, d.LeftOut(), want, left)
	}
	if _, _, ok := oracle(DefaultLimits(), testArrival, 0, fields); !ok {
		t.Error("the oracle refuses it")
	}
}

func TestInvalidFlatValuesAreLeftOut(t *testing.T) {
	plain := Position{DeviceID: "d1", TS: testArrival, Arrival: testArrival, Untimed: true, Lat: 1, Lon: 2}
	big := strings.Repeat(" ", 16<<10)
	for field, of := range map[string]Optional{"alt": OptionalAlt, "speed": OptionalSpeed, "course": OptionalCourse, "sats": OptionalSats} {
		for _, text := range []string{
			"", " ", "nan", "NaN", "Inf", "abc", "1e999", "-1e309", " 1", "1 km/h", "123456789.123x", "1,5", "1.5.1", ".5", "5.", "07", "0x7", "null", "true", "{}", "+1", "--1", `"1"`,
		} {
			wantLeftOut(t, flatWith(field, text), plain, Omission{of, ReasonNumber})
		}
		wantLeftOut(t, flatWith(field, "1"+big), plain, Omission{of, ReasonTooLarge})
	}
	faulty := plain
	faulty.Faulty = true
	tests := []struct {
		name   string
		fields []string
		left   Omission
	}{
		{"half a satellite", flatWith("sats", "3.7"), Omission{OptionalSats, ReasonNumber}},
		{"negative satellites", flatWith("sats", "-1"), Omission{OptionalSats, ReasonRange}},
		{"satellites beyond int32", flatWith("sats", "2147483648"), Omission{OptionalSats, ReasonRange}},
		{"empty attributes", flatWith("attributes", ""), Omission{OptionalAttributes, ReasonAttribute}},
		{"attributes of white space", flatWith("attributes", " \n"), Omission{OptionalAttributes, ReasonAttribute}},
		{"attributes as a list", flatWith("attributes", `[1]`), Omission{OptionalAttributes, ReasonAttribute}},
		{"attributes as text", flatWith("attributes", `"{}"`), Omission{OptionalAttributes, ReasonAttribute}},
		{"attributes as a number too large", flatWith("attributes", `1e999`), Omission{OptionalAttributes, ReasonAttribute}},
		{"attributes that are no JSON", flatWith("attributes", "a=1"), Omission{OptionalAttributes, ReasonJSON}},
		{"truncated attributes", flatWith("attributes", `{"a":1`), Omission{OptionalAttributes, ReasonJSON}},
		{"text after attributes", flatWith("attributes", `{"a":1}x`), Omission{OptionalAttributes, ReasonJSON}},
		{"text after attributes of which one is left out", flatWith("attributes", `{"a":"\u0000"}x`), Omission{OptionalAttributes, ReasonJSON}},
		{"attributes nested too deep", flatWith("attributes", `{"a":`+strings.Repeat("[", 32)+strings.Repeat("]", 32)+`}`), Omission{OptionalAttributes, ReasonJSON}},
		{"attributes of more than 16 KiB", flatWith("attributes", "{"+big+"}"), Omission{OptionalAttributes, ReasonTooLarge}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantLeftOut(t, tt.fields, plain, tt.left) })
	}
	for _, text := range []string{"maybe", "yes", "no", "2", "-1", "0.0", "01", " true", "t", "null", "fal\u017fe", "\x00"} {
		wantLeftOut(t, flatWith("faulty", text), faulty, Omission{OptionalFaulty, ReasonType})
	}
	wantLeftOut(t, flatWith("faulty", "0"+big), faulty, Omission{OptionalFaulty, ReasonTooLarge})
	wantLeftOut(t, flatWith("sats", "x", "attributes", "x", "faulty", "x", "alt", "x", "speed", "3"),
		func() Position { p := faulty; p.Speed, p.Has = 3, HasSpeed; return p }(),
		Omission{OptionalAlt, ReasonNumber}, Omission{OptionalSats, ReasonNumber}, Omission{OptionalAttributes, ReasonJSON}, Omission{OptionalFaulty, ReasonType})
	wantLeftOut(t, flatWith("attributes", "{"+big+"}", "attributes", `{}`), func() Position { p := plain; p.Attributes = `{}`; return p }())
	wantLeftOut(t, flatWith("payload", minimal(`"x":1`), "attributes", "{"+big+"}", "alt", "1"+big, "lat", "1"+big), plain)
}

func TestInvalidPayloadValuesAreLeftOut(t *testing.T) {
	plain := Position{DeviceID: "d1", TS: testArrival, Arrival: testArrival, Untimed: true, Lat: 1, Lon: 2, Codec: "8E"}
	for name, of := range map[string]Optional{
		"altitude": OptionalAlt, "speed": OptionalSpeed, "angle": OptionalCourse, "satellites": OptionalSats, "priority": OptionalPriority, `sp\u0065ed`: OptionalSpeed,
	} {
		for value, reason := range map[string]Reason{
			`""`: ReasonNumber, `"abc"`: ReasonNumber, `"NaN"`: ReasonNumber, `1e999`: ReasonNumber, `"1e999"`: ReasonNumber, `"\u0000"`: ReasonNumber, `"\ud83d2345\\"`: ReasonNumber,
			`"1 "`: ReasonNumber, `"` + strings.Repeat(`\u0030`, 50) + `"`: ReasonNumber, "\"\xff\"": ReasonNumber, `true`: ReasonType, `false`: ReasonType, `[1]`: ReasonType, `{"a":"\u0000"}`: ReasonType,
		} {
			wantLeftOut(t, payloadRecord(minimal(`"`+name+`":`+value)), plain, Omission{of, reason})
			wantLeftOut(t, payloadRecord(minimal(`"`+name+`":5,"`+name+`" : `+value+` `)), plain, Omission{of, reason})
		}
	}
	faulty := plain
	faulty.Faulty = true
	for _, value := range []string{`"maybe"`, `2`, `-1`, `0.5`, `1e999`, `[]`, `{"a":1}`, `"\u0000"`, `"\ud83d2345\\"`, `"` + strings.Repeat(`\u0030`, 50) + `"`, `"0.0"`, `"null"`} {
		wantLeftOut(t, payloadRecord(minimal(`"faulty":`+value)), faulty, Omission{OptionalFaulty, ReasonType})
	}
	tests := []struct {
		name, payload string
		left          Omission
	}{
		{"half a satellite", minimal(`"satellites":3.7`), Omission{OptionalSats, ReasonNumber}},
		{"negative satellites", minimal(`"satellites":-1`), Omission{OptionalSats, ReasonRange}},
		{"negative satellites as text", minimal(`"satellites":"-1"`), Omission{OptionalSats, ReasonRange}},
		{"priority beyond int32", minimal(`"priority":2147483648`), Omission{OptionalPriority, ReasonRange}},
		{"attributes as a list", minimal(`"attributes":[]`), Omission{OptionalAttributes, ReasonAttribute}},
		{"attributes as a list of bad text", minimal(`"attributes":["\u0000"]`), Omission{OptionalAttributes, ReasonAttribute}},
		{"attributes as text", minimal(`"attributes":"{}"`), Omission{OptionalAttributes, ReasonAttribute}},
		{"attributes as boolean", minimal(`"attributes":true`), Omission{OptionalAttributes, ReasonAttribute}},
		{"attributes, then a number", minimal(`"attributes":{"a":1},"attributes":0`), Omission{OptionalAttributes, ReasonAttribute}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantLeftOut(t, payloadRecord(tt.payload), plain, tt.left) })
	}
	untagged := plain
	untagged.Codec = ""
	for _, tag := range []string{"8\x00", "\xff", "ü\x00", strings.Repeat("8", 65)} {
		wantLeftOut(t, []string{"device_id", "d1", "codec", tag, "payload", minimal(`"x":1`)}, untagged, Omission{OptionalCodec, ReasonText})
	}
	wantLeftOut(t, []string{"device_id", "d1", "codec", strings.Repeat("8", 17<<10), "payload", minimal(`"x":1`)}, untagged, Omission{OptionalCodec, ReasonTooLarge})
}

// If some attributes are left out, the others stay unchanged.
func TestInvalidAttributesAreLeftOut(t *testing.T) {
	for name, tt := range map[string]struct {
		text, want string
		reason     Reason
	}{
		"NUL":                        {`{"a":"x\u0000","b":1}`, `{"b":1}`, ReasonText},
		"a lone surrogate":           {`{"a":1,"b":"\ud83d"}`, `{"a":1}`, ReasonText},
		"surrogates swapped":         {`{"a":1,"b":"\ude00\ud83d","c":2}`, `{"a":1,"c":2}`, ReasonText},
		"invalid UTF-8":              {"{\"a\":\"\xff\",\"ü\":1}", `{"ü":1}`, ReasonText},
		"a surrogate in UTF-8":       {"{\"a\":1,\"b\":\"\xed\xa0\xbd\"}", `{"a":1}`, ReasonText},
		"NUL in a name":              {`{"a\u0000":{"x":1},"b":{"y":[]}}`, `{"b":{"y":[]}}`, ReasonText},
		"a lone surrogate in a name": {`{ "b" : 1 , "\ud83d12345\\" : 2 }`, `{"b" : 1}`, ReasonText},
		"in a nested list":           {`{"a":{"x":[1,"\u0000"]},"b":{"x":[1,"y"]}}`, `{"b":{"x":[1,"y"]}}`, ReasonText},
		"beyond a float64":           {`{"a":1e400,"b":-1.5e3}`, `{"b":-1.5e3}`, ReasonNumber},
		"an invalid integer":         {`{"a":{"__bigint":"x"},"b":{"__bigint":"1"}}`, `{"b":{"__bigint":"1"}}`, ReasonAttribute},
		"invalid base64":             {`{"a":{"__buffer_b64":"q8="},"b":null}`, `{"b":null}`, ReasonAttribute},
		"the reason of the first":    {`{"a":1e400,"b":"\u0000","c":1}`, `{"c":1}`, ReasonNumber},
		"all attributes":             {`{ "a":"\u0000" }`, `{}`, ReasonText},
		"a name twice":               {`{"a":1,"a":"\u0000"}`, `{"a":1}`, ReasonText},
	} {
		t.Run(name, func(t *testing.T) {
			want := Position{DeviceID: "d1", TS: testArrival, Arrival: testArrival, Untimed: true, Lat: 1, Lon: 2, Attributes: Attributes(tt.want)}
			wantLeftOut(t, flatWith("attributes", " "+tt.text+"\n"), want, Omission{OptionalAttribute, tt.reason})
			want.Codec = "8E"
			wantLeftOut(t, payloadRecord(`{"attributes":`+tt.text+`,"latitude":1,"longitude":2}`), want, Omission{OptionalAttribute, tt.reason})
		})
	}
}

// A reader uses the positions of many records at the same time. What is left out of
// one must not change the others.
func TestAttributesOutliveTheNextCall(t *testing.T) {
	d := NewDecoder(DefaultLimits())
	records := []string{`{"a":"\u0000","n":1}`, `{"n":2,"a":"\u0000"}`, `{"b":1e999,"n":3}`}
	positions := make([]Position, len(records))
	for i, text := range records {
		if err := d.Decode(&positions[i], testArrival, 0, flatWith("attributes", text)); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []Attributes{`{"n":1}`, `{"n":2}`, `{"n":3}`} {
		if positions[i].Attributes != want {
			t.Errorf("position %d has %s, want %s", i, positions[i].Attributes, want)
		}
	}
}

func TestLeftOutIsOfTheLastCall(t *testing.T) {
	d := NewDecoder(DefaultLimits())
	var p Position
	if err := d.Decode(&p, testArrival, 0, flatWith("alt", "x")); err != nil || len(d.LeftOut()) != 1 {
		t.Fatalf("%v, %v", err, d.LeftOut())
	}
	if err := d.Decode(&p, testArrival, 0, flatWith("alt", "x", "ts", "x")); err == nil || len(d.LeftOut()) != 0 {
		t.Errorf("left out of a record that was refused: %v (error %v)", d.LeftOut(), err)
	}
	if err := d.Decode(&p, testArrival, 0, flatWith()); err != nil || len(d.LeftOut()) != 0 {
		t.Errorf("left out of a record without faults: %v (error %v)", d.LeftOut(), err)
	}
}

func TestOptionalValuesHaveStableNames(t *testing.T) {
	want := "alt speed course sats priority codec attributes attribute faulty"
	var names []string
	for _, o := range Omissions() {
		if name := o.Value.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := Optional(99).String(); got != "Optional(99)" {
		t.Errorf("an unknown value is %s", got)
	}
}

// FuzzAttributes checks the attributes that are passed through: they are valid JSON in
// a body, every database takes them, and decoding them again does not change them.
func FuzzAttributes(f *testing.F) {
	for _, s := range payloadSeeds {
		f.Add(s)
	}
	for _, s := range []string{
		`{"a":"\u0000","b":[null,{"c":1e999}],"d":{"__bigint":"1"}}`, "{\"a\":\"\xff\", \"b\" : {} }", `{"\ud83d":1,"x":"\ud83d\ude00"}`, `{"a":[[[]]],"b":{"c":{"d":null}}}`,
	} {
		f.Add(s)
	}
	d := NewDecoder(DefaultLimits())
	f.Fuzz(func(t *testing.T, text string) {
		var p, again Position
		if err := d.Decode(&p, testArrival, 0, flatWith("attributes", text)); err != nil {
			t.Fatalf("refused because of its attributes: %v\ninput: %q", err, text)
		}
		compareWithOracle(t, d, flatWith("attributes", text))
		if p.Attributes == "" {
			return
		}
		if !json.Valid([]byte(p.Attributes)) || !oracleText(string(p.Attributes)) || !oracleNumbers([]byte(p.Attributes)) {
			t.Errorf("%q is decoded as %q", text, p.Attributes)
		}
		if body := AppendBody(nil, &p, p.TS); !json.Valid(body) {
			t.Errorf("%q makes the body %s", text, body)
		}
		err := d.Decode(&again, testArrival, 0, flatWith("attributes", string(p.Attributes)))
		if err != nil || again.Attributes != p.Attributes || len(d.LeftOut()) != 0 {
			t.Errorf("%q is decoded as %q, and that as %q without %v: %v", text, p.Attributes, again.Attributes, d.LeftOut(), err)
		}
		members := 0
		for m := membersOf(string(p.Attributes)); ; members++ {
			if _, ok := m.next(); !ok {
				break
			}
		}
		for range p.Attributes.All() {
			members--
		}
		if members != 0 {
			t.Errorf("%q: All yields fewer members by %d", p.Attributes, members)
		}
	})
}
