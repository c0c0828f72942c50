package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/jackc/pgx/v5"

	"letterlock/store/pgtest"
)

// marker begins every planted word. It occurs nowhere by chance.
const marker = "zqcanaryxj"

// TestNothingIsReadableAtRest sends planted words through every path: names, addresses, subjects, texts, files small and large, notes,
// replies with quotes and signatures, held mail, what a relay said, searches, a sign-in, a backup. Then every file that was left,
// PostgreSQL's own folder and the log are searched for them, in all the codings in which they could hide. Only the key opens them.
func TestNothingIsReadableAtRest(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		plantAndSearch(t, "")
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		plantAndSearch(t, pgtest.New(t))
	})
}

func plantAndSearch(t *testing.T, dsn string) {
	p := newPlanter(t, dsn)
	p.letterlock("init", "--domain", "example.com", "--config", "init.toml")
	p.write("password", p.word("password")+"\n")
	p.letterlock("user", "add", "--name", p.word("staff"), "--role", "admin", "--password-file", "password", p.word("staffaddress")+"@example.com")
	if err := os.Remove(filepath.Join(p.dir, "password")); err != nil {
		t.Fatal(err)
	}
	p.letterlock("mode", "convenience")
	p.key = regexp.MustCompile(`"secret": *"([^"]+)"`).FindStringSubmatch(p.letterlock("key", "add", "--json", "--role", "admin", p.word("keyname")))[1]
	p.member.start(t)

	// A message with everything, to a new contact; a note; and what the relay says when it refuses.
	contact := p.word("address") + "@example.org"
	large := strings.Repeat(p.word("largefile")+" ", 9000)
	thread := p.id(p.api("POST", "/threads", fmt.Sprintf(`{"subject":%q,"text":%q,"html":%q,"contacts":[{"address":%q,"name":%q}],
		"files":[{"filename":%q,"content_type":"text/plain","content":%q},{"filename":%q,"content_type":"text/plain","content":%q}]}`,
		p.word("subject"), p.word("text"), "<p>"+p.word("html")+"</p>", contact, p.word("name"),
		p.word("filename")+".txt", p64(p.word("smallfile")), p.word("largename")+".txt", p64(large))))
	reply := p.replyAddress(contact)
	p.api("POST", "/threads/"+thread+"/messages", fmt.Sprintf(`{"text":%q,"note":true}`, p.word("note")))
	// What goes out tomorrow, and what begins tomorrow.
	tomorrow := time.Now().Add(24 * time.Hour).Format(time.RFC3339)
	p.api("POST", "/threads/"+thread+"/messages", fmt.Sprintf(`{"text":%q,"html":%q,"send_at":%q,"files":[{"filename":%q,"content":%q},{"filename":"l.txt","content":%q}]}`,
		p.word("latertext"), "<p>"+p.word("laterhtml")+"</p>", tomorrow, p.word("laterfile")+".txt", p64(p.word("latersmall")), p64(strings.Repeat(p.word("laterlarge")+" ", 9000))))
	p.api("POST", "/threads", fmt.Sprintf(`{"subject":%q,"text":"t","send_at":%q,"contacts":[{"address":%q,"name":%q}]}`,
		p.word("latersubject"), tomorrow, p.word("lateraddress")+"@example.net", p.word("latername")))
	p.relay.mu.Lock()
	p.relay.answers, p.relay.said = []int{550}, p.word("diagnostic")
	p.relay.mu.Unlock()
	p.api("POST", "/threads", fmt.Sprintf(`{"subject":%q,"text":%q,"contacts":[{"address":%q}]}`, p.word("second"), p.word("secondtext"), p.word("gone")+"@example.net"))
	eventually(t, "a failed delivery", 20*time.Second, func() bool { return strings.Contains(p.api("GET", "/deliveries?state=failed", ""), `"failed"`) })

	// What comes in: an answer with all its parts, a stranger's mail, and one to postmaster.
	p.mail(contact, reply, "From: "+p.word("fromname")+" <"+contact+">\r\nSubject: Re: "+p.word("mailsubject")+"\r\nMessage-ID: <"+p.word("messageid")+"@mail.example.org>\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"+
		"--c\r\nContent-Type: text/plain\r\n\r\n"+p.word("replytext")+"\r\n\r\nOn Friday, Harbour Clinic wrote:\r\n> "+p.word("quoted")+"\r\n\r\n-- \r\n"+p.word("signature")+"\r\n"+
		"--c\r\nContent-Type: text/html\r\n\r\n<p>"+p.word("replyhtml")+"</p>\r\n--c--\r\n"+
		"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="+p.word("replyfile")+".txt\r\n\r\n"+p.word("replycontent")+"\r\n--b--\r\n")
	for _, to := range []string{reply, "postmaster@example.com"} {
		p.mail(p.word("stranger")+"@example.net", to, "From: "+p.word("strangername")+" <"+p.word("stranger")+"@example.net>\r\nSubject: "+p.word("heldsubject")+"\r\n\r\n"+p.word("heldtext")+"\r\n"+large)
	}

	// Somebody looks for it, signs in with a wrong code and with the password, and reads.
	p.api("GET", "/search?q="+p.word("replytext"), "")
	b, err := newBrowser(p.member.base)
	if err != nil {
		t.Fatal(err)
	}
	p.must(b.open("/sign-in"))
	p.must(b.submit(map[string]string{"email": contact}, p.dir))
	p.must(b.submit(map[string]string{"code": "00000000"}, p.dir))
	p.must(b.open("/sign-in"))
	p.must(b.submit(map[string]string{"email": p.word("staffaddress") + "@example.com", "password": p.word("password")}, p.dir))
	p.must(b.open("/desk/t/" + thread))
	if !bytes.Contains(b.raw, []byte(p.word("note"))) {
		t.Fatalf("the desk does not show the note:\n%s", visible(b.page))
	}
	p.must(b.open("/desk/search?q=" + p.word("text")))

	// The same search finds all of them in what those who may read are shown, so it would have found them at rest.
	shown := []string{p.api("GET", "/threads/"+thread, ""), p.api("GET", "/threads", ""), p.api("GET", "/received", ""), p.api("GET", "/contacts", ""), p.api("GET", "/deliveries", ""), p.api("GET", "/pending", ""), string(b.raw)}
	files := regexp.MustCompile(`"attachments":\[(.*?)\]`).FindAllString(shown[0], -1)
	for _, id := range regexp.MustCompile(`"id":"([0-9a-f-]{36})"`).FindAllStringSubmatch(strings.Join(files, ""), -1) {
		shown = append(shown, p.api("GET", "/attachments/"+id[1], ""))
	}
	all := strings.Join(shown, "\n")
	for _, field := range []string{
		"subject", "text", "html", "address", "name", "filename", "smallfile", "largename", "largefile", "note", "second", "secondtext", "gone", "diagnostic",
		"replytext", "quoted", "signature", "replyfile", "replycontent", "stranger", "strangername", "heldsubject", "messageid", "latertext", "laterfile", "latersubject", "lateraddress", "latername",
	} {
		if !strings.Contains(all, p.word(field)) {
			t.Errorf("the planted %s is shown nowhere, so it may not have been kept at all", field)
		}
	}
	if found(strings.NewReader(all)) == "" {
		t.Error("the search does not find what is there")
	}

	if dsn == "" {
		p.letterlock("backup", "backup.sealed")
	}
	p.letterlock("check")
	p.member.kill() // so that the log of writes is still there
	p.searchFolder(p.dir)
	if form := found(strings.NewReader(p.member.log.String())); form != "" {
		t.Errorf("the log holds a planted word as %s", form)
	}
	if dsn != "" {
		p.searchPostgres(dsn)
	}
}

