package reply

// mobileStarts are the beginnings, in lower case, of lines that phones, mail programs and web mailers add.
var mobileStarts = [...]string{
	"sent from my ", "dictated on my ", "dictated using ", "written on my ", "sent through my ", "sent wirelessly from my ", "sent from our ", "sent from hey", "sent from missive", "sent from zoho", "yahoo mail: search", "von meinem/meiner ", "von yahoo mail ", "provenance : courrier", "provenance: courrier", "enviado do email ", "enviado do correio ", "enviado do yahoo", "enviado do outlook", "enviado do gmail", "enviado do samsung", "verzonden vanuit ", "verstuurd vanuit ", "skickades från ", "从 windows", "從 windows", "来自小米", "来自华为", "来自荣耀", "來自", "lähetetty iphon", "lähetetty ipad", "lähetetty samsung", "lähetetty windows", "lähetetty android", "lähetetty puhelim", "lähetetty outlook", "lähetetty galaxy", "lähetetty huawei", "lähetetty omasta", "lähetetty yahoo", "отправлено с моего ", "з мого ", "с моего iphone", "skickat av min ", "odoslané z ", "sendt frå ", "sent from mail for ", "sent from outlook", "sent from yahoo", "sent from aol", "sent from proton", "sent with proton", "sent from samsung", "sent from galaxy", "sent from gmail",
	"sent from icloud", "sent from blue", "sent from spark", "sent with spark", "sent from windows mail", "sent on my ", "sent from tutanota", "sent with tutanota", "sent from tuta",
	"sent from mailbird", "sent from zimbra", "sent from email", "sent from myyahoo", "sent from nine", "sent from mobile", "sent from front", "sent from superhuman", "sent from iphone", "sent from ipad", "sent from android", "sent on the go", "sent from huawei", "sent from xiaomi", "sent from fastmail",
	"get outlook for ", "get boxer for", "get bluemail for", "secured with proton", "outlook for ios", "outlook for android", "from my iphone", "from my ipad", "from my blackberry", "typed on my ",
	"von meinem ", "von meiner ", "vom iphone gesendet", "vom ipad gesendet", "gesendet von ", "gesendet vom ", "gesendet aus ", "diese nachricht wurde von meinem", "holen sie sich outlook", "outlook für ios", "outlook für android", "outlook beziehen", "beziehen sie outlook",
	"envoyé de mon ", "envoyé depuis ", "envoyé à partir ", "envoyé par mon ", "téléchargez outlook", "télécharger outlook", "obtenez outlook", "obtenir outlook",
	"enviado desde ", "enviado de mi ", "enviado do meu ", "enviado a partir ", "enviado de meu ", "enviada do meu ", "obtener outlook", "obtenga outlook", "obter o outlook", "obtenha o outlook", "descargue outlook",
	"inviato da ", "inviato dal ", "inviato dall", "ottieni outlook", "scarica outlook",
	"verstuurd vanaf ", "verzonden vanaf ", "outlook voor ios", "outlook voor android", "download outlook",
	"skickat från ", "skickas från ", "hämta outlook", "skaffa outlook",
	"sendt fra ", "hent outlook", "skaff deg outlook", "få outlook", "last ned outlook",
	"hanki outlook",
	"wysłane z ", "wysłano z ", "pobierz aplikację outlook", "pobierz program outlook", "uzyskaj outlook", "uzyskaj program outlook",
	"odesláno z ", "odesláno ze ", "odeslané z ", "získejte outlook", "získat outlook", "stáhněte si outlook",
	"отправлено с ", "отправлено из ", "отправлено со ", "послано с ", "получите outlook", "скачать outlook",
	"надіслано з ", "ส่งจาก ", "надіслано зі ", "відправлено зі ", "odesláno ze zařízení ", "надіслано із ", "відправлено з ", "відправлено із ", "отримати outlook", "завантажте outlook",
	"στάλθηκε από ", "εστάλη από ", "απεστάλη από ", "αποκτήστε το outlook", "λήψη του outlook", "λήψη outlook",
	"נשלח מה", "נשלח מ", "קבל את outlook", "הורד את outlook",
	"أرسلت من ", "أُرسلت من ", "تم الإرسال من ", "أُرسل من ", "أرسل من ", "مرسل من ", "احصل على outlook", "الحصول على outlook",
	"发自我的", "发自", "從我的", "發自我的", "發自", "从我的", "傳送自", "寄自", "来自我的", "获取 outlook", "取得 outlook", "下载 outlook", "從 iphone", "通过我的", "使用 outlook",
	"나의 iphone", "내 iphone", "내 갤럭시", "outlook 다운로드", "ios용 outlook", "android용 outlook", "나의 ",
	"đã gửi từ ", "được gửi từ ", "gửi từ ", "tải outlook", "nhận outlook",
	"poslano z ", "trimis de pe ", "trimis din ", "küldve ", "iphone'umdan", "ipad'imden", "android için outlook", "ios için outlook", "outlook'u edinin", "elküldve ",
	"iphoneから", "ipadから", "androidから", "outlook for ios を", "outlook for android を", "ios 版 outlook", "envoyé depuis l'application", "galaxyから送信", "yahoo!メール",
}

