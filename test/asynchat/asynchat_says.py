# SPDX-License-Identifier: BSD-3-Clause
"""Has Python's own asynchat cut random streams into frames, and evchat's framer
cut the same streams at the same places:

    python3 asynchat_says.py PROGRAM [CASES [SEED]]

PROGRAM is asynchat_cases, which reads the cases with asynchat's words and fails
at the first that differs.  A case is a stream, where it was cut, the
terminators that were set one after the other in found_terminator(), and what
came of it: the frames, and after each segment how much had been said and how
much was held back.

Not drawn are the differences that evchat means to have: a count of 0 (rule
S13), an empty literal, and the end of the stream (S22, S66).
"""

import contextlib
import random
import subprocess
import sys
import warnings

warnings.simplefilter("ignore", DeprecationWarning)
import asynchat  # noqa: E402  (the last Python that has it is 3.11)

LITERALS = (b"\n", b"\r\n", b"\r\n\r\n", b"\r\r", b"\r\n\r", b"aa", b"aab", b"abab",
            b"a" * 17, b"ab" * 12 + b"a", b"\r\n.\r\n", b"\0", b"--b\r\n" * 5)
ALPHABETS = (b"a\r\n", b"ab", b"\r\n", b"a", b"\r\n.a", b"\0\xff\r\n<\\", b"-b\r\na")
LONGEST = 120
KEEP = "K"


def spelled(piece):
    """As test/support/framing.c writes bytes down."""
    return "".join(chr(c) if 32 <= c <= 126 and c not in b"<\\" else f"\\x{c:02x}"
                   for c in piece)


class Cutter(asynchat.async_chat):
    """asynchat on a socket that gives one segment after the other."""

    def __init__(self, terminators):
        super().__init__()
        self.said = ""
        self.waiting = terminators[1:]
        self.set_terminator(terminators[0])

    def recv(self, _):
        return self.segment

    def collect_incoming_data(self, data):
        self.said += spelled(data)

    def found_terminator(self):
        # A count is 0 by now; a literal stays.
        self.said += "<0>" if self.get_terminator() else "<->"
        if not self.waiting:
            return
        terminator = self.waiting.pop(0)
        if terminator != KEEP:
            self.set_terminator(terminator)

    def take(self, segment):
        self.segment = segment
        self.handle_read()
        return f"{len(self.said)}:{len(self.ac_in_buffer)}"


def draw_terminator(chance, first):
    kind = chance.randrange(10)
    if kind < 6:
        return chance.choice(LITERALS)
    if kind < 8:
        return chance.randint(1, 9)
    return None if first or kind == 8 else KEEP


def draw_stream(chance, terminators):
    """Random bytes, with pieces of the literals among them."""
    alphabet = chance.choice(ALPHABETS)
    literals = [t for t in terminators if isinstance(t, bytes) and t != KEEP]
    stream = b""
    length = chance.randint(1, LONGEST)
    while len(stream) < length:
        if literals and chance.randrange(3) == 0:
            literal = chance.choice(literals)
            stream += literal[:chance.randint(1, len(literal))]
        else:
            stream += bytes(chance.choices(alphabet, k=chance.randint(1, 6)))
    return stream


def draw_cuts(chance, length):
    """Lengths of segments: none, few or many cuts, or byte by byte."""
    cuts = chance.choice((0, 1, 2, length // 4, length - 1))
    places = sorted(chance.sample(range(1, length), min(cuts, length - 1)))
    return [b - a for a, b in zip([0] + places, places + [length])]


def named(terminator):
    if terminator == KEEP:
        return KEEP
    if terminator is None:
        return "N"
    if isinstance(terminator, int):
        return f"C{terminator}"
    return "L" + terminator.hex()


def draw_case(chance):
    terminators = [draw_terminator(chance, True)]
    terminators += [draw_terminator(chance, False) for _ in range(chance.randrange(6))]
    stream = draw_stream(chance, terminators)
    segments = draw_cuts(chance, len(stream))
    cutter = Cutter(list(terminators))
    checks, at = [], 0
    for length in segments:
        checks.append(cutter.take(stream[at:at + length]))
        at += length
    return "\t".join((stream.hex(), ",".join(map(str, segments)),
                      ",".join(map(named, terminators)), ",".join(checks), cutter.said))


def main(program, cases=10_000, seed=1):
    chance = random.Random(int(seed))
    judge = subprocess.Popen([program, str(cases)], stdin=subprocess.PIPE)
    # It stops reading when it has found one that differs, and says so.
    with contextlib.suppress(BrokenPipeError):
        for _ in range(int(cases)):
            judge.stdin.write((draw_case(chance) + "\n").encode())
        judge.stdin.close()
    return judge.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
