package report

import (
	"strings"
	"testing"

	"letterlock/bridge"
)

// words is a bounce in a server's own words, and what it says.
type words struct {
	name, from, subject, text string
	fields                    map[string]string
	parts                     []Part
	recipient, class, status  string
	action                    string
}

func (w words) mail() Mail {
	return Mail{Type: "text/plain", From: w.from, Subject: w.subject, Text: w.text, Parts: w.parts, Field: func(n string) string { return w.fields[n] }}
}

var homemade = []words{
	{
		name: "qmail", from: "MAILER-DAEMON@mx.example.net", subject: "failure notice", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		text: `Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<gone@example.com>:
192.0.2.4 does not like recipient.
Remote host said: 550 5.1.1 no such mailbox
Giving up on 192.0.2.4.

--- Below this line is a copy of the message.

Return-Path: <bounces@mail.example.org>
Message-ID: <m.abcdef@mail.example.org>
To: gone@example.com
`,
	},
	{
		name: "qmail, local", from: "MAILER-DAEMON@mx.example.net", subject: "failure notice", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		text: `Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<gone@example.com>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Message-ID: <m.abcdef@mail.example.org>
`,
	},
	{
		name: "Exim", from: "Mailer-Daemon@mx.example.net", subject: "Mail delivery failed: returning message to sender", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		fields: map[string]string{"x-failed-recipients": "gone@example.com", "auto-submitted": "auto-replied"},
		text: `This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  gone@example.com
    host mx.example.com [192.0.2.4]
    SMTP error from remote mail server after RCPT TO:<gone@example.com>:
    550 5.1.1 <gone@example.com>: User unknown

------ This is a copy of the message, including all the headers. ------

Return-path: <bounces@mail.example.org>
Message-ID: <m.abcdef@mail.example.org>
`,
	},
	{
		name: "Exim, no route", from: "Mailer-Daemon@mx.example.net", subject: "Mail delivery failed: returning message to sender", recipient: "ann@nowhere.example", class: "permanent", status: "5.1.2",
		fields: map[string]string{"x-failed-recipients": "ann@nowhere.example"},
		text: `This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ann@nowhere.example
    Unrouteable address

------ This is a copy of the message, including all the headers. ------

Message-ID: <m.abcdef@mail.example.org>
`,
	},
	{
		name: "Exim, delayed", from: "Mailer-Daemon@mx.example.net", subject: "Warning: message 1abcDE-000123-4X delayed 24 hours", recipient: "slow@example.com", class: "temporary", action: "delayed",
		text: `This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx.example.net.

The message identifier is:     1abcDE-000123-4X
The subject of the message is: Your order

The address to which the message has not yet been delivered is:

  slow@example.com
    Delay reason: connection timed out

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated at intervals if the message
remains undelivered.
`,
	},
	{
		name: "Sendmail", from: "MAILER-DAEMON@mx.example.net", subject: "Returned mail: see transcript for details", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		text: `The original message was received at Fri, 20 Nov 2026 08:15:00 +0100
from mail.example.org [192.0.2.9]

   ----- The following addresses had permanent fatal errors -----
<gone@example.com>
    (reason: 550 5.1.1 <gone@example.com>... User unknown)

   ----- Transcript of session follows -----
... while talking to mx.example.com.:
>>> DATA
<<< 550 5.1.1 <gone@example.com>... User unknown
550 5.1.1 <gone@example.com>... User unknown
<<< 503 5.0.0 Need RCPT (recipient)
`,
	},
	{
		name: "old Postfix", from: "MAILER-DAEMON@mx.example.net", subject: "Undelivered Mail Returned to Sender", recipient: "full@example.com", class: "permanent", status: "5.2.2",
		text: `This is the Postfix program at host mx.example.net.

I'm sorry to have to inform you that the message returned
below could not be delivered to one or more destinations.

If you do so, please include this problem report. You can
delete your own text from the message returned below.

			The Postfix program

<full@example.com>: host mx.example.com[192.0.2.4] said: 552 5.2.2 Over
    quota (in reply to RCPT TO command)
`,
		parts: []Part{{"message/rfc822", []byte("Message-ID: <m.abcdef@mail.example.org>\r\n\r\n")}},
	},
	{
		name: "Courier", from: "postmaster@mx.example.net", subject: "NOTICE: mail delivery status.", recipient: "gone@example.com", class: "permanent",
		text: `This is a delivery status notification from mx.example.net,
running the Courier mail server, version 0.73.

The original message was received on Fri, 20 Nov 2026 08:15:00 +0100
from mail.example.org (mail.example.org [::ffff:192.0.2.9])

---------------------------------------------------------------------------

                           UNDELIVERABLE MAIL

Your message to the following recipients cannot be delivered:

<gone@example.com>:
    mx.example.com [192.0.2.4]:
>>> RCPT TO:<gone@example.com>
<<< 550 User unknown.

---------------------------------------------------------------------------

If your message was also sent to additional recipients, their delivery
status is not included in this report.
`,
	},
	{
		name: "Gmail, old", from: "mailer-daemon@googlemail.com", subject: "Delivery Status Notification (Failure)", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		fields: map[string]string{"x-failed-recipients": "gone@example.com"},
		text: `Delivery to the following recipient failed permanently:

     gone@example.com

Technical details of permanent failure: 
Google tried to deliver your message, but it was rejected by the server for the recipient domain example.com by mx.example.com. [192.0.2.4].

The error that the other server returned was:
550 5.1.1 <gone@example.com>: Recipient address rejected: User unknown

----- Original message -----

Message-ID: <m.abcdef@mail.example.org>
`,
	},
	{
		name: "Gmail, new, without its parts", from: "mailer-daemon@googlemail.com", subject: "Delivery Status Notification (Failure)", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		fields: map[string]string{"x-failed-recipients": "gone@example.com", "auto-submitted": "auto-replied"},
		text: `** Address not found **

Your message wasn't delivered to gone@example.com because the address couldn't be found, or is unable to receive mail.

Learn more here: https://support.google.example/answer

The response was:

550 5.1.1 The email account that you tried to reach does not exist. Please try double-checking the recipient's email address.
`,
	},
	{
		name: "Gmail, incomplete", from: "mailer-daemon@googlemail.com", subject: "Delivery Status Notification (Delay)", recipient: "slow@example.com", class: "temporary", action: "delayed",
		text: `** Delivery incomplete **

There was a temporary problem delivering your message to slow@example.com. Gmail will retry for 46 more hours. You'll be notified if the delivery fails permanently.
`,
	},
	{
		name: "Yahoo", from: "MAILER-DAEMON@yahoo.example", subject: "Failure Notice", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		text: `Sorry, we were unable to deliver your message to the following address.

<gone@example.com>:
554: delivery error: dd This user doesn't have an example.com account (gone@example.com) [0] - mta1.example.com

--- Below this line is a copy of the message.

Message-ID: <m.abcdef@mail.example.org>
`,
	},
	{
		name: "Exchange 2003", from: "postmaster@example.com", subject: "Undeliverable: Your order", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		text: `Your message did not reach some or all of the intended recipients.

      Subject:	Your order
      Sent:	11/20/2026 8:15 AM

The following recipient(s) could not be reached:

      gone@example.com on 11/20/2026 8:15 AM
            The e-mail account does not exist at the organization this message was sent to.  Check the e-mail address, or contact the recipient directly to find out the correct address.
            <mx.example.com #5.1.1>
`,
	},
	{
		name: "Exchange 2010", from: "MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.com", subject: "Undeliverable: Your order", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		text: `Delivery has failed to these recipients or groups:

gone@example.com<mailto:gone@example.com>
The e-mail address you entered couldn't be found. Please check the recipient's e-mail address and try to resend the message.

Diagnostic information for administrators:

Generating server: mx.example.com

gone@example.com
#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##

Original message headers:

Received: from mail.example.org (192.0.2.9) by mx.example.com
Message-ID: <m.abcdef@mail.example.org>
`,
	},
	{
		name: "Microsoft 365", from: "postmaster@example.onmicrosoft.example", subject: "Undeliverable: Your order", recipient: "gone@example.com", class: "permanent", status: "5.1.10",
		text: `Your message to gone@example.com couldn't be delivered.
gone wasn't found at example.com.
desk	Office 365	gone
Action Required				Recipient

Unknown To address

Error Details
Reported error:	550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient gone@example.com not found by SMTP address lookup
DSN generated by:	AM0PR01MB1234.example.com

Original Message Headers

Message-ID: <m.abcdef@mail.example.org>
`,
	},
	{
		name: "Domino", from: "Postmaster@example.com", subject: "DELIVERY FAILURE: User gone (gone@example.com) not listed in Domino Directory", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		text: `Your message

  Subject: Your order

was not delivered to:

  gone@example.com

because:

  User gone (gone@example.com) not listed in Domino Directory
`,
	},
	{
		name: "IronPort", from: "MAILER-DAEMON@mx.example.net", subject: "Undeliverable Message", recipient: "gone@example.com", class: "permanent", status: "5.1.0",
		text: `The following message to <gone@example.com> was undeliverable.
The reason for the problem:
5.1.0 - Unknown address error 550-'gone@example.com... No such user'
`,
		parts: []Part{{"message/rfc822", []byte("Message-ID: <m.abcdef@mail.example.org>\r\n\r\n")}},
	},
	{
		name: "SmarterMail", from: "noreply@mx.example.net", subject: "Delivery Failure", recipient: "gone@example.com", class: "permanent",
		text: `Could not deliver message to the following recipient(s):

Failed Recipient: gone@example.com
Reason: Remote host said: 550 No Such User Here

   -- The header and top 20 lines of the message follows --

Received: from mail.example.org
Message-ID: <m.abcdef@mail.example.org>
`,
	},
	{
		name: "smail", from: "postmaster@mx.example.net", subject: "mail failed, returning to sender", recipient: "gone@example.com", class: "permanent", status: "5.1.2",
		text: `|------------------------- Message log follows: -------------------------|
 no valid recipients were found for this message
|------------------------- Failed addresses follow: ---------------------|
 <gone@example.com> ... unknown host
|------------------------- Message text follows: ------------------------|
Received: from mail.example.org
`,
	},
	{
		name: "GMX", from: "mailer-daemon@gmx.example", subject: "Mail delivery failed: returning message to sender", recipient: "gone@example.com", class: "permanent",
		text: `This message was created automatically by mail delivery software.

A message that you sent could not be delivered to
one or more of its recipients. This is a permanent error.
The following address failed:

gone@example.com:
SMTP error from remote server for RCPT TO command, host: mx.example.com (192.0.2.4) reason: 550 unknown user

--- The header of the original message is following. ---

Received: from mail.example.org
Message-ID: <m.abcdef@mail.example.org>
`,
	},
	{
		name: "carrier", from: "MAILER-DAEMON@carrier.example", subject: "Mail System Error - Returned Mail", recipient: "gone@carrier.example", class: "permanent", status: "5.1.1",
		text: `This Message was undeliverable due to the following reason:

Each of the following recipients was rejected by a remote mail server.
The reasons given by the server are included to help you determine why
each recipient was rejected.

    Recipient: <gone@carrier.example>
    Reason:    <gone@carrier.example>... User unknown


Please reply to <Postmaster@carrier.example>
if you feel this message to be in error.
`,
	},
	{
		name: "carrier, full", from: "Postmaster@carrier.example", subject: "Mail System Error - Returned Mail", recipient: "full@carrier.example", class: "permanent", status: "5.2.2",
		text: `Could not be delivered to: <full@carrier.example>
As their mailbox is full.

-----Original Message-----
`,
	},
	{
		name: "MDaemon", from: "MDaemon@mx.example.net", subject: "Permanent Delivery Failure", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		text: `The attached message had PERMANENT fatal delivery errors!

After one or more unsuccessful delivery attempts the attached message has
been removed from the mail queue on this server.

YOUR MESSAGE WAS NOT DELIVERED TO ONE OR MORE RECIPIENTS!

Failed address: gone@example.com

--- Session Transcript ---
 Fri 2026-11-20 08:15:00: --> RCPT To:<gone@example.com>
 Fri 2026-11-20 08:15:00: <-- 550 5.1.1 Recipient unknown
--- End Transcript ---
`,
	},
	{
		name: "GroupWise", from: "Mailer-Daemon@mx.example.net", subject: "Message status - undeliverable", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		text: `The message that you sent was undeliverable to the following:
	gone@example.com (user not found)

Possibly truncated original message follows:
`,
	},
	{
		name: "CommuniGate", from: "MAILER-DAEMON@mx.example.net", subject: "Undeliverable mail: Your order", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		text: `Failed to deliver to 'gone@example.com'
SMTP module(domain example.com) reports:
 host mx.example.com says:
 550 5.1.1 User unknown
`,
	},
	{
		name: "PowerMTA", from: "mailer-daemon@mx.example.net", subject: "Delivery report", recipient: "gone@example.com", class: "permanent",
		text: `Hello, this is the mail server on mx.example.net.

I am sending you this message to inform you on the delivery status of a
message you previously sent.  Immediately below you will find a list of
the affected recipients;  also attached is a Delivery Status Notification
(DSN) report in standard format, as well as the headers of the original
message.

  <gone@example.com>  delivery failed; will not continue trying
`,
	},
	{
		name: "OpenSMTPD", from: "mailer-daemon@mx.example.net", subject: "Delivery status notification: error", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		text: `    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this email.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

gone@example.com: 550 5.1.1 Unknown recipient

    Below is a copy of the original message:

Message-ID: <m.abcdef@mail.example.org>
`,
	},
	{
		name: "James", from: "postmaster@mx.example.net", subject: "Re:Your order", recipient: "gone@example.com", class: "permanent",
		fields: map[string]string{"x-failed-recipients": ""},
		text: `Hi. This is the James mail server at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out. Below
I include the list of recipients and the reason why I was unable to deliver
your message.

Failed recipient(s):
gone@example.com

Error message:
550 No such user
`,
	},
	{
		name: "Zoho", from: "mailer-daemon@mx.example.net", subject: "Undelivered Mail Returned to Sender", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		text: `This message was created automatically by mail delivery software.
 A message that you sent could not be delivered to one or more of its recipients. This is a permanent error. 

gone@example.com, ERROR CODE :550 - 5.1.1 The email account that you tried to reach does not exist.
`,
	},
	{
		name: "old Notes", from: "Postmaster@mx.example.net", subject: "DELIVERY FAILURE: User not listed in public Name & Address Book", recipient: "gone@example.com", class: "permanent",
		text: `------- Failure Reasons  --------

User not listed in public Name & Address Book
gone@example.com

------- Returned Message --------

`,
	},
	{
		name: "Chinese", from: "postmaster@mx.example.net", subject: "系统退信/Systems bounce", recipient: "gone@example.com", class: "permanent",
		text: "抱歉，您的邮件被退回来了……\n\n收件人邮件地址： gone@example.com\n\n退信原因： 550 User not found\n",
	},
	{
		name: "Japanese", from: "mailer-daemon@mx.example.net", subject: "メールが配信できませんでした", recipient: "gone@example.com", class: "permanent",
		text: "次の宛先に配信できませんでした。\n\n<gone@example.com>\n550 5.1.1 User unknown\n",
	},
	{
		name: "German", from: "mailer-daemon@mx.example.net", subject: "Unzustellbar: Ihre Bestellung", recipient: "weg@example.com", class: "permanent",
		text: `Ihre Nachricht konnte nicht zugestellt werden an:

weg@example.com
Die Adresse wurde nicht gefunden. (550 5.1.1)
`,
	},
}