// weakStarts begin such lines too, in lower case, but also what people write of parcels and letters: a brand must follow.
var weakStarts = [...]string{
	"sent from ", "sent via ", "sent using ", "sent by ", "sent with ", "sent from the ", "sent from a ", "sent from an ", "gesendet mit ", "gesendet über ", "envoyé avec ", "envoyé de ", "envoyé d'", "enviado com ", "enviado con ", "enviado por ", "enviado via ", "enviado através ", "inviato con ", "inviato mediante ", "inviato tramite ", "verstuurd met ", "verstuurd via ", "verzonden met ", "verzonden via ", "verzonden van ", "skickat med ", "skickat via ", "sendt med ", "sendt via ", "wysłane za pomocą", "wysłano przy użyciu", "odesláno pomocí", "отправлено через ", "отправлено от ", "надіслано через ", "נשלח באמצעות", "composed on ", "lähetetty ",
}

// mobileEnds are the ends of such lines, for languages that put the verb last.
var mobileEnds = [...]string{
	"gönderildi", "gönderilmiştir", "から送信", "から送信されました", "から送信しました", "에서 보냄", "에서 보냈습니다", "에서 발송", "에서 전송됨", "gesendet von meinem iphone", "cihazımdan gönderildi", "edinin", "を入手", "を入手する", "의 메일에서 보냄", "mobil gesendet", "iphone gesendet", "ipad gesendet", "handy gesendet", "smartphone gesendet", " küldve",
}

// things are words, in lower case, for what such lines are sent from.
var things = [...]string{
	"mail", "handy", "phone", "mobil", "mobiel", "móvil", "móbil", "celular", "cellulare", "tablet", "device", "gerät", "appareil", "dispositiv", "mac", "nine", "telefon", "téléphone", "teléfono", "telefono", "telefone", "telemóvel", "telefoon", "puhelim", "luuri", "courriel", "smart", "watch", "wireless", "4g", "5g", "lte", "computer", "laptop",
	"手机", "手機", "携帯", "スマートフォン", "휴대폰", "휴대전화", "스마트폰", "телефон", "смартфон", "почт", "пошт", "κινητό", "αλληλογραφία", "טלפון", "נייד", "דואר", "هاتف", "الهاتف", "جوال", "điện thoại", "cihaz", "邮箱", "郵箱", "邮件", "郵件", "メール", "메일", "thư", "posta", "pošt", "poczt", "e-post", "correo", "correio", "sähköposti",
}

// brands are words, in lower case, for devices and programs that add such lines.
var brands = [...]string{
	"iphon", "mailsuite", "mailtrack", "streak", "mixmax", "hubspot", "yesware", "droid", "airmail", "polymail", "postbox", "aquamail", "aqua mail", "typeapp", "canary", "shortwave", "surface", "mimestream", "cloudmagic", "xfinity", "comcast", "telstra", "mail.com", "rogers", "boomerang", "libero", "nextcloud", "roundcube", "infomaniak", "ionos", "telekom", "o2 ", "sfr", "laposte", "free mail", "seznam", "email.cz", "wp poczta", "onet", "interia", "ukr.net", "rambler", "mail app", "mailspring", "missive", "mailbird", "zoho", "hotmail", "gmail", "hey", "verizon", "t-mobile", "at&t", "vodafone", "orange", "小米", "华为", "荣耀", "яндекс", "mail.ru", "k-9", "fairemail", "em client", "edison", "newton", "posteo", "ipad", "ipod", "ios", "android", "samsung", "galaxy", "huawei", "xiaomi", "redmi", "outlook", "yahoo", "gmx", "web.de", "blackberry", "windows", "proton",
	"pixel", "nokia", "sony", "xperia", "oneplus", "motorola", "honor", "oppo", "vivo", "realme", "tuta", "aol", "zimbra", "thunderbird", "apple", "icloud", "spark", "superhuman", "fastmail", "boxer", "avast", "avg",
	"갤럭시", "아이폰", "айфон", "אייפון", "آيفون", "الآيفون", "网易", "qq",
}

