"""Says in what two zips of a function differ: ONE TWO. Exits with 0 where nothing does, with 1 where something does.

Of two binaries it names the sections of ELF that differ, and the texts that stand in one alone: a path in which one was built
shows there, and so does what came out in another order.
"""

import re
import struct
import sys
import zipfile

# Texts and sections that are shown of each; the first tell most.
SHOWN = 8
MAX_TEXT = 160
ELF = b"\x7fELF"


def entries(path):
    with zipfile.ZipFile(path) as zip:
        return [(info, zip.read(info)) for info in zip.infolist()]


def sections(binary):
    """Yields name and bytes of each section, as the header at the end of a 64-bit, little-endian ELF file lists them."""
    (table,) = struct.unpack_from("<Q", binary, 0x28)
    size, count, names_at = struct.unpack_from("<HHH", binary, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", binary, table + index * size) for index in range(count)]
    names = binary[headers[names_at][4] :] if count else b""
    for name, kind, _, _, offset, length in headers:
        without_bytes = kind == 8
        yield names[name : names.index(b"\0", name)].decode(), b"" if without_bytes else binary[offset : offset + length]


def texts(binary):
    return {text[:MAX_TEXT] for text in re.findall(rb"[\x20-\x7e]{8,}", binary)}


def of_binaries(one, two):
    yield f"{len(one)} and {len(two)} bytes, first different at {common(one, two)}"
    if one.startswith(ELF) and two.startswith(ELF):
        before, after = dict(sections(one)), dict(sections(two))
        different = [name for name in before | after if before.get(name) != after.get(name)]
        yield f"sections that differ: {', '.join(different[:SHOWN]) or 'none, but where they lie'}"
    for which, alone in (("first", texts(one) - texts(two)), ("second", texts(two) - texts(one))):
        # Paths first.
        for text in sorted(alone, key=lambda text: (-text.count(b"/"), text))[:SHOWN]:
            yield f"in the {which} alone: {text.decode()}"
        if len(alone) > SHOWN:
            yield f"in the {which} alone: {len(alone) - SHOWN} more texts"


def common(one, two):
    return next((at for at, (left, right) in enumerate(zip(one, two)) if left != right), min(len(one), len(two)))


def differences(one, two):
    first, second = entries(one), entries(two)
    names = [info.filename for info, _ in first], [info.filename for info, _ in second]
    if names[0] != names[1]:
        yield f"the zips hold {', '.join(names[0])} and {', '.join(names[1])}"
        return
    for (left, content), (right, other) in zip(first, second):
        for what in ("date_time", "external_attr", "create_system", "compress_type"):
            if getattr(left, what) != getattr(right, what):
                yield f"{left.filename}: {what} is {getattr(left, what)} and {getattr(right, what)}"
        if content != other:
            yield from (f"{left.filename}: {line}" for line in of_binaries(content, other))


def main(one, two):
    with open(one, "rb") as left, open(two, "rb") as right:
        if left.read() == right.read():
            return 0
    found = list(differences(one, two))
    print("\n".join(found or ["the contents are the same; the zips are packed in different ways"]))
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