type planter struct {
	*testing.T
	dir    string
	member *member
	relay  *scriptRelay
	key    string
}

func newPlanter(t *testing.T, dsn string) *planter {
	p := &planter{T: t, dir: t.TempDir()}
	var err error
	if p.relay, err = startRelay(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.relay.stop)
	smtpAddr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	httpAddr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	temp := filepath.Join(p.dir, "tmp")
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	p.member = &member{dir: p.dir, smtp: smtpAddr, base: "http://" + httpAddr, log: &lockedBuffer{}}
	p.member.env = []string{
		"HOME=" + p.dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + temp, "GORACE=" + os.Getenv("GORACE"), "LETTERLOCK_DATABASE=" + dsn, "LETTERLOCK_DOMAIN=example.com",
		"LETTERLOCK_BASE_URL=http://" + httpAddr, "LETTERLOCK_ORGANIZATION=Harbour Clinic", "LETTERLOCK_SENDER_POLICY=address",
		"LETTERLOCK_RELAY_ADDRESS=" + p.relay.addr, "LETTERLOCK_RELAY_TLS=none", "LETTERLOCK_COPIES_NEED=any", "LETTERLOCK_NOTICES_DELAY=0s", "LETTERLOCK_SMTP_LISTEN=" + smtpAddr, "LETTERLOCK_HTTP_LISTEN=" + httpAddr,
		"LETTERLOCK_LOG_LEVEL=debug",
	}
	t.Cleanup(func() {
		if p.member.process != nil {
			p.member.kill()
		}
		if t.Failed() {
			t.Logf("the log:\n%s", p.member.log)
		}
	})
	return p
}

