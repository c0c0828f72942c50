package reply

import (
	"strings"
	"testing"
)

// typical is a reply of about 2 kB.
var typical = strings.Repeat("Thank you for your message, I have looked at the plan and agree.\n", 6) + "\nKind regards,\nAnn\n\n-- \nAnn Example\nExample Ltd\n+44 20 7946 0000\n\n" +
	"On Wed, 1 May 2024 at 10:00, Bob Example <bob@example.com> wrote:\n" + strings.Repeat("> We would like to know whether the plan suits you as it is.\n>\n", 20)

func BenchmarkText(b *testing.B) {
	b.SetBytes(int64(len(typical)))
	b.ReportAllocs()
	for b.Loop() {
		Text(typical)
	}
}

// BenchmarkLines has many lines and no sign of anything in them.
func BenchmarkLines(b *testing.B) {
	for name, line := range map[string]string{
		"words":    "thank you for your message which we have read and of which we think that it is\n",
		"capitals": "1" + strings.Repeat("X", 79) + "\n",
		"cyrillic": "спасибо за ваше письмо которое мы прочли и с которым согласны во всём\n",
	} {
		in := strings.Repeat(line, 50)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				Text(in)
			}
		})
	}
}

// BenchmarkReplies has replies of about 2 kB that need more judgement.
func BenchmarkReplies(b *testing.B) {
	replies := map[string]string{
		"russian": strings.Repeat("Спасибо за ваше письмо, я посмотрела план и согласна с ним во всём.\n", 6) + "\nС уважением,\nМария\n\n-- \nМария Ясенева\nООО «Сады»\n+7 495 000-00-00\n\n" +
			"пт, 20 нояб. 2026 г. в 10:04, Пётр Холмов <p.holm@example.org>:\n" + strings.Repeat("> Нам хотелось бы знать, подходит ли вам этот план.\n>\n", 10),
		"japanese": strings.Repeat("お世話になっております。門扉が届きましたが、蝶番が一つ足りません。送っていただけますか。\n\n", 6) + "よろしくお願いいたします。\n\n梅田真理\n購買部 課長\n梅田造園株式会社\nTEL 075-000-0000\n\n" +
			"2026年11月20日(金) 10:04 堀田浩 <p.holm@example.org>:\n" + strings.Repeat("> 門扉は届きましたでしょうか。\n>\n", 10),
		"outlook": strings.Repeat("Thank you for your message, I have looked at the plan and agree.\n\n", 6) + "Kind regards,\n\nMary Ashdown\nOffice Manager\nExample Ltd\nT +44 20 7946 0000\n\n" +
			"This e-mail is confidential and intended for the addressee only. If you received it in error, please delete it.\n\n" +
			"From: Bob <bob@example.com>\nSent: 20 November 2026 10:04\nTo: Mary\nSubject: x\n\n" + strings.Repeat("We would like to know whether the plan suits you as it is.\n\n", 20),
	}
	for name, in := range replies {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				Text(in)
			}
		})
	}
}

func BenchmarkHTML(b *testing.B) {
	in := "<html><body><div dir=ltr><p>" + strings.Repeat("Thank you for your message, I have looked at it.<br>", 8) + `</p><div class="gmail_quote"><div class="gmail_attr">On Wed, 1 May 2024 at 10:00, Bob &lt;bob@example.com&gt; wrote:<br></div><blockquote class="gmail_quote" style="margin:0">` +
		strings.Repeat("<p>We would like to know whether the plan suits you.</p>", 26) + "</blockquote></div></body></html>"
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		HTML(in)
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, unit := range hostile {
		in := strings.Repeat(unit, (1<<20)/len(unit))
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				Text(in)
			}
		})
	}
}
