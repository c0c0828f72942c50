package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdCanaries is the script command "canaries N": a program starts N threads with random words everywhere, in many alphabets, and no
// mail that leaves holds any of them, raw, decoded, or in any usual coding. With ! every mail must hold some: the search can find.
func cmdCanaries(ts *testscript.TestScript, neg bool, args []string) {
	var n int
	if _, err := fmt.Sscan(strings.Join(args, " "), &n); err != nil {
		ts.Fatalf("usage: canaries N")
	}
	r := scriptOf(ts).relay
	rng := rand.New(rand.NewPCG(20261120, 7))
	for i := range n {
		words := make([]string, 6)
		for j := range words {
			words[j] = canary(rng)
		}
		to := fmt.Sprintf("canary-%d-%v@example.org", i, neg)
		file := base64.StdEncoding.EncodeToString([]byte(words[4]))
		body := fmt.Sprintf(`{"subject": %q, "text": %q, "html": %q, "contacts": [{"address": %q, "name": %q}], "files": [{"filename": %q, "content_type": "text/plain", "content": %q}]}`,
			words[0], words[1], "<p>"+words[2]+"</p>", to, words[3], words[5]+".pdf", file)
		req, err := http.NewRequest(http.MethodPost, ts.Getenv("BASE")+"/api/v1/threads", strings.NewReader(body))
		ts.Check(err)
		req.Header.Set("Authorization", "Bearer "+ts.Getenv("KEY"))
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		ts.Check(err)
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		ts.Check(err)
		if resp.StatusCode != http.StatusCreated {
			ts.Fatalf("%d %s", resp.StatusCode, answer)
		}
		var got *relayed
		if !r.wait(func() bool {
			for k := range r.mails {
				if r.mails[k].to == to {
					got = &r.mails[k]
				}
			}
			return got != nil
		}) {
			ts.Fatalf("no mail to %s", to)
		}
		text, html, header := readMail(ts, got.data)
		var fields strings.Builder
		for f := header.Fields(); f.Next(); {
			v, err := f.Text()
			ts.Check(err)
			fmt.Fprintf(&fields, "%s: %s\n", f.Key(), v)
		}
		seen := strings.ToLower(string(got.data) + "\n" + text + html + fields.String() + got.from)
		found := ""
		for _, w := range words {
			for _, form := range codings(w) {
				if strings.Contains(seen, strings.ToLower(form)) {
					found = fmt.Sprintf("%q as %q", w, form)
				}
			}
		}
		if (found != "") != neg {
			ts.Fatalf("the mail holds %s:\n%s", found, got.data)
		}
	}
}

// canary returns a word that occurs nowhere by chance.
func canary(rng *rand.Rand) string {
	alphabets := []string{"abcdefghijklmnopqrstuvwxyz", "äöüßéèçñøåæ", "абвгдежзиклмн", "αβγδεζηθικλμ", "אבגדהוזחטיכל", "ابتثجحخدذرز", "日本語漢字文書手紙", "😀😃😄🎉"}
	letters := []rune(alphabets[rng.IntN(len(alphabets))])
	w := []rune("cnry")
	for range 6 + rng.IntN(8) {
		w = append(w, letters[rng.IntN(len(letters))])
	}
	return string(w)
}

// codings returns a word as it could hide in a mail. Base64 depends on where in a line the word begins, so three cuts of it are looked for.
func codings(w string) []string {
	var qp bytes.Buffer
	for _, c := range []byte(w) {
		fmt.Fprintf(&qp, "=%02X", c)
	}
	forms := []string{w, hex.EncodeToString([]byte(w)), qp.String(), mime.QEncoding.Encode("utf-8", w), mime.BEncoding.Encode("utf-8", w)}
	for shift := range 3 {
		b := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + w))
		if from := (shift*8 + 5) / 6; len(b) > from+8 {
			forms = append(forms, b[from:from+8])
		}
	}
	return forms
}
