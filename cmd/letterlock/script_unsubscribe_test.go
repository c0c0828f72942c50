package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdOneClick is the script command "oneclick": what a provider of mailboxes does for somebody who asks it to stop mails such as the last one that
// "mail" found. It believes the mail only if a signature that covers both fields is right with the records that the DNS server has, and sends the
// one request of RFC 8058, without cookies. With ! the mail must not have what that takes.
func cmdOneClick(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 0 {
		ts.Fatalf("usage: oneclick")
	}
	link, err := oneClickLink(ts)
	if neg {
		if err == nil {
			ts.Fatalf("it can be turned off at %s", link)
		}
		fmt.Fprintf(ts.Stdout(), "%v\n", err)
		return
	}
	ts.Check(err)
	// The gateway stands behind a proxy that has the name in the link.
	r, err := http.NewRequest(http.MethodPost, ts.Getenv("BASE")+link.EscapedPath(), strings.NewReader("List-Unsubscribe=One-Click"))
	ts.Check(err)
	r.Host = link.Host
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	once := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := once.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s: %d\n", link.Host, resp.StatusCode)
	if resp.StatusCode != http.StatusOK || len(resp.Cookies()) > 0 {
		ts.Fatalf("%d, %d cookies:\n%s", resp.StatusCode, len(resp.Cookies()), body)
	}
}

// oneClickLink returns where the last mail says that it can be turned off, if what says so is signed.
func oneClickLink(ts *testscript.TestScript) (*url.URL, error) {
	mail := []byte(ts.ReadFile("mail.eml"))
	_, _, header := readMail(ts, mail)
	link, ok := strings.CutPrefix(header.Get("List-Unsubscribe"), "<https://")
	if !ok || !strings.HasSuffix(link, ">") || header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		return nil, errors.New("it does not say that one click is enough")
	}
	records := zoneTexts(ts.ReadFile("dkim.zone"))
	results, err := dkim.VerifyWithOptions(bytes.NewReader(mail), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if text, ok := records[name]; ok {
			return []string{text}, nil
		}
		return nil, fmt.Errorf("there is no %s", name)
	}})
	if err != nil {
		return nil, err
	}
	covered := 0
	for _, r := range results {
		if r.Err != nil {
			return nil, r.Err
		}
		signed := strings.ToLower(" " + strings.Join(r.HeaderKeys, " ") + " ")
		if strings.Contains(signed, " list-unsubscribe ") && strings.Contains(signed, " list-unsubscribe-post ") {
			covered++
		}
	}
	if covered != 2 {
		return nil, fmt.Errorf("%d signatures cover it, not 2", covered)
	}
	return url.Parse("https://" + strings.TrimSuffix(link, ">"))
}

// zoneTexts reads the TXT records that "dkim show" prints.
func zoneTexts(zone string) map[string]string {
	texts := map[string]string{}
	for line := range strings.SplitSeq(zone, "\n") {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
		if _, text, isText := strings.Cut(rest, "TXT"); ok && isText {
			var whole strings.Builder
			for i, part := range strings.Split(text, `"`) {
				if i%2 == 1 {
					whole.WriteString(part)
				}
			}
			texts[strings.TrimSuffix(name, ".")] = whole.String()
		}
	}
	return texts
}
