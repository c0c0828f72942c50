package mailin

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// TestEveryCharset writes a text in each charset of the WHATWG and reads it by every kind of name.
func TestEveryCharset(t *testing.T) {
	for label, want := range map[string]string{
		"utf-8": "grüße 日本", "ibm866": "Привет", "iso-8859-2": "žluťoučký kůň", "iso-8859-3": "ĝis ħ", "iso-8859-4": "ķēniņš", "iso-8859-5": "Привет", "iso-8859-6": "مرحبا", "iso-8859-7": "Καλημέρα",
		"iso-8859-8": "שלום", "iso-8859-8-i": "שלום", "iso-8859-10": "Þórður ðú", "iso-8859-13": "žąsų ėjimas", "iso-8859-14": "Ŵy ŷ", "iso-8859-15": "5 € œuvre", "iso-8859-16": "țară și", "koi8-r": "Привет", "koi8-u": "Їжак",
		"macintosh": "déjà", "windows-874": "สวัสดี", "windows-1250": "žluťoučký", "windows-1251": "Привет", "windows-1252": "“déjà” €", "windows-1253": "Καλημέρα", "windows-1254": "ığdır şişe", "windows-1255": "שלום", "windows-1256": "مرحبا",
		"windows-1257": "žąsų", "windows-1258": "đồ", "x-mac-cyrillic": "Привет", "gbk": "你好世界", "gb18030": "你好㐀", "big5": "你好嗎", "euc-jp": "こんにちは世界", "shift_jis": "こんにちは世界①髙", "euc-kr": "안녕하세요 똠방", "iso-2022-jp": "こんにちは①", "utf-16le": "hé日", "utf-16be": "hé日",
	} {
		enc, err := htmlindex.Get(label)
		if err != nil {
			t.Errorf("%s: %v", label, err)
			continue
		}
		b, err := encoding.ReplaceUnsupported(enc.NewEncoder()).Bytes([]byte(want))
		if err != nil {
			t.Errorf("%s: %v", label, err)
			continue
		}
		if strings.Contains(string(b), "&#") || label == "windows-1258" {
			b, _ = enc.NewEncoder().Bytes([]byte("d"))
			want = "d"
		}
		for _, l := range []string{label, strings.ToUpper(label), " \"" + label + "\" "} {
			if got := decodeCharset(b, l, false); got != want {
				t.Errorf("%s: got %q, want %q", l, got, want)
			}
		}
	}
}

