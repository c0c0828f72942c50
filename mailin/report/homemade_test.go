package report

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
		name: "a DSN run together", from: "MAILER-DAEMON@mx.example.net", subject: "Undelivered Mail Returned to Sender", recipient: "gone@example.com", class: "permanent", status: "5.1.1",
		text: `--ABC/mx
Content-Type: text/plain

This is the mail system at host mx.example.net.

--ABC/mx
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; gone@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <gone@example.com>:
    User unknown

--ABC/mx
`,
	},
	{
		name: "German", from: "mailer-daemon@mx.example.net", subject: "Unzustellbar: Ihre Bestellung", recipient: "weg@example.com", class: "permanent",
		text: `Ihre Nachricht konnte nicht zugestellt werden an:

weg@example.com
Die Adresse wurde nicht gefunden. (550 5.1.1)
`,
	},
}
