"""A GGUF as its keys (bytes, untouched) and its tensors, to make variants of a small model: other numbers, other types."""
import array
import struct

F32, F16, Q8_0 = 0, 1, 8
ALIGNMENT = 32
VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9


def _string(data, at):
    n, = struct.unpack_from("<Q", data, at)
    return data[at + 8:at + 8 + n], at + 8 + n


def _skip_value(data, at, kind):
    if kind == STRING:
        return _string(data, at)[1]
    if kind != ARRAY:
        return at + VALUE_BYTES[kind]
    kind, n = struct.unpack_from("<IQ", data, at)
    at += 12
    if kind in VALUE_BYTES:
        return at + n * VALUE_BYTES[kind]
    for _ in range(n):
        at = _skip_value(data, at, kind)
    return at


def _size(dims, kind):
    n = 1
    for dim in dims:
        n *= dim
    return {F32: 4 * n, F16: 2 * n, Q8_0: n // 32 * 34}[kind]


def _padded(data):
    return data + bytes(-len(data) % ALIGNMENT)


class Gguf:
    """n_keys, keys: the metadata as bytes; tensors: name -> [dims, type, data]."""

    def __init__(self, data):
        magic, _, n_tensors, self.n_keys = struct.unpack_from("<4sIQQ", data)
        assert magic == b"GGUF"
        at = 24
        for _ in range(self.n_keys):
            _, at = _string(data, at)
            at = _skip_value(data, at + 4, *struct.unpack_from("<I", data, at))
        self.keys = data[24:at]
        places = []
        for _ in range(n_tensors):
            name, at = _string(data, at)
            n_dims, = struct.unpack_from("<I", data, at)
            *dims, kind, offset = struct.unpack_from(f"<{n_dims}QIQ", data, at + 4)
            at += 4 + 8 * n_dims + 12
            places.append((name.decode(), dims, kind, offset))
        start = at + -at % ALIGNMENT
        self.tensors = {name: [dims, kind, data[start + offset:start + offset + _size(dims, kind)]]
                        for name, dims, kind, offset in places}

    def to_bytes(self):
        infos, body = b"", b""
        for name, (dims, kind, data) in self.tensors.items():
            infos += struct.pack("<Q", len(name)) + name.encode()
            infos += struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, len(body))
            body += _padded(data)
        head = struct.pack("<4sIQQ", b"GGUF", 3, len(self.tensors), self.n_keys)
        return _padded(head + self.keys + infos) + body

    def fill(self, name, value):
        """Every number of an F32 tensor becomes `value`."""
        tensor = self.tensors[name]
        tensor[2] = array.array("f", [value] * (len(tensor[2]) // 4)).tobytes()

    def quantise(self, name):
        """An F16 matrix becomes Q8_0."""
        tensor = self.tensors[name]
        values = struct.unpack(f"<{len(tensor[2]) // 2}e", tensor[2])
        blocks = []
        for begin in range(0, len(values), 32):
            block = values[begin:begin + 32]
            scale = max(map(abs, block)) / 127
            blocks.append(struct.pack("<e32b", scale, *(round(x / scale) if scale else 0 for x in block)))
        tensor[1:] = [Q8_0, b"".join(blocks)]
