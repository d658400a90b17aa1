package codec

import "strconv"

// Optional is an optional value of a record. If it is wrong, it is left out, and the
// position is decoded without it. Those that have a bit in Fields come first, in the
// same order.
type Optional uint8

// The optional values.
const (
	OptionalAlt Optional = iota
	OptionalSpeed
	OptionalCourse
	OptionalSats
	OptionalPriority
	OptionalCodec
	OptionalAttributes // all attributes of the record
	OptionalAttribute  // one or more single attributes
	OptionalFaulty     // the position then counts as faulty
	optionals
)

var optionalNames = [optionals]string{
	"alt", "speed", "course", "sats", "priority", "codec", "attributes", "attribute", "faulty",
}

// String returns the value's label in metrics: the name of its field in a flat
// record, also for the values of a payload.
func (o Optional) String() string {
	if o < optionals {
		return optionalNames[o]
	}
	return "Optional(" + strconv.Itoa(int(o)) + ")"
}

// Omission is a value of a record that was left out, and the reason. If several
// attributes of a record were left out, it is the reason for the first.
type Omission struct {
	Value  Optional
	Reason Reason
}

// omissionReasons lists the reasons for which each value can be left out.
var omissionReasons = [optionals][]Reason{
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
	for o, reasons := range omissionReasons {
		for _, reason := range reasons {
			all = append(all, Omission{Optional(o), reason})
		}
	}
	return all
}

// omissions is what was left out of one record.
type omissions struct {
	bits   uint16 // by Optional
	reason [optionals]Reason
}

// add records that a value is left out.
func (o *omissions) add(value Optional, reason Reason) {
	o.bits |= 1 << value
	o.reason[value] = reason
}

// remove removes values that occurred again and were right.
func (o *omissions) remove(bits uint16) { o.bits &^= bits }

// LeftOut returns what the last Decode has left out of its record, and nothing if
// that failed. The slice belongs to d and is valid until the next call.
func (d *Decoder) LeftOut() []Omission { return d.leftOut[:d.leftOutLen] }

// setLeftOut sets what LeftOut returns.
func (d *Decoder) setLeftOut(o *omissions) {
	for value := range optionals {
		if o.bits&(1<<value) != 0 {
			d.leftOut[d.leftOutLen] = Omission{value, o.reason[value]}
			d.leftOutLen++
		}
	}
}