func TestHomemade(t *testing.T) {
	for _, w := range homemade {
		t.Run(w.name, func(t *testing.T) {
			r, ok := Read(w.mail())
			if !ok || r.Kind != bridge.KindBounce {
				t.Fatalf("not read as a bounce")
			}
			if len(r.Recipients) != 1 {
				t.Fatalf("recipients %+v, want one", r.Recipients)
			}
			got := r.Recipients[0]
			if got.Recipient != w.recipient || got.Class != w.class || w.status != "" && got.Status != w.status || w.action != "" && got.Action != w.action || got.Action == "" || got.Status == "" || got.Diagnostic == "" {
				t.Errorf("got %+v, want %s %s %s", got, w.recipient, w.class, w.status)
			}
			if (strings.Contains(w.text, "m.abcdef@") || len(w.parts) > 0) && (len(r.MessageIDs) != 1 || r.MessageIDs[0] != "m.abcdef@mail.example.org") {
				t.Errorf("message ids %q", r.MessageIDs)
			}
		})
	}
}

// TestQuotedBounce sends each bounce on as a person would: none may be taken for a bounce.
func TestQuotedBounce(t *testing.T) {
	for _, w := range homemade {
		quoted := "> " + strings.ReplaceAll(w.text, "\n", "\n> ")
		for name, m := range map[string]Mail{
			"forwarded": {From: "ann@example.com", Subject: "Fwd: " + w.subject, Text: "What does this mean?\n\n---------- Forwarded message ---------\n" + w.text},
			"answered":  {From: "ann@example.com", Subject: "Re: " + w.subject, Text: "I changed the address.\n\n" + quoted, InReplyTo: true},
			"pasted":    {From: "ann@example.com", Subject: "My mail does not arrive", Text: "I got this:\n\n" + w.text},
			"helped":    {From: "postmaster@example.com", Subject: "Re: " + w.subject, Text: "This address is wrong, see below.\n\n" + quoted, InReplyTo: true},
			"attached":  {From: "ann@example.com", Subject: "a bounce", Text: "See the attached mail.", Type: "multipart/mixed", Parts: []Part{{"message/rfc822", []byte(w.text)}}},
		} {
			if r, ok := Read(m); ok {
				t.Errorf("%s, %s: read as %s", w.name, name, r.Kind)
			}
		}
	}
}

