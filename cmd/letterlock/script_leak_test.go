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
// mail that leaves holds any of them, raw, decoded, or in any usual coding. With ! every mail must hold some: the search can find. With "cards"
// there is a card number in each thread, in the subject, the text, the formatted text or a file's name, in one dress or another.
func cmdCanaries(ts *testscript.TestScript, neg bool, args []string) {
	var n int
	if len(args) == 0 || len(args) > 2 || len(args) == 2 && args[1] != "cards" {
		ts.Fatalf("usage: canaries N [cards]")
	}
	if _, err := fmt.Sscan(args[0], &n); err != nil {
		ts.Fatalf("usage: canaries N [cards]")
	}
	r := scriptOf(ts).relay
	rng := rand.New(rand.NewPCG(20261120, 7))
	for i := range n {
		words := make([]string, 6)
		for j := range words {
			words[j] = canary(rng)
		}
		to := fmt.Sprintf("canary-%d-%v-%d@example.org", i, neg, len(args))
		if len(args) == 2 {
			words[[]int{0, 1, 2, 5}[rng.IntN(4)]] += " " + dressedCard(rng)
		}
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
			w, _, _ = strings.Cut(w, " ")
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

// dressedCard returns a card number as people and programs write it, or hide it. No dress keeps it from being one.
func dressedCard(rng *rand.Rand) string {
	cards := []string{"4111111111111111", "5555555555554444", "378282246310005", "30569309025904", "6011111111111117", "3530111333300000", "2223003122003222", "6205500000000000004"}
	card := cards[rng.IntN(len(cards))]
	zero := []rune{'0', '０', '٠', '۰', '०', '𝟘', '𝟶'}[rng.IntN(7)]
	gap := []string{"", " ", "-", ".", "\u00a0", "\u200b", "\u2009", "–", "_", "\u00ad", " - ", "\u2060", "•"}[rng.IntN(13)]
	each := []int{1, 4, 4, 4}[rng.IntN(4)]
	var b strings.Builder
	for i, c := range card {
		if i > 0 && i%each == 0 {
			b.WriteString(gap)
		}
		b.WriteRune(zero + c - '0')
	}
	return b.String()
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