// footerWords are found, in lower case, in footers of virus scanners and mailing lists.
var footerWords = [...]string{
	"checked for viruses by", "reply to this email directly, view it", "reply to this email directly or view it", "solely those of the author", "do not necessarily represent", "do not necessarily reflect", "accepts no liability", "accept no liability", "no liability is accepted", "décline toute responsabilité", "declina toda responsabilidad", "keine haftung für", "originated from outside", "came from outside of", "from an external sender", "stammt von außerhalb", "stammt von einem externen", "provient de l'extérieur", "provient d'un expéditeur externe", "procede de fuera", "procedente de un remitente externo", "proviene dall'esterno", "komt van buiten", "kommer från en extern", "informationen zum datenschutz", "unsere datenschutz", "our privacy policy", "our privacy notice", "notre politique de confidentialité", "nuestra política de privacidad", "la nostra informativa", "ons privacybeleid", "sender notified by", "this message was sent using imp", "sent using endymion", "__._,_.___", "__,_._,___", "virus-free.", "sans virus.", "sans virus www", "libre de virus.", "virenfrei.", "livre de vírus.", "priva di virus.", "privo di virus.", "virusvrij.", "не содержит вирусов.", "virus-free www", "bez wirusów.", "neobsahuje viry.", "virusfri.", "ei viruksia.", "virus-free. www.", "this email has been scanned", "this message has been scanned", "scanned by mailscanner", "auf viren geprüft", "auf viren gepr", "wurde von avast", "diese e-mail wurde von avast",
	"protégée par le logiciel antivirus", "l'absence de virus dans ce courrier", "controllata per individuare virus", "verificada em termos de vírus", "foi verificado quanto à presença de vírus", "gecontroleerd op virussen",
	"проверено на вирусы", "проверено на отсутствие вирусов", "перевірено на віруси", "zkontrolován na viry", "sprawdzona pod kątem wirusów", "wolny od wirusów", "virüslere karşı kontrol", "ウイルス チェック", "바이러스 검사",
	"you received this message because you are subscribed to the", "to unsubscribe from this group", "to unsubscribe, send", "to unsubscribe send ", "to unsubscribe, e-mail", "to unsubscribe from this list", "to unsubscribe, visit", "to unsubscribe or change", "for additional commands, e-mail", "pour se désabonner de cette liste", "para cancelar la suscripción a este grupo", "per annullare l’iscrizione a questo gruppo", "per annullare l'iscrizione a questo gruppo", "pour vous désabonner de ce groupe", "pour vous désinscrire de ce groupe", "um sich von dieser gruppe abzumelden", "mailing list\nhttp", "mailman/listinfo", "unsubscribe here", "um diese gruppe abzubestellen", "sie erhalten diese nachricht, weil sie",
}

// printing and nature are words, in lower case, of footers that ask not to print a mail.
var printing = [...]string{"print", "druck", "imprim", "stamp", "afdruk", "skriv ut", "skrive ut", "udskriv", "tulost", "wydruk", "vytisk", "tisk", "печат", "друк", "εκτυπ", "yazdır", "打印", "列印", "印刷", "인쇄", "להדפיס", "طباعة"}

var nature = [...]string{"environment", "umwelt", "environnement", "medio ambiente", "meio ambiente", "ambiente", "milieu", "miljö", "miljø", "ympäristö", "środowisk", "životní prostředí", "природ", "окружающ", "довкілл", "περιβάλλον", "çevre", "环境", "環境", "环保", "環保", "환경", "הסביבה", "البيئة", "planet", "tree", "bäume", "arbres"}

// scanners are words, in lower case, for programs that look for viruses.
var scanners = [...]string{"avast", " avg", "mcafee", "kaspersky", " eset", "bitdefender", "norton", "mailscanner", "clamav", "sophos", "trend micro", "f-secure", "nod32", "антивирус", "антивірус"}

// legalTitles begin legal notices, in lower case.
var legalTitles = [...]string{
	"the information in this e", "the information in this mess", "the information contained in", "the content of this e", "the contents of this e", "this e-mail and any", "this email and any", "this message and any", "this e-mail is ", "this email is ", "this message is ", "this communication is", "this e-mail may ", "this email may ", "this message may ", "diese e-mail enthält", "diese nachricht enthält", "diese e-mail kann", "diese nachricht kann", "diese e-mail ist", "diese nachricht ist", "diese mail ist", "diese mail enthält", "der inhalt dieser e-mail", "ce message est", "ce message et", "ce message peut", "ce courriel", "este mensaje", "este correo", "questo messaggio", "questa e-mail", "la presente e-mail", "esta mensagem", "este e-mail", "dit bericht", "dit e-mailbericht", "deze e-mail", "detta meddelande", "denna e-post", "denne e-post", "denne mail", "denne e-mail", "tämä viesti", "tämä sähköposti", "ta wiadomość", "niniejsza wiadomość", "tato zpráva", "tento e-mail", "это сообщение", "данное сообщение", "це повідомлення", "bu e-posta", "bu mesaj",
	"disclaimer", "confidentiality notice", "confidentiality:", "confidential notice", "legal notice", "legal disclaimer", "privacy notice", "important notice", "confidentiality note", "notice of confidentiality", "vertraulichkeitshinweis", "haftungsausschluss", "rechtlicher hinweis", "wichtiger hinweis",
	"avis de confidentialité", "avis important", "avertissement", "clause de confidentialité", "aviso legal", "aviso de confidencialidad", "cláusula de confidencialidad", "advertencia", "avviso di riservatezza", "nota di riservatezza", "aviso de confidencialidade", "vertrouwelijkheid", "sekretess", "klauzula poufności",
	"upozornění", "уведомление о конфиденциальности", "gizlilik", "免责声明", "免責事項", "보안 안내",
}