// TestLookAlikes holds mails that speak of delivery, failure or addresses and are none of it.
func TestLookAlikes(t *testing.T) {
	for _, m := range []Mail{
		{From: "noreply@parcels.example", Subject: "Delivery failed", Text: "We could not deliver your parcel today. Questions? Write to help@parcels.example."},
		{From: "noreply@parcels.example", Subject: "Delivery notification", Text: "Your parcel has been delivered to the following address: 1 Main Street."},
		{From: "postmaster@example.com", Subject: "Mail server maintenance", Text: "The mail system will be down on Sunday. Mail will be retried by senders."},
		{From: "postmaster@example.com", Subject: "Your mailbox is almost full", Text: "You are using 95 % of your quota. Delete old mail."},
		{From: "ann@example.com", Subject: "undeliverable", Text: "My last letter to you came back as undeliverable. Which address is right? Mine is ann@example.com."},
		{From: "ann@example.com", Subject: "user unknown", Text: "Your server told me 550 5.1.1 user unknown when I wrote to bob@example.org. What can I do?"},
		{From: "mailer@shop.example", Subject: "Your order", Text: "Thank you for your order 550."},
		{From: "newsletter@shop.example", Subject: "Bounce back into spring!", Text: "Trampolines at half price, delivered to you."},
		{From: "bounces+123@lists.example", Subject: "Weekly digest", Text: "The following articles were published."},
		{From: "ann@example.com", Subject: "", Text: ""},
		{From: "ann@example.com", NullSender: true, Subject: "Out of office: user unknown", Text: "I am away until Monday. For urgent cases write to bob@example.com. Your message to me was not read."},
		{From: "ann@example.com", NullSender: true, Subject: "Re: Your order", Text: "I have read the message you sent and will answer."},
		{From: "support@example.com", Subject: "Ticket 550: delivery failure of your server", Text: "We saw that mail to ann@example.com failed permanently. Your server was unable to deliver. Please call us."},
		{From: "postmaster@example.com", Subject: "DMARC report", Text: "Report domain: example.org Submitter: example.com"},
	} {
		if r, ok := Read(m); ok {
			t.Errorf("%q from %s: read as %s", m.Subject, m.From, r.Kind)
		}
	}
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []bridge.ReportedRecipient
	}{
		{"two recipients", "Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 5.1.1 (unknown)\nDiagnostic-Code: smtp; 550 no\n\nFinal-Recipient: rfc822;b@example.com\nAction: delayed\nStatus: 4.4.1\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "5.1.1", Diagnostic: "550 no", Class: "permanent"},
			{Recipient: "b@example.com", Action: "delayed", Status: "4.4.1", Class: "temporary"},
		}},
		{"no empty lines", "Final-Recipient: rfc822; a@example.com\r\nAction: failed\r\nStatus: 5.0.0\r\nFinal-Recipient: rfc822; b@example.com\r\nAction: failed\r\nStatus: 5.0.0\r\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "5.0.0", Class: "permanent"},
			{Recipient: "b@example.com", Action: "failed", Status: "5.0.0", Class: "permanent"},
		}},
		{"original only", "Original-Recipient: rfc822;<a@example.com>\nAction: Failed\nStatus: 5.2.2\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "5.2.2", Class: "permanent"},
		}},
		{"gave up", "Final-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 4.4.7\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "4.4.7", Class: "temporary"},
		}},
		{"status only in diagnostic", "Final-Recipient: rfc822; a@example.com\nAction: failed\nDiagnostic-Code: smtp;550-5.7.26 unauthenticated\n 550 5.7.26 mail\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "5.7.26", Diagnostic: "550-5.7.26 unauthenticated 550 5.7.26 mail", Class: "permanent"},
		}},
		{"generic status refined", "Final-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.1.1 unknown\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "5.1.1", Diagnostic: "550 5.1.1 unknown", Class: "permanent"},
		}},
		{"delivered", "Final-Recipient: rfc822; a@example.com\nAction: delivered\nStatus: 2.1.5\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "delivered", Status: "2.1.5", Class: "success"},
		}},
		{"internationalized", "Final-Recipient: utf-8; j\\x{FC}rgen@example.com\nAction: failed\nStatus: 5.6.7\n", []bridge.ReportedRecipient{
			{Recipient: "jürgen@example.com", Action: "failed", Status: "5.6.7", Class: "permanent"},
		}},
		{"xtext", "Final-Recipient: rfc822; a+40example.com\nAction: failed\nStatus: 5.1.1\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "5.1.1", Class: "permanent"},
		}},
		{"nothing", "", nil},
	} {
		r, ok := Read(Mail{Type: "multipart/report", ReportType: "delivery-status", From: "MAILER-DAEMON@example.net", Subject: "Returned mail", Parts: []Part{{"message/delivery-status", []byte(c.in)}}})
		if !ok || r.Kind != bridge.KindBounce {
			t.Errorf("%s: not read as a bounce", c.name)
		}
		if len(r.Recipients) != len(c.want) {
			t.Errorf("%s: got %+v, want %+v", c.name, r.Recipients, c.want)
			continue
		}
		for i, got := range r.Recipients {
			if got != c.want[i] {
				t.Errorf("%s: got %+v, want %+v", c.name, got, c.want[i])
			}
		}
	}
}