func TestRareCharsets(t *testing.T) {
	for _, c := range []struct{ in, label, want string }{
		{"\x1b$)C\x0e>H3gGO<<?d\x0f!", "iso-2022-kr", "안녕하세요!"},
		{"\x1b(I:]\x1b(B", "iso-2022-jp", "ｺﾝ"},
		{"\x1b$B$3$s\n$3", "iso-2022-jp", "こん\n$3"},
		{"$B$3$s(B!", "iso-2022-jp", "こん!"},
		{"I paid $B 5 (But not you)", "iso-2022-jp", "I paid $B 5 (But not you)"},
		{"Is $BTC (Bitcoin) fine?", "iso-2022-jp", "Is $BTC (Bitcoin) fine?"},
		{"\xf0", "koi8-r; format=flowed", "П"},
		{"\x1b$B-!\x1b(B", "iso-2022-jp", "①"},
		{"\x1b$AIO:C\x1b(B \x1b$B$3\x1b(B", "iso-2022-jp-2", "上好 こ"},
		{"\x0e:]\x0f", "iso-2022-jp", "ｺﾝ"},
		{"\x1b$)A\x0eDc:C\x0f", "iso-2022-cn", "你好"},
		{"\x87@\xfb\xfc", "cp932", "①髙"},
		{"\x83z\x83[\xb3", "x-sjis", "ホゼｳ"},
		{"\x8b\xe4\xec", "x-mac-ce", decodeHalf([]byte("\x8b\xe4\xec"), halves["x-mac-ce"])},
		{"\x9c\x86", "cp737", decodeHalf([]byte("\x9c\x86"), halves["cp737"])},
		{"\xe1\xa1", "tis-620", "แก"},
		{"\x00h\x00i", "utf-16", "hi"},
		{"h\x00i\x00", "utf-16", "hi"},
		{"h\x00e\x00l\x00l\x00o\x00", "", "hello"},
		{"\xff\xfe\x00\x00h\x00\x00\x00", "", "h"},
		{"\x00\x00\x00h", "utf-32", "h"},
		{"\xc8\xce", "charset=euc-kr", "훨"},
		{"gr\x81\xe1 \xd5", "cp858", "grüß €"},
		{"Ch\xe0o b\xd5n", "viscii", "Chào bạn"},
		{"Ch\xb5o b\xb9n", "x-viet-tcvn5712", "Chào bạn"},
		{"\xc1\xc2", "georgian-ps", "ბგ"},
		{"\xcf\xf0\xe8", "x-win1251", "При"},
		{"\xcf\xf0\xe8", "windows_1251", "При"},
		{"\xb1\xea", "ISO8859_2", "ąę"},
		{"\xb1\xea", "8859-2", "ąę"},
		{"\xf9\xec", "dos-1255", "של"},
		{"\xa4\xb3", "EUC_JP", "こ"},
	} {
		if got := decodeCharset([]byte(c.in), c.label, false); got != c.want {
			t.Errorf("decodeCharset(%q, %s) = %q, want %q", c.in, c.label, got, c.want)
		}
	}
}

// TestGuess reads texts whose charset nobody tells, or that are called Latin-1.
func TestGuess(t *testing.T) {
	for _, c := range []struct {
		enc  encoding.Encoding
		text string
	}{
		{charmap.Windows1252, "Schöne Grüße aus München, wir hätten gern fünf Stück."},
		{charmap.Windows1252, "Déjà reçu, merci beaucoup. À bientôt, Hélène"},
		{charmap.Windows1252, "Ça coûte 5 € l’unité"},
		{charmap.Windows1252, "El niño comió el jamón en la montaña. ¿Cuándo?"},
		{charmap.Windows1252, "Så här är det på ön, vi får åka hem"},
		{charmap.Windows1250, "Proszę o odpowiedź w sprawie zamówienia, dziękuję bardzo. Łódź, życzę miłego dnia"},
		{charmap.ISO8859_2, "Proszę o odpowiedź w sprawie zamówienia, dziękuję bardzo. Łódź, życzę miłego dnia ąśź"},
		{charmap.Windows1250, "Dobrý den, objednávka ještě nepřišla. Děkuji, Jiří Dvořák"},
		{charmap.Windows1254, "Merhaba, siparişim henüz gelmedi. Teşekkür ederim, görüşmek üzere. Işık ağaç değil"},
		{charmap.Windows1251, "Здравствуйте, мой заказ ещё не пришёл. Когда он будет?"},
		{charmap.Windows1251, "Привет"},
		{charmap.KOI8R, "Здравствуйте, мой заказ ещё не пришёл. Когда он будет?"},
		{charmap.KOI8R, "Привет"},
		{charmap.ISO8859_5, "Здравствуйте, мой заказ не пришел. Когда он будет?"},
		{charmap.CodePage866, "Здравствуйте, мой заказ не пришел. Когда он будет?"},
		{charmap.Windows1253, "Καλημέρα σας, η παραγγελία μου δεν έχει έρθει ακόμα."},
		{charmap.Windows1255, "שלום, ההזמנה שלי עדיין לא הגיעה."},
		{charmap.Windows1256, "مرحبا، لم يصل طلبي بعد. شكرا جزيلا"},
		{charmap.Windows874, "สวัสดีครับ สินค้ายังไม่มาถึง ขอบคุณครับ"},
		{simplifiedchinese.GBK, "你好，我的订单还没有到，请问什么时候可以收到？谢谢"},
		{traditionalchinese.Big5, "您好，我的訂單還沒有到，請問什麼時候可以收到？謝謝"},
		{japanese.ShiftJIS, "お世話になります。注文した商品がまだ届きません。よろしくお願いします。"},
		{japanese.EUCJP, "お世話になります。注文した商品がまだ届きません。よろしくお願いします。"},
		{korean.EUCKR, "안녕하세요. 주문한 상품이 아직 도착하지 않았습니다. 감사합니다."},
		{unicode.UTF8, "Grüße 你好"},
	} {
		b, err := c.enc.NewEncoder().Bytes([]byte(c.text))
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		for _, label := range []string{"", "iso-8859-1", "us-ascii", "windows-1252"} {
			if got := decodeCharset(b, label, false); got != c.text {
				t.Errorf("called %q: got %q, want %q", label, got, c.text)
			}
		}
	}
}