// legalWords has groups of words, in lower case, of which a legal notice has several. The first is of confidence.
var legalWords = [...][]string{
	{
		"not the intended", "not the addressee", "not the named", "not intended for you", "nicht der beabsichtigte", "nicht der richtige", "nicht der vorgesehene", "nicht der adressat", "nicht der bezeichnete", "nicht für sie bestimmt", "pas le destinataire", "pas destinataire", "pas destiné", "no es el destinatario", "no es usted el destinatario", "no fuera el destinatario", "non è il destinatario", "non siete il destinatario", "non siete i destinatari", "não é o destinatário", "não for o destinatário", "não seja o destinatário", "niet de geadresseerde", "niet de beoogde", "niet voor u bestemd", "inte är rätt", "inte är avsedd", "ikke er den rette", "ikke er rette", "ette ole oikea", "adresatem", "nejste adresát", "nejste zamýšlen", "не являетесь", "не предназначен", "не є адресатом", "δεν είστε ο", "değilseniz", "אינך הנמען", "لم تكن",
		"confidential", "privileged", "vertraulich", "confidentiel", "confidencial", "confidenci", "riservat", "confidenziali", "vertrouwelijk", "konfidentiell", "sekretess", "fortrolig", "konfidensiell", "luottamukselli", "poufn", "důvěrn", "конфиденциальн", "конфіденційн", "εμπιστευτικ", "gizli", "חסוי", "סודי", "سرية", "سري", "保密", "机密", "機密", "기밀", "bảo mật", "bí mật",
	},
	{ // it speaks of itself
		"this e-mail", "this email", "this message", "this communication", "this transmission", "the information contained", "e-mail", "email", "nachricht", "mail", "courriel", "ce message", "mensaje", "correo", "messaggio", "mensagem", "bericht", "meddelande", "melding", "meddelelse", "viesti", "wiadomo", "zpráv", "сообщени", "письм", "повідомлен", "лист", "μήνυμα", "ileti", "mesaj", "הודעה", "رسالة", "邮件", "郵件", "メール", "메일", "thư",
	},
	{ // of its recipient
		"intended", "recipient", "addressee", "empfänger", "adressat", "destinataire", "destinatari", "destinatário", "geadresseerde", "ontvanger", "bestemd voor", "mottagare", "avsedd", "mottaker", "modtager", "vastaanottaja", "adresat", "příjemc", "adresát", "получател", "адресат", "одержувач", "παραλήπτη", "alıcı", "נמען", "المستلم", "المرسل إليه", "收件人", "收件者", "宛先", "受信者", "수신자", "수신인", "người nhận",
	},
	{ // of a mistake
		"in error", "by mistake", "irrtümlich", "versehentlich", "par erreur", "por error", "por erro", "por engano", "indevidamente", "per errore", "per ongeluk", "abusievelijk", "ten onrechte", "av misstag", "felaktigt", "ved en feil", "ved en fejl", "erehdyksessä", "omyłkowo", "przez pomyłkę", "omylem", "по ошибке", "помилково", "κατά λάθος", "yanlışlıkla", "בטעות", "بالخطأ", "误", "誤", "실수로", "잘못", "nhầm",
	},
	{ // of what to do about it
		"delete", "destroy", "notify the sender", "notify us", "löschen", "vernichten", "supprimer", "détruire", "elimin", "bórrelo", "borre", "destru", "apagar", "apague", "cancell", "verwijder", "radera", "slett", "poista", "usun", "usuń", "smaž", "vymaž", "удал", "видал", "διαγρ", "siliniz", "silin", "מחק", "حذف", "删除", "刪除", "削除", "삭제", "xóa",
	},
	{ // of what is attached
		"attachment", "anhang", "anhänge", "anlagen", "pièces jointes", "adjunto", "anexo", "allegat", "bijlage", "bilag", "bifog", "vedlegg", "liitte", "załącznik", "příloh", "вложен", "вкладен", "συνημμ", "ekleri", "附件", "添付", "첨부", "đính kèm",
	},
	{ // of what is forbidden
		"unauthori", "prohibited", "disclos", "dissemin", "distribution", "copying", "strictly", "solely", "ausschließlich", "ausschliesslich", "esclusiv", "exclusief", "wyłącznie", "výhradně", "только", "тільки", "виключно", "исключительно", "αποκλειστικά", "yalnızca", "בלבד", "فقط", "仅", "僅", "のみ", "chỉ", "vain ", "kun ", "untersagt", "nicht gestattet", "unbefugt", "interdit", "strictement", "exclusiv", "prohibid", "proibid", "vietat", "verboden", "uitsluitend", "förbjud", "endast", "forbudt", "kielletty", "zabron", "zakáz", "запрещ", "заборон", "απαγορ", "yasak", "אסור", "محظور", "يحظر", "禁止", "금지", "nghiêm cấm",
	},
}

// courtesies, in lower case, are what offices write below their signatures though it sounds like words of the author.
var courtesies = [...]string{
	"working hours may not be your", "working day may not be your", "working pattern may not be your", "working hours may be different", "working hours may differ", "working days may not be your", "outside of your normal working hours", "outside your normal working hours", "arbeitszeiten müssen nicht ihre", "arbeitszeit muss nicht ihre",
}