// word is the planted word of a field.
func (p *planter) word(field string) string { return marker + field }

func p64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func (p *planter) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *planter) write(name, text string) {
	p.must(os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
}

func (p *planter) letterlock(args ...string) string {
	p.Helper()
	run := exec.Command("letterlock", args...)
	run.Dir, run.Env = p.dir, p.member.env
	out, err := run.CombinedOutput()
	if err != nil {
		p.Fatalf("letterlock %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (p *planter) api(method, path, body string) string {
	p.Helper()
	r, err := http.NewRequest(method, p.member.base+"/api/v1"+path, strings.NewReader(body))
	p.must(err)
	r.Header.Set("Authorization", "Bearer "+p.key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	p.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	p.must(err)
	if resp.StatusCode >= 400 {
		p.Fatalf("%s %s: %d\n%s", method, path, resp.StatusCode, text)
	}
	return string(text)
}

func (p *planter) id(answer string) string {
	return regexp.MustCompile(`"id":"([0-9a-f-]{36})"`).FindStringSubmatch(answer)[1]
}

func (p *planter) replyAddress(to string) string {
	p.Helper()
	var sent []byte
	if !p.relay.wait(func() bool {
		for _, m := range p.relay.mails {
			if m.to == to {
				sent = m.data
			}
		}
		return sent != nil
	}) {
		p.Fatal("no copy left")
	}
	return string(regexp.MustCompile(`reply\+[a-z2-7]{42}@example\.com`).Find(sent))
}

func (p *planter) mail(from, to, data string) {
	p.Helper()
	if _, err := sendSMTP(p.member.smtp, from, to, []byte(data)); err != nil {
		p.Fatal(err)
	}
}

// searchFolder searches every file, and every file's name.
func (p *planter) searchFolder(folder string) {
	p.Helper()
	n := 0
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if found(strings.NewReader(e.Name())) != "" {
			p.Errorf("a planted word is in the name of %s", path)
		}
		if !e.Type().IsRegular() {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		n++
		if form := found(f); form != "" {
			p.Errorf("%s holds a planted word as %s", path, form)
		}
		return nil
	})
	p.must(err)
	if n < 3 {
		p.Errorf("only %d files in %s", n, folder)
	}
}

func (p *planter) searchPostgres(dsn string) {
	p.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, dsn)
	p.must(err)
	defer c.Close(ctx)
	_, err = c.Exec(ctx, "checkpoint")
	p.must(err)
	var folder string
	p.must(c.QueryRow(ctx, "show data_directory").Scan(&folder))
	p.searchFolder(folder)
}

// forms are the codings in which the marker could hide, by name.
var forms = func() map[string][]byte {
	wide := utf16.Encode([]rune(marker))
	var little, big, quoted bytes.Buffer
	for _, u := range wide {
		little.Write([]byte{byte(u), byte(u >> 8)})
		big.Write([]byte{byte(u >> 8), byte(u)})
	}
	for _, c := range []byte(marker) {
		fmt.Fprintf(&quoted, "=%02X", c)
	}
	all := map[string][]byte{
		"itself": []byte(marker), "capitals": bytes.ToUpper([]byte(marker)), "hex": []byte(hex.EncodeToString([]byte(marker))),
		"capital hex": bytes.ToUpper([]byte(hex.EncodeToString([]byte(marker)))), "UTF-16LE": little.Bytes(), "UTF-16BE": big.Bytes(),
		"quoted-printable": quoted.Bytes(), "percent": []byte(strings.ReplaceAll(quoted.String(), "=", "%")), "backwards": reversed(marker),
		"URL": []byte(url.QueryEscape(marker)),
	}
	for shift := range 3 {
		// What does not depend on the neighbours.
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + marker))
		begin, end := (shift*8+5)/6, (shift+len(marker))*8/6
		all[fmt.Sprintf("base64 at %d", shift)] = []byte(text[begin:end])
	}
	return all
}()

func reversed(s string) []byte {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return b
}

// found returns in which form the marker is in r, or nothing.
func found(r io.Reader) string {
	const overlap = 64
	buf := make([]byte, 1<<20)
	kept := 0
	for {
		n, err := io.ReadFull(r, buf[kept:])
		text := buf[:kept+n]
		for name, form := range forms {
			if bytes.Contains(text, form) {
				return name
			}
		}
		if err != nil {
			return ""
		}
		kept = copy(buf, text[len(text)-overlap:])
	}
}
