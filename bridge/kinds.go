package bridge

import "letterlock/bridge/wording"

// Kinds of deliveries beside messages, codes, alerts and answers. All are content-free, and have a template in every language.
const (
	DeliverDevice   DeliveryKind = "device"   // somebody signed in from a browser that was not seen before; leads to the account page
	DeliverReminder DeliveryKind = "reminder" // messages are still unread: to a participant, with or without a Thread and a Message
	DeliverUnopened DeliveryKind = "unopened" // to staff: a message of this Thread was never opened
	DeliverDigest   DeliveryKind = "digest"   // to staff: what waits in the desk, in numbers, which Payload holds
	DeliverTrouble  DeliveryKind = "trouble"  // to admins: an account that mail is fetched from or leaves by needs them
	DeliverSample   DeliveryKind = "sample"   // an admin's test of a template, to themself; Payload holds it
)

// Words returns what a content-free mail is about, and so which template it is set with; nothing for a kind that there is not.
func (o Outgoing) Words() wording.Kind {
	switch o.Delivery.Kind {
	case DeliverMessage:
		switch {
		case o.ToStaff:
			return wording.StaffNotice
		case o.First:
			return wording.Activation
		}
		return wording.Notice
	case DeliverReminder:
		if o.First {
			return wording.Activation // a reminder of what they know nothing of would seem strange
		}
		return wording.Reminder
	case DeliverCode:
		return wording.Code
	case DeliverDevice:
		return wording.Device
	case DeliverAlert:
		return wording.Alert
	case DeliverTrouble:
		return wording.Trouble
	case DeliverAnswer:
		return wording.Answer
	case DeliverUnopened:
		return wording.Unopened
	case DeliverDigest:
		return wording.Digest
	case DeliverSample:
		return o.Sample
	}
	return ""
}