// befores are words, in lower case, of footers that ask to think before printing.
var befores = [...]string{
	"before", "think", "consider", "bevor", "vor dem", "denk", "avant", "pensez", "antes", "piens", "prima di", "pensa", "pense", "voordat", "denk", "innan", "tänk", "før", "tenk", "tænk", "ennen", "zanim", "przed", "než", "перед", "прежде", "перш", "πριν", "önce", "לפני", "قبل", "前", "전에", "trước",
}

// outside and warnings are words, in lower case, of lines by which a server warns of a mail from elsewhere.
var outside = [...]string{
	"outside of", "outside the", "outside our", "outside your", "external sender", "external email", "external e-mail", "external source", "externe e-mail", "externen absender", "außerhalb", "l'extérieur", "expéditeur externe", "fuera de", "remitente externo", "dall'esterno", "mittente esterno", "van buiten", "externe afzender", "externt", "ekstern", "ulkopuolelta", "spoza", "externí", "внешн", "зовнішн", "harici", "外部",
}

var warnings = [...]string{
	"caution", "warning", "do not click", "don't click", "be careful", "[external", "external email:", "originated", "achtung", "vorsicht", "klicken sie nicht", "attention", "ne cliquez pas", "prudence", "precaución", "advertencia", "no haga clic", "attenzione", "non cliccare", "atenção", "não clique", "let op", "klik niet", "varning", "klicka inte", "advarsel", "klikk ikke", "klik ikke", "varoitus", "uwaga", "upozornění", "внимание", "осторожно", "увага", "dikkat", "注意",
}

// registry has groups of words, in lower case, of which the line of a company that the law demands has several: its seat, the
// register, who runs it, its tax number.
var registry = [...][]string{
	{"registered office", "registered address", "sitz der gesellschaft", "sitz:", "firmensitz", "siège social", "sede legale", "domicilio social", "sede social", "statutaire zetel", "säte", "siedziba", "sídlo", "юридический адрес", "rekisteröity", "kotipaikka"},
	{"registered in ", "company registered", "company number", "company no", "registration no", "registration number", "registergericht", "amtsgericht", "handelsregister", "hrb ", "hra ", "r.c.s", "rcs ", "siret", "siren", "registro mercantil", "registro imprese", "rea ", "cnpj", "kvk", "org.nr", "org nr", "orgnr", "cvr", "krs ", "regon", "obchodní rejstřík", "zapsan", "огрн", "єдрпоу", "mersis", "y-tunnus"},
	{"geschäftsführer", "geschäftsführung", "vorstand", "aufsichtsrat", "directors:", "managing director", "gérant", "zarząd", "jednatel"},
	{"vat no", "vat number", "vat reg", "vat id", "ust-id", "ust.-id", "ustid", "umsatzsteuer", "steuernummer", "n° tva", "tva intracom", "p.iva", "p. iva", "partita iva", "c.i.f", "nif ", "btw", "momsreg", "nip ", "nip:", "ičo", "dič", "инн ", "capital social", "au capital de", "capitale sociale", "kapitał zakładowy", "stammkapital", "share capital"},
}

// personal words, in lower case, are an author's, not a notice's.
var personal = [...]string{
	" yesterday", " gestern ", " i sent ", " i clicked ", " i tried ", " i asked ", " i also ", " i already ", " i still ", " i'm ", " i've ", " i am ", " i was ", " i have ", " i had ", " i will ", " i would ", " i did ", " i do ", " i don't ", " i can", " i got ", " i received ", " i think ", " i need ", " i want ", " i hope ", " i know ", " my ", " me ", " you sent ", " you have sent ", " your e-mail ", " your email ", " can you ", " could you ", " ich ", " mein ", " meine ", " meinen ", " mir ", " ihre e-mail ", " können sie ", " j'ai ", " je vous ", " je suis ", " je ne ", " je n'", " je voudrais ", " je souhaite ", " mon ", " ma commande ", " ma facture ", " ma demande ", " mes ", " pouvez-vous ", " yo ", " mi correo ", " puede usted ", " io ", " la mia ", " eu não ", " eu tenho ", " eu quero ", " minha ", " ik ", " mijn ", " jag ", " mitt ", " jeg ", " minun ", " мой ", " моё ", " мое ", " я ",
}

