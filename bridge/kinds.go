package bridge

// Kinds of deliveries beside messages, codes, alerts and answers. All are content-free, and have a template in every language.
const (
	DeliverDevice   DeliveryKind = "device"   // somebody signed in from a browser that was not seen before; leads to the account page
	DeliverReminder DeliveryKind = "reminder" // messages are still unread: to a participant, with or without a Thread and a Message
	DeliverUnopened DeliveryKind = "unopened" // to staff: a message of this Thread was never opened
	DeliverDigest   DeliveryKind = "digest"   // to staff: something waits in the desk
	DeliverSample   DeliveryKind = "sample"   // an admin's test of a template, to themself; Payload holds it
)
