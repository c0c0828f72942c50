package page

import "letterlock/bridge"

// stoppedWords tells a person why they get no emails.
func stoppedWords(s bridge.MailStop, organization string) string {
	day := s.At.UTC().Format("2 January 2006")
	if s.Cause == bridge.StoppedByComplaint {
		return "An email of " + organization + " to you was reported as unwanted on " + day + ", so none are sent to " + s.Address + " any more, but for sign-in codes that you ask for."
	}
	return "An email to " + s.Address + " came back on " + day + " because that address does not take mail, so no more are sent to it, but for sign-in codes that you ask for. If it works again, say so here; if it has changed, tell " + organization + "."
}