// closings end letters, in lower case.
var closings = [...]string{
	"warmly", "have a nice day", "have a good day", "have a great day", "thank you very much", "sincerely yours", "very truly yours", "gratefully", "speak soon", "talk soon", "with thanks", "many regards", "yours respectfully", "mit besten wünschen", "beste wünsche", "freundlichst", "herzlichst", "im auftrag", "schönen tag", "einen schönen tag", "bis bald", "mit freundlichem gruss", "mit freundlichen gruß", "mit lieben grüßen", "viele liebe grüße", "sonnige grüße", "servus", "bien amicalement", "veuillez agréer", "je vous prie d'agréer", "sincèrement", "à bientôt", "bonne réception", "bonne soirée", "bàv", "avec mes salutations", "d'avance merci", "merci d'avance", "merci par avance", "bonne fin de journée", "cordiales saludos", "reciba un saludo", "muy atentamente", "abrazos", "saludo", "le saluda", "mil gracias", "un cordiale saluto", "in attesa", "buona serata", "buon lavoro", "ringraziando", "grazie mille", "molte grazie", "i migliori saluti", "com os melhores", "grato", "grata", "abs", "muito obrigado", "muito obrigada", "saudações cordiais", "hoogachtend", "met groet", "m.v.g.", "groetjes", "alvast bedankt", "fijne dag", "med vänlig", "bästa hälsning", "allt gott", "tack på förhand", "med hilsen", "vh", "kh", "på forhånd tak", "på forhånd takk", "ha en fin dag", "ystävällisesti", "t:", "kunnioittavasti", "terkuin", "yst. terv", "mukavaa päivää", "kiitos etukäteen", "łączę pozdrowienia", "z góry dziękuję", "miłego dnia", "s přáním", "přeji", "předem děkuji", "díky", "s přátelským", "с наилучшими", "заранее спасибо", "с благодарностью", "всего хорошего", "хорошего дня", "заранее благодарю", "щиро", "гарного дня", "заздалегідь дякую", "με τιμή", "ευχαριστώ πολύ", "καλή σας μέρα", "kolay gelsin", "saygılar", "hoşça kalın", "יום טוב", "תודה מראש", "בכבוד", "مع خالص", "وشكرا", "تحية طيبة", "مع الشكر", "والسلام عليكم", "مع أطيب", "祝商祺", "祝您", "顺颂", "敬启", "敬啟", "多谢", "感谢", "感謝", "祝工作", "何卒よろしく", "以上、よろしく", "ありがとうございます", "草々", "お手数", "감사드립니다", "수고하세요", "안녕히 계세요", "배상", "xin chân thành cảm ơn", "chân thành cảm ơn", "thân mến", "kính chào",
	"best regards", "kind regards", "warm regards", "warmest regards", "with regards", "with best regards", "with kind regards", "regards", "many thanks", "thanks", "thank you", "thx", "cheers", "best wishes", "all the best", "best", "sincerely", "yours sincerely", "yours faithfully", "yours truly", "yours", "respectfully", "cordially", "take care", "kindest regards", "rgds", "br", "kr", "love",
	"mit freundlichen grüßen", "mit freundlichem gruß", "mit freundlichen gruessen", "mit freundlichen grüssen", "mit besten grüßen", "mit herzlichen grüßen", "freundliche grüße", "freundliche grüsse", "viele grüße", "viele grüsse", "viele gruesse", "beste grüße", "beste grüsse", "herzliche grüße", "liebe grüße", "liebe grüsse", "schöne grüße", "gruß", "grüße", "gruss", "grüsse", "vg", "lg", "mfg", "danke", "vielen dank", "hochachtungsvoll", "besten dank", "herzlichen dank",
	"cordialement", "bien cordialement", "bien à vous", "sincères salutations", "salutations", "meilleures salutations", "cdlt", "merci", "amicalement", "bonne journée", "très cordialement", "respectueusement",
	"saludos", "un saludo", "atentamente", "un cordial saludo", "cordialmente", "gracias", "muchas gracias", "saludos cordiales", "reciba un cordial saludo", "un abrazo",
	"cordiali saluti", "distinti saluti", "saluti", "un saluto", "grazie", "buona giornata", "cari saluti", "a presto",
	"atenciosamente", "cumprimentos", "com os melhores cumprimentos", "melhores cumprimentos", "obrigado", "obrigada", "abraço", "abraços", "att", "saudações",
	"met vriendelijke groet", "vriendelijke groet", "vriendelijke groeten", "groeten", "groet", "mvg", "bedankt", "hartelijke groet", "hartelijke groeten", "met hartelijke groet", "dank je", "dank u",
	"med vänliga hälsningar", "vänliga hälsningar", "vänligen", "hälsningar", "mvh", "med vänlig hälsning", "vänlig hälsning", "tack", "bästa hälsningar",
	"med vennlig hilsen", "vennlig hilsen", "hilsen", "takk", "beste hilsener", "med venlig hilsen", "venlig hilsen", "de bedste hilsner", "mange hilsner", "tak", "bedste hilsner", "venlige hilsner",
	"ystävällisin terveisin", "terveisin", "yt", "t.", "parhain terveisin", "kiitos", "kiitoksin",
	"pozdrawiam", "z poważaniem", "z wyrazami szacunku", "pozdrowienia", "dziękuję", "serdecznie pozdrawiam", "z pozdrowieniami",
	"s pozdravem", "s přátelským pozdravem", "zdraví", "děkuji", "hezký den", "s úctou",
	"с уважением", "с наилучшими пожеланиями", "спасибо", "всего доброго", "с ув", "з повагою", "дякую", "з найкращими побажаннями", "всього найкращого",
	"με εκτίμηση", "φιλικά", "ευχαριστώ", "χαιρετισμούς", "με φιλικούς χαιρετισμούς",
	"saygılarımla", "saygılarımızla", "iyi çalışmalar", "teşekkürler", "teşekkür ederim", "sevgiler", "selamlar", "iyi günler",
	"בברכה", "בכבוד רב", "תודה", "תודה רבה", "مع التحية", "مع أطيب التحيات", "تحياتي", "شكرا", "شكراً", "وتفضلوا بقبول", "مع خالص التحية",
	"此致", "敬礼", "谢谢", "祝好", "顺祝商祺", "此致敬礼", "謝謝", "敬上", "敬祝", "よろしくお願いします", "よろしくお願いいたします", "よろしくお願い致します", "敬具", "以上", "宜しくお願い", "감사합니다", "고맙습니다", "드림", "안부를 전하며", "trân trọng", "thân ái", "cảm ơn", "kính thư", "xin cảm ơn",
}