func TestOtherReports(t *testing.T) {
	arf := Mail{Type: "multipart/report", ReportType: "feedback-report", Subject: "FW: offer", Parts: []Part{{"message/feedback-report", []byte("Feedback-Type: abuse\n")}, {"message/rfc822", []byte("Subject: x\r\nMessage-ID:\r\n <m.abcdef@mail.example.org>\r\n\r\n")}}}
	if r, ok := Read(arf); !ok || r.Kind != bridge.KindComplaint || len(r.MessageIDs) != 1 {
		t.Errorf("complaint: got %+v, %t", r, ok)
	}
	mdn := Mail{Type: "multipart/report", Parts: []Part{{"message/disposition-notification", []byte("Final-Recipient: rfc822;a@example.com\nOriginal-Message-ID: <m.abcdef@mail.example.org>\nDisposition: manual-action/MDN-sent-manually; displayed\n")}}}
	if r, ok := Read(mdn); !ok || r.Kind != bridge.KindReceipt || len(r.MessageIDs) != 1 {
		t.Errorf("receipt: got %+v, %t", r, ok)
	}
}

func TestCodes(t *testing.T) {
	for _, c := range []struct{ in, enhanced, reply string }{
		{"550 5.1.1 no", "5.1.1", "550"},
		{"(#5.1.1)", "5.1.1", ""},
		{"host 5.1.1.9 said 421", "", "421"},
		{"SMTP;550-5.7.26 x", "5.7.26", "550"},
		{"order 4711, version 5.10", "", ""},
		{"port 587, 4551 items", "", ""},
		{"status=5.4.310", "5.4.310", ""},
		{"", "", ""},
	} {
		if got := findEnhanced(c.in); got != c.enhanced {
			t.Errorf("findEnhanced(%q) = %q, want %q", c.in, got, c.enhanced)
		}
		if got := replyCode(c.in); got != c.reply {
			t.Errorf("replyCode(%q) = %q, want %q", c.in, got, c.reply)
		}
	}
}

func FuzzReport(f *testing.F) {
	for _, w := range homemade {
		f.Add(w.from, w.subject, w.text, []byte(w.text))
	}
	f.Add("MAILER-DAEMON@x", "failure notice", "", []byte("Final-Recipient: rfc822; a@b\nAction: failed\n"))
	f.Fuzz(func(t *testing.T, from, subject, text string, status []byte) {
		for _, m := range []Mail{{From: from, Subject: subject, Text: text, NullSender: true}, {Type: "multipart/report", From: from, Text: text, Parts: []Part{{"message/delivery-status", status}, {"message/rfc822", status}}}} {
			r, ok := Read(m)
			if !ok && len(r.Recipients) > 0 {
				t.Error("recipients without a report")
			}
			for _, p := range r.Recipients {
				if p.Class != permanent && p.Class != temporary && p.Class != success {
					t.Errorf("class %q", p.Class)
				}
				if strings.ContainsAny(p.Recipient+p.Diagnostic+p.Status, "\r\n\x00") || len(p.Recipient) > 254 {
					t.Errorf("recipient %+q", p)
				}
			}
		}
	})
}
