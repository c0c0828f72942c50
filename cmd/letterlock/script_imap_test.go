package main

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/rogpeppe/go-internal/testscript"
)

// mailbox is an IMAP server of a script, with one account: office, password harbour.
type scriptMailbox struct {
	server *imapserver.Server
	user   *imapmemserver.User
	addr   string
}

func startMailbox() (*scriptMailbox, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	user := imapmemserver.NewUser("office", "harbour")
	if err := user.Create("INBOX", nil); err != nil {
		return nil, err
	}
	mem := imapmemserver.New()
	mem.AddUser(user)
	b := &scriptMailbox{user: user, addr: l.Addr().String()}
	b.server = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mem.NewSession(), nil, nil
		},
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}},
		InsecureAuth: true,
	})
	go b.server.Serve(l)
	return b, nil
}

func (b *scriptMailbox) stop() { _ = b.server.Close() }

// cmdMailbox is the script command "mailbox append FILE": puts a mail into the office's mailbox, which the gateway polls if
// LETTERLOCK_IMAP names it. $NAMES in the file are replaced.
func cmdMailbox(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 || args[0] != "append" {
		ts.Fatalf("usage: mailbox append FILE")
	}
	data := strings.ReplaceAll(os.Expand(ts.ReadFile(args[1]), ts.Getenv), "\n", "\r\n")
	_, err := scriptOf(ts).mailbox.user.Append("INBOX", literal{strings.NewReader(data), int64(len(data))}, &imap.AppendOptions{})
	ts.Check(err)
}

type literal struct {
	*strings.Reader
	size int64
}

func (l literal) Size() int64 { return l.size }

func mustMatch(ts *testscript.TestScript, pattern, text string) string {
	re, err := regexp.Compile("(?m)" + pattern)
	ts.Check(err)
	m := re.FindStringSubmatch(text)
	if len(m) < 2 {
		ts.Fatalf("%s", fmt.Sprintf("%s does not match in:\n%s", pattern, text))
	}
	return m[1]
}