// closingWords may follow a closing in its line, in lower case.
var closingWords = map[string]bool{
	"and": true, "again": true, "in": true, "advance": true, "very": true, "much": true, "so": true, "a": true, "lot": true, "regards": true, "from": true, "for": true, "your": true, "help": true, "to": true, "all": true, "you": true, "best": true, "kind": true, "wishes": true, "thanks": true,
	"und": true, "aus": true, "im": true, "voraus": true, "viele": true, "grüße": true, "grüsse": true, "beste": true, "freundliche": true, "mit": true, "freundlichen": true, "grüßen": true, "schöne": true, "vielen": true, "dank": true, "liebe": true, "ihre": true, "ihr": true, "dein": true, "deine": true,
	"et": true, "à": true, "vous": true, "bonne": true, "journée": true, "d'avance": true, "par": true, "avance": true, "beaucoup": true, "y": true, "e": true, "de": true, "saludos": true, "antemano": true, "por": true, "adelantado": true, "mille": true, "anticipo": true, "saluti": true, "cordiali": true,
	"alvast": true, "en": true, "groet": true, "groeten": true, "vriendelijke": true, "och": true, "og": true, "på": true, "förhand": true, "hilsen": true, "forhånd": true, "ja": true, "z": true, "góry": true, "i": true, "předem": true, "и": true, "за": true, "заранее": true, "с": true, "уважением": true, "cho": true, "ve": true, "ederim": true, "şimdiden": true,
}

// authorWords begin lines in which an author speaks, in lower case.
var authorWords = map[string]bool{
	"as": true, "like": true, "wie": true, "comme": true, "como": true, "come": true, "как": true, "my": true, "i": true, "i'm": true, "i'll": true, "we": true, "you": true, "please": true, "call": true, "here": true, "ps": true, "p.s": true, "nb": true, "and": true, "but": true, "is": true, "can": true, "could": true, "would": true, "it": true, "the": true, "this": true, "that": true, "if": true, "when": true, "or": true,
	"mein": true, "meine": true, "ich": true, "wir": true, "bitte": true, "sie": true, "und": true, "aber": true, "es": true, "wenn": true, "oder": true, "unsere": true, "mon": true, "ma": true, "mes": true, "je": true, "nous": true, "vous": true, "mi": true, "mis": true, "yo": true, "nosotros": true, "il": true, "mio": true, "meu": true, "minha": true, "eu": true,
	"mijn": true, "ik": true, "min": true, "mitt": true, "jag": true, "jeg": true, "vi": true, "minun": true, "mój": true, "moja": true, "můj": true, "moje": true, "мой": true, "моя": true, "я": true, "мы": true, "мій": true, "ми": true, "пожалуйста": true, "benim": true, "το": true, "μου": true, "hier": true, "our": true,
}

// officeWords name positions, companies and what signatures label their numbers with, in lower case.
var officeWords = map[string]bool{
	"ltd": true, "llc": true, "inc": true, "corp": true, "plc": true, "gmbh": true, "ag": true, "kg": true, "ohg": true, "ug": true, "se": true, "sa": true, "s.a": true, "sarl": true, "sas": true, "srl": true, "s.r.l": true, "spa": true, "s.p.a": true, "s.l": true, "s.a.s": true, "lda": true, "ltda": true, "bv": true, "b.v": true, "nv": true, "n.v": true, "ab": true, "aps": true, "oy": true, "oyj": true, "o.o": true, "s.r.o": true, "a.s": true, "ооо": true, "тов": true, "αε": true, "a.ş": true, "şti": true, "株式会社": true, "有限公司": true, "company": true, "university": true, "universität": true, "université": true, "universidad": true,
	"manager": true, "engineer": true, "director": true, "ceo": true, "cto": true, "cfo": true, "coo": true, "president": true, "head": true, "consultant": true, "developer": true, "analyst": true, "assistant": true, "officer": true, "specialist": true, "coordinator": true, "supervisor": true, "accountant": true, "founder": true, "co-founder": true, "partner": true, "lawyer": true, "attorney": true, "designer": true, "architect": true, "administrator": true, "professor": true, "department": true, "abteilung": true,
	"geschäftsführer": true, "geschäftsführerin": true, "leiter": true, "leiterin": true, "vertrieb": true, "einkauf": true, "buchhaltung": true, "sachbearbeiter": true, "sachbearbeiterin": true, "kundenservice": true, "kundenbetreuung": true, "rechtsanwalt": true, "rechtsanwältin": true, "directeur": true, "directrice": true, "responsable": true, "chargée": true, "directora": true, "gerente": true, "jefe": true, "direttore": true, "responsabile": true, "diretor": true, "gestor": true, "directeur-eigenaar": true,
	"projektleiter": true, "verkäufer": true, "säljare": true, "projektledare": true, "daglig": true, "dyrektor": true, "kierownik": true, "specjalista": true, "ředitel": true, "vedoucí": true, "директор": true, "менеджер": true, "руководитель": true, "інженер": true, "инженер": true, "müdürü": true, "müdür": true, "部長": true, "課長": true, "经理": true, "經理": true, "팀장": true, "과장": true,
}

