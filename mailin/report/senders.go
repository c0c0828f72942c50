package report

import "strings"

// daemons are local parts that mail systems write bounces from, without the signs within them.
var daemons = []string{
	"mailerdaemon", "mailerdemon", "postmaster", "maildaemon", "mailsystem", "microsoftexchange", "mdaemon", "maildeliverysubsystem", "maildelivery", "maildeliverysystem", "nondelivery", "ndr", "nondeliveryreport", "bouncehandler", "doublebounce", "mailbounce",
	"complaintsdaemon", "mailadmin", "mailadministrator", "mailmaster", "qmailsend", "smtpdaemon", "deliverystatus", "undeliverable", "undelivered", "deliverynotification", "dsn", "mailrouter", "interscan", "returnedmail", "mailfailure",
}

// machines are local parts that no person writes from, but that send much beside bounces.
var machines = []string{
	"bounce", "bounces", "mailbot", "smtpd", "smtp", "mta", "qmail", "mailer", "sysadmin", "systemadministrator", "administrator", "admin", "root", "daemon", "noreply", "donotreply", "nobody", "autoreply", "autoresponder", "notification", "notifications", "notify", "alert", "alerts", "system", "mail", "exchange", "server", "mailserver", "mailgateway", "gateway",
	"antispam", "antivirus", "security", "mailsecurity", "listserv", "majordomo", "mailman", "sympa", "network", "hostmaster", "internet", "automail", "robot",
}

// squeezed is a local part in lower case without the signs that set its words apart, so that Post_Master is postmaster.
func squeezed(addr string) string {
	local, _, _ := strings.Cut(strings.ToLower(addr), "@")
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_. \"<>'", r) {
			return -1
		}
		return r
	}, local)
}

// isDaemon reports whether an address is one that mail systems write bounces from.
func isDaemon(addr string) bool { return named(addr, daemons) }

// isMachine reports whether an address is one that programs write from.
func isMachine(addr string) bool { return named(addr, machines) }

func named(addr string, list []string) bool {
	local := squeezed(addr)
	for _, d := range list {
		if rest, ok := strings.CutPrefix(local, d); ok && (rest == "" || !isLetter(rest[0]) || d == "microsoftexchange") {
			return true
		}
	}
	return false
}

// isDaemonName reports whether a display name is one that mail systems give themselves.
func isDaemonName(name string) bool {
	name = strings.ToLower(name)
	if name == "microsoft outlook" || name == "mail delivery" {
		return true
	}
	for _, d := range []string{
		"mail delivery sub", "mail delivery system", "mailer-daemon", "mail delivery service", "mail delivery notif", "mail administrator", "system administrator", "systemadministrator", "administrateur système", "administrador del sistema", "administrador do sistema", "amministratore di sistema", "amministratore del sistema", "systeembeheerder", "systemadministratör", "systemansvarig", "järjestelmänvalvoja", "administrator systemu", "správce systému", "системный администратор", "системний адміністратор", "διαχειριστής συστήματος", "sistem yöneticisi", "系统管理员", "系統管理員", "システム管理者", "시스템 관리자",
		"internet mail delivery", "mail system", "mailer daemon", "mail daemon", "mailer demon", "postmaster", "mail server daemon", "mdaemon", "mail-system", "undeliverable", "mail router", "microsoft exchange", "interscan", "bounce manager", "email delivery system", "e-mail delivery system", "delivery subsystem", "message delivery system", "mail transport system", "sistema de correo", "mailsystem", "system poczty",
	} {
		if strings.Contains(name, d) {
			return true
		}
	}
	return false
}

// mayBePerson reports whether a mail from an address of daemons may be a person's all the same: a postmaster is one now and then, but not under a
// null reverse-path.
func mayBePerson(m Mail) bool {
	return !m.NullSender && (!isDaemon(m.From) || hasAnyPrefix(squeezed(m.From), "postmaster", "mailadmin", "mailmaster"))
}

// isRobot reports whether no person can have sent the mail, as its sender tells, or for a postmaster, that it begins at once with what servers say.
func isRobot(m Mail, words []line) bool {
	if !mayBePerson(m) {
		return isDaemon(m.From)
	}
	return isDaemon(m.From) && isBounceSubject(m.Subject) && (opensAtOnce(words) || opensWithLabel(words))
}

// senderWeight says how much the sender is that of bounces: 3 for one that writes little else, 1 for some program, 0 for what may be a person.
func senderWeight(m Mail) int {
	switch {
	case m.NullSender, isDaemon(m.From), isDaemonName(m.FromName):
		return 3
	case isMachine(m.From):
		return 1
	}
	return 0
}

// isAutomatic reports whether a field says that a program sent the mail by itself (RFC 3834, and what is older).
func isAutomatic(m Mail) bool {
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(m.Field("auto-submitted"))), "auto-") || m.Field("x-failed-recipients") != "" {
		return true
	}
	return m.Field("x-autoreply") != "" || m.Field("x-ms-exchange-message-is-ndr") != "" || m.Field("x-ms-exchange-generated-message-source") != ""
}
