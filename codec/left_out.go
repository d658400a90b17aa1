package codec

import "strconv"

// Optional is an optional value of a record: one that is left out when it is
// wrong, and does not cost the position. Those that Has names come first, in
// the order of Fields.
type Optional uint8

// The optional values.
const (
	OptionalAlt Optional = iota
	OptionalSpeed
	OptionalCourse
	OptionalSats
	OptionalPriority
	OptionalCodec
	OptionalAttributes // all of them
	OptionalAttribute  // single attributes, one or more
	OptionalFaulty     // counts as faulty
	optionals
)

var optionalNames = [optionals]string{
	"alt", "speed", "course", "sats", "priority", "codec", "attributes", "attribute", "faulty",
}

// String returns the value's name as a metric has it: that of the field of a
// flat record, whatever the shape.
func (o Optional) String() string {
	if o < optionals {
		return optionalNames[o]
	}
	return "Optional(" + strconv.Itoa(int(o)) + ")"
}

// Omission is a value of a record that was left out, and why. For several
// attributes of one record the reason is that of the first.
type Omission struct {
	Value  Optional
	Reason Reason
}

// reasonsOf lists why each value can be left out.
var reasonsOf = [optionals][]Reason{
	OptionalAlt:        {ReasonTooLarge, ReasonNumber, ReasonType},
	OptionalSpeed:      {ReasonTooLarge, ReasonNumber, ReasonType},
	OptionalCourse:     {ReasonTooLarge, ReasonNumber, ReasonType},
	OptionalSats:       {ReasonTooLarge, ReasonNumber, ReasonType, ReasonRange},
	OptionalPriority:   {ReasonNumber, ReasonType, ReasonRange},
	OptionalCodec:      {ReasonTooLarge, ReasonText},
	OptionalAttributes: {ReasonTooLarge, ReasonJSON, ReasonAttribute},
	OptionalAttribute:  {ReasonText, ReasonNumber, ReasonAttribute},
	OptionalFaulty:     {ReasonTooLarge, ReasonType},
}

// Omissions lists every Omission that a Decoder can report.
func Omissions() []Omission {
	var all []Omission
	for o, reasons := range reasonsOf {
		for _, why := range reasons {
			all = append(all, Omission{Optional(o), why})
		}
	}
	return all
}

// omitted is what was left out of one record.
type omitted struct {
	bits uint16 // by Optional
	why  [optionals]Reason
}

// add notes that a value is left out.
func (l *omitted) add(o Optional, why Reason) {
	l.bits |= 1 << o
	l.why[o] = why
}

// drop forgets values, which came once more and were right.
func (l *omitted) drop(bits uint16) { l.bits &^= bits }

// LeftOut returns what the last Decode has left out of its record, nothing if
// it failed. The slice belongs to d until the next call.
func (d *Decoder) LeftOut() []Omission { return d.left[:d.leftLen] }

// note keeps what was left out for LeftOut.
func (d *Decoder) note(l *omitted) {
	for o := range optionals {
		if l.bits&(1<<o) != 0 {
			d.left[d.leftLen] = Omission{o, l.why[o]}
			d.leftLen++
		}
	}
}
