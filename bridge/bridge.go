// Package bridge is the domain of Letterlock: threads, messages, people, modes, reply addresses and the rules that join them.
//
// Everything that happens goes through a [Gateway]: mail that came in, a message written on the web, a program's call.
// The Gateway decides who may do what, which mode holds, what becomes of a received mail, and which deliveries a message
// causes. It keeps what must last through a [Store], and it knows nothing of SQL, SMTP, IMAP or HTTP: those packages know it.
//
// The words are the standards' own where there is one: envelope, reverse-path, forward-path, header field, Message-ID
// (RFC 5321, RFC 5322, RFC 5598).
package bridge