// pointers, in lower case, are how a letter points at what follows it.
var pointers = [...]string{
	"below", "following", "as follows", "here is", "here are", "unten", "folgend", "hier ist", "hier sind", "ci-dessous", "suivant", "ci-après", "voici", "abajo", "siguiente", "continuación", "aquí", "sotto", "seguente", "ecco", "abaixo", "seguinte", "hieronder", "volgende",
	"nedan", "följande", "nedenfor", "følgende", "seuraava", "poniż", "następując", "níže", "následující", "ниже", "следующ", "вот ", "нижче", "наступн", "ось ", "παρακάτω", "aşağıda", "şöyle", "להלן", "أدناه", "التالي", "如下", "以下", "下面", "下記", "아래", "다음과 같", "dưới đây", "sau đây", "như sau",
}

// news, in lower case, are how a letter tells an address or a number that is new, or its author's.
var news = [...]string{
	"new address", "new number", "new phone", "my address", "my number", "my details", "call me", "reach me", "ring me", "neue adresse", "neue anschrift", "neue nummer", "neue telefon", "neuen adresse", "meine adresse", "meine anschrift", "meine nummer", "meine daten", "rufen sie mich",
	"nouvelle adresse", "nouveau numéro", "mon adresse", "mon numéro", "appelez-moi", "nueva dirección", "nuevo número", "mi dirección", "mi número", "llámeme", "nuovo indirizzo", "nuovo numero", "mio indirizzo", "mio numero", "novo endereço", "novo número", "meu endereço", "meu número",
	"nieuwe adres", "mijn adres", "mijn nummer", "nya adress", "min adress", "mitt nummer", "nye adresse", "min adresse", "osoitteeni", "numeroni", "nowy adres", "mój adres", "mój numer", "nová adresa", "moje adresa", "moje číslo", "новый адрес", "мой адрес", "мой номер", "нова адреса", "моя адреса", "мій номер",
	"διεύθυνσή μου", "αριθμός μου", "adresim", "numaram", "הכתובת שלי", "המספר שלי", "عنواني", "رقمي", "新地址", "我的地址", "我的电话", "我的電話", "新住所", "私の住所", "제 주소", "제 번호", "địa chỉ của tôi", "số của tôi",
}

// contactWords, in lower case, are how a letter speaks of an address or a number.
var contactWords = [...]string{
	"wenden sie sich", "wende dich", "accountant", "buchhaltung", "adressez-vous", "diríjase", "si rivolga", "speak to ", "talk to ", "write to ", "witness", "zeug", "address", "phone", "my number", "call me", "contact", "colleague", "deliver", "invoice", "liefer", "kolleg", "ansprechpartner", "collègue", "livr", "colega", "entreg", "collega", "consegn", "lever", "dostaw", "kontakt", "contatt", "контакт", "доставк", "联系", "聯絡", "連絡", "연락", "liên hệ", "contact detail", "my detail", "reach me", "adresse", "anschrift", "telefon", "nummer", "rufen sie", "kontaktdaten", "coordonnées", "téléphone", "numéro", "appelez", "dirección", "teléfono", "número", "indirizzo", "numero", "endereço", "telefone", "adres", "adress", "osoite", "puhelin", "numer", "číslo",
	"адрес", "телефон", "номер", "διεύθυνση", "τηλέφωνο", "numara", "כתובת", "טלפון", "عنوان", "رقم", "地址", "电话", "電話", "住所", "番号", "주소", "전화", "번호", "địa chỉ", "số điện thoại",
}

// accountWords, in lower case, label numbers that the recipient of a letter needs.
var accountWords = [...]string{
	"customer", "order", "invoice", "account", "policy", "reference", "booking", "contract", "member", "ticket", "case no", "kunden", "bestell", "rechnung", "konto", "vertrag", "aktenzeichen", "auftrag", "buchung", "versicherung", "geburts", "client n", "n° client", "commande", "facture", "contrat", "dossier", "cliente", "pedido", "factura", "ordine", "fattura", "contratto",
	"encomenda", "fatura", "klant", "bestelnummer", "factuur", "kundnummer", "kundenr", "ordernummer", "asiakas", "zamówieni", "faktur", "klienta", "objednáv", "заказ", "договор", "замовлення", "müşteri", "sipariş", "订单", "訂單", "注文", "会員", "주문", "đơn hàng",
}