// TestMislabelled reads texts that bear the label of something else, as programs give them that pass text on.
func TestMislabelled(t *testing.T) {
	const ja, ru, cs, zh = "お世話になっております。ご返信ありがとうございます。", "Добрый день, спасибо за ответ", "Děkuji, příliš žluťoučký kůň", "您好，感谢您的回复。我们会尽快处理。"
	in := func(enc encoding.Encoding, s string) string {
		b, err := enc.NewEncoder().Bytes([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, c := range []struct{ why, in, label, want string }{
		{"UTF-8 called what the program writes by itself", ja, "shift_jis", ja},
		{"", ja, "iso-2022-jp", ja},
		{"", zh, "gb2312", zh},
		{"", zh, "big5", zh},
		{"", "안녕하세요 답변", "ks_c_5601-1987", "안녕하세요 답변"},
		{"", ru, "windows-1251", ru},
		{"", ru, "koi8-r", ru},
		{"", "Dziękuję", "iso-8859-2", "Dziękuję"},
		{"", ru, "utf-16", ru},
		{"ASCII called UTF-16", "Hello there, friends.\r\n", "utf-16le", "Hello there, friends.\r\n"},
		{"", ru, "utf-7", ru},
		{"two characters of GBK that are well-formed UTF-8 by accident", "\xc1\xaa\xcd\xa8", "gbk", "联通"},
		{"UTF-16 without a zero", "0B0D0F", "utf-16be", "あいう"},
		{"Windows' letters under the name of ISO", in(charmap.Windows1250, cs), "iso-8859-2", cs},
		{"", "\x93hi\x94 \x80", "iso-8859-15", "“hi” €"},
		{"one Japanese charset called another", in(japanese.ShiftJIS, ja), "iso-2022-jp", ja},
		{"", in(japanese.EUCJP, ja), "iso-2022-jp", ja},
		{"", in(japanese.EUCJP, ja), "shift_jis", ja},
		{"", "\xba\xdd", "iso-2022-jp", "ｺﾝ"},
		{"a name that nobody knows", in(charmap.Windows1251, ru), "x-foo", ru},
		{"no name, and Hungarian", in(charmap.Windows1250, "Köszönöm szépen, árvíztűrő tükörfúrógép"), "", "Köszönöm szépen, árvíztűrő tükörfúrógép"},
		{"no name, and two words", in(charmap.KOI8R, "Договор поставки"), "", "Договор поставки"},
		{"Estonian is not Hungarian", in(charmap.Windows1252, "Tänan, õhtul näeme köögis"), "", "Tänan, õhtul näeme köögis"},
	} {
		if got := decodeCharset([]byte(c.in), c.label, false); got != c.want {
			t.Errorf("%s: called %q: got %q, want %q", c.why, c.label, got, c.want)
		}
	}
	// A document that names a charset which nobody knows is read all the same.
	if got := decodeCharset([]byte("<meta charset=nonsense>gr\xfc\xdfe"), "", true); !strings.HasSuffix(got, "grüße") {
		t.Errorf("got %q", got)
	}
}
