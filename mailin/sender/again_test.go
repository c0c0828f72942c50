package sender

import (
	"strings"
	"testing"

	"letterlock/bridge"
)

// A letter that ann wrote to somebody else comes once more, to a reply address that leaked. Whoever proves that it is hers, it is none to there.
func TestOldLetter(t *testing.T) {
	k := keys()
	w := newWorld(t, dkimZone()+`
		s._domainkey.list.example. IN TXT `+record(k["other"], "")+`
	`, func(c *Config) {
		c.Accounts = map[string][]string{"office": {"mx.host.example"}}
		c.Sealers = []string{"list.example"}
	})
	const (
		saw   = "Authentication-Results: mx.host.example; spf=pass smtp.mailfrom=eve@evil.example; dkim=pass header.d=example.org; dmarc=pass header.from=example.org\r\n"
		here  = "To: reply+token@desk.example\r\n"
		bogus = "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=good; h=From:To:Cc; bh=AAAA; b=AAAA\r\n"
		other = "DKIM-Signature: v=1; a=rsa-sha256; d=evil.example; s=good; h=From; bh=AAAA; b=AAAA\r\n"
	)
	// moved is a mail whose To is another one than what was signed.
	moved := func(mail string) string {
		return strings.Replace(mail, "To: shop@elsewhere.example\r\n", here, 1)
	}
	changed := func(mail string) string { return strings.Replace(mail, "Yes,", "No,", 1) }
	old := strings.Replace(plainLetter, here, "To: shop@elsewhere.example\r\n", 1)
	signed := sign(t, old, "example.org", "good", k["good"])
	bare := signTags(t, old, "d=example.org; s=good; h=From:Subject", k["good"])
	begun := signTags(t, old, "d=example.org; s=good; h=From:To; l=10", k["good"])
	own := sign(t, plainLetter, "example.org", "good", k["good"])
	sealed := func(mail string) string {
		return seal(t, mail, 1, "list.example", "s", sawPass, "none", k["other"])
	}
	mailbox := func(raw string) letter {
		return letter{imap: "office", raw: raw, to: "reply+token@desk.example", claims: "ann@example.org"}
	}
	inbox := func(l letter) letter {
		l.to, l.claims = "hello@desk.example", ""
		return l
	}
	const pass, fail = bridge.VerdictPass, bridge.VerdictFail
	w.run(t, []judged{
		{"signed", mailbox(saw + signed), fail, MethodDKIM, "old letter"},
		{"with a second To", mailbox(saw + here + signed), fail, MethodUpstream, "old letter"},
		{"under more signatures than are looked at", mailbox(saw + strings.Repeat(bogus, maxSignatures) + moved(bare)), fail, MethodUpstream, "old letter"},
		{"under many strange ones", mailbox(saw + here + strings.Repeat(other, maxListed) + signed), fail, MethodUpstream, "old letter"},
		{"under one that can't be read", mailbox(saw + here + strings.Replace(signed, "d=example.org", "d=example.org; ;", 1)), fail, MethodUpstream, "old letter"},
		{"with a text behind what was signed", mailbox(saw + begun), fail, MethodUpstream, "old letter"},
		{"changed on its way to there", mailbox(saw + changed(signed)), fail, MethodUpstream, "old letter"},
		{"through a list", mailbox(sealed(old)), fail, MethodARC, "old letter"},
		{"to an inbox", inbox(mailbox(saw + here + signed)), pass, MethodUpstream, ""},
		{"through a list, to an inbox", inbox(mailbox(sealed(old))), pass, MethodARC, ""},

		{"a reply", mailbox(saw + own), pass, MethodDKIM, ""},
		{"a reply, changed by the mailbox's host", mailbox(saw + changed(own)), pass, MethodUpstream, ""},
		{"a reply that others signed, too", mailbox(saw + other + changed(own)), pass, MethodUpstream, ""},
		{"a reply that nobody signed", mailbox(saw + plainLetter), pass, MethodUpstream, ""},
		{"a reply through a list", mailbox(sealed(plainLetter)), pass, MethodARC, ""},
	})
}

