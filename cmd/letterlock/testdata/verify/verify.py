# Verifies mails with dkimpy and reads them with Python's email package. It is given a folder with zone.json, the TXT records by name, and
# mails as *.eml, and prints for each mail, one JSON object in a line: the signatures that hold, every defect, and what the mail says.
import email
import email.policy
import glob
import hashlib
import json
import os
import sys

import dkim

folder = sys.argv[1]
with open(os.path.join(folder, "zone.json")) as f:
    zone = json.load(f)


def lookup(name, timeout=5):
    text = zone.get(name.decode("ascii").rstrip("."))
    return text.encode("ascii") if text else None


def signatures(raw):
    found = []
    head = b"\r\n" + raw.lower().split(b"\r\n\r\n")[0]
    for i in range(head.count(b"\r\ndkim-signature:")):
        d = dkim.DKIM(raw)
        try:
            ok = d.verify(idx=i, dnsfunc=lookup)
        except Exception as e:  # what it raises is what is wrong
            found.append(repr(e))
            continue
        a, domain = (d.signature_fields.get(tag, b"?").decode() for tag in (b"a", b"d"))
        found.append(f"{a} {domain} {'good' if ok else 'bad'}")
    return found


def defects(part):
    found = [repr(d) for d in part.defects]
    for name, value in part.items():
        found += [f"{name}: {d!r}" for d in getattr(value, "defects", ())]
    return found


def read(raw):
    # A header section beyond ASCII (RFC 6532) is text to this package; octets would be taken for an unknown charset.
    m = email.message_from_string(raw.decode("utf-8"), policy=email.policy.default)
    said = {"subject": str(m["subject"]), "to": str(m["to"]), "defects": [], "parts": []}
    for part in m.walk():
        said["defects"] += defects(part)
        if part.is_multipart():
            continue
        octets = part.get_payload(decode=True).replace(b"\r\n", b"\n")
        said["defects"] += [d for d in defects(part) if d not in said["defects"]]
        said["parts"].append(f"{part.get_content_type()} {(part.get_filename() or '').strip()} {hashlib.sha256(octets).hexdigest()}")
    return said


for path in sorted(glob.glob(os.path.join(folder, "*.eml"))):
    with open(path, "rb") as f:
        raw = f.read()
    said = read(raw)
    said["name"], said["signatures"] = os.path.basename(path), signatures(raw)
    print(json.dumps(said))
