"""A GGUF file as Python values, for tests that look into what llorch writes."""
import array
import struct

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
F32, F16, BF16 = 0, 1, 30
BLOCKS = {8: (32, 34), 39: (32, 17)}  # Q8_0, MXFP4


class GgufFile:
    def __init__(self, path):
        self.data = path.read_bytes()
        self.at = 4
        assert self.data[:4] == b"GGUF" and self.number("I") == 3
        n_tensors, n_keys = self.number("Q"), self.number("Q")
        self.keys = {}
        for _ in range(n_keys):
            name = self.text()
            self.keys[name] = self.value(self.number("I"))
        infos = [self.tensor_info() for _ in range(n_tensors)]
        alignment = self.keys.get("general.alignment", 32)
        begin = -(-self.at // alignment) * alignment
        self.tensors = {name: (kind, shape, begin + offset) for name, kind, shape, offset in infos}

    def number(self, code):
        (value,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def text(self):
        length = self.number("Q")
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def value(self, kind):
        if kind == STRING:
            return self.text()
        if kind != ARRAY:
            return self.number(SCALARS[kind])
        item = self.number("I")
        return [self.value(item) for _ in range(self.number("Q"))]

    def tensor_info(self):
        name = self.text()
        shape = [self.number("Q") for _ in range(self.number("I"))][::-1]
        return name, self.number("I"), shape, self.number("Q")

    def shape(self, name):
        return self.tensors[name][1]

    def values(self, name):
        """Floats, or the bytes of blocks."""
        kind, shape, begin = self.tensors[name]
        n = 1
        for dim in shape:
            n *= dim
        if kind in BLOCKS:
            length, size = BLOCKS[kind]
            return self.data[begin:begin + n // length * size]
        if kind == F32:
            return array.array("f", self.data[begin:begin + 4 * n])
        words = array.array("H", self.data[begin:begin + 2 * n])
        if kind == F16:
            return array.array("f", struct.unpack(f"<{n}e", words.tobytes()))
        assert kind == BF16
        return array.array("f", array.array("I", [word << 16 for word in words]).tobytes())