// It comes to an inbox, with a Message-ID of ours that leaked.
func TestOldLetterThatRefersToOurs(t *testing.T) {
	k := keys()
	w := newWorld(t, dkimZone()+`
		example.org.               IN TXT "v=spf1 ip4:192.0.2.1 -all"
		s._domainkey.list.example. IN TXT `+record(k["other"], "")+`
	`, func(c *Config) {
		c.Accounts = map[string][]string{"office": {"mx.host.example"}}
		c.Sealers = []string{"list.example"}
	})
	const (
		saw    = "Authentication-Results: mx.host.example; spf=pass smtp.mailfrom=eve@evil.example; dkim=pass header.d=example.org; dmarc=pass header.from=example.org\r\n"
		answer = "In-Reply-To: <m.ours@desk.example>\r\n"
		trail  = "References: <m.ours@desk.example>\r\n"
		bogus  = "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=good; h=From:To:In-Reply-To:References; bh=AAAA; b=AAAA\r\n"
		other  = "DKIM-Signature: v=1; a=rsa-sha256; d=evil.example; s=good; h=From; bh=AAAA; b=AAAA\r\n"
	)
	over := func(mail, names string) string {
		return signTags(t, mail, "d=example.org; s=good; h=From:To:Subject:"+names, k["good"])
	}
	changed := func(mail string) string { return strings.Replace(mail, "Yes,", "No,", 1) }
	old := strings.Replace(plainLetter, "reply+token@desk.example", "shop@elsewhere.example", 1)
	signed := over(old, "Date")
	elsewhere := over("In-Reply-To: <order@elsewhere.example>\r\n"+old, "In-Reply-To")
	begun := signTags(t, answer+old, "d=example.org; s=good; h=From:In-Reply-To; l=10", k["good"])
	both := over(answer+trail+plainLetter, "in-reply-to:REFERENCES:References")
	sealed := func(mail string, more ...string) string {
		return seal(t, mail, 1, "list.example", "s", sawPass, "none", k["other"], more...)
	}
	letters := func(raw string) letter {
		return letter{from: "eve@evil.example", ip: "203.0.113.9", helo: "a.example", to: "hello@desk.example", raw: raw, refers: "ann@example.org"}
	}
	mailbox := func(raw string) letter {
		return letter{imap: "office", raw: raw, to: "hello@desk.example", refers: "ann@example.org"}
	}
	straight := letters(answer + signed)
	straight.from, straight.ip = "ann@example.org", "192.0.2.1"
	nobodys := letters(answer + signed)
	nobodys.refers = ""
	const pass, fail = bridge.VerdictPass, bridge.VerdictFail
	w.run(t, []judged{
		{"In-Reply-To", letters(answer + signed), fail, MethodDKIM, "old letter"},
		{"References", letters(trail + signed), fail, MethodDKIM, "old letter"},
		{"an answer to somebody else, with References", letters(trail + elsewhere), fail, MethodDKIM, "not all signed"},
		{"In-Reply-To, to a mailbox", mailbox(saw + answer + signed), fail, MethodDKIM, "old letter"},
		{"with a second In-Reply-To", mailbox(saw + answer + elsewhere), fail, MethodUpstream, "old letter"},
		{"with References, changed on its way", mailbox(saw + trail + changed(elsewhere)), fail, MethodUpstream, "old letter"},
		{"under more signatures than are looked at", mailbox(saw + strings.Repeat(bogus, maxSignatures) + answer + signed), fail, MethodUpstream, "old letter"},
		{"with a text behind what was signed", mailbox(saw + begun), fail, MethodUpstream, "old letter"},
		{"through a list that does not sign it", mailbox(sealed(answer + old)), fail, MethodARC, "old letter"},
		{"through a list that signs a part", mailbox(sealed(answer+trail+old, "in-reply-to")), fail, MethodARC, "old letter"},

		{"an answer", letters(both), pass, MethodDKIM, ""},
		{"an answer without References", letters(over(answer+plainLetter, "In-Reply-To")), pass, MethodDKIM, ""},
		{"an answer to a mailbox", mailbox(saw + both), pass, MethodDKIM, ""},
		{"an answer, changed by the mailbox's host", mailbox(saw + other + changed(over(answer+trail+plainLetter, "In-Reply-To:References"))), pass, MethodUpstream, ""},
		{"an answer that nobody signed", mailbox(saw + answer + plainLetter), pass, MethodUpstream, ""},
		{"an answer through a list", mailbox(sealed(answer+trail+plainLetter, "references", "in-reply-to")), pass, MethodARC, ""},
		{"from the domain's host", straight, pass, MethodSPF, ""},
		{"to nothing of ours", nobodys, pass, MethodDKIM, ""},
	})
}
