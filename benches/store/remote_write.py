"""Prometheus remote write, as far as a measurement needs it: protobuf by hand, snappy without compression."""

import struct

from feed import NAMES, values

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


def varint(number):
    """A number in seven-bit groups, the least first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, content):
    """A field of bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def labels(row, name, phase):
    """The labels of a series, sorted by name as the protocol wants."""
    pairs = [("__name__", name), ("phase", phase), ("probe", row.probe), ("target", row.target)]
    return b"".join(
        field(1, field(1, key.encode()) + field(2, value.encode())) for key, value in pairs if value
    )


def snappy(content):
    """A valid snappy block of literals alone: the server's work of decompressing is near nothing."""
    out = [varint(len(content))]
    for at in range(0, len(content), 65_536):
        piece = content[at:at + 65_536]
        out += (bytes([61 << 2]), struct.pack("<H", len(piece) - 1), piece)
    return b"".join(out)


class Requests:
    """Encodes requests; the labels of a series are encoded once."""

    def __init__(self):
        self.known = {}

    def encode(self, rows):
        """One request with the samples of `rows`."""
        out = []
        for row in rows:
            moment = b"\x10" + varint(row.slot)
            for (name, phase), value in zip(NAMES, values(row)):
                key = (row.series, name, phase)
                if key not in self.known:
                    self.known[key] = labels(row, name, phase)
                out.append(field(1, self.known[key] + field(2, b"\x09" + struct.pack("<d", value) + moment)))
        return snappy(b"".join(out))
