#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Would the tests notice?  Each small change to a file of lib/ is a mutant, and
it is killed when one of the file's tests fails or does not end, the first of
them under AddressSanitizer and UndefinedBehaviorSanitizer, too.

    test/mutation/mutate.py                     every mutant of every file
    test/mutation/mutate.py --file match.c      of one
    test/mutation/mutate.py --sample 100 --seed 7    some, taken by chance
    test/mutation/mutate.py --list              only say what they are

Not counted are those that are no C, those that compile to the same bytes as the
original or as a mutant before, and those in equivalent.txt, each with the
reason why no test can tell it from the original.  These are run as well unless
there is a sample: one that is killed has no place there, nor has one that is
not made any more.

Fails below 95 % killed in a file, of a sample in all of it.
"""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import random
import sys
import tempfile
import threading

sys.dont_write_bytecode = True  # the tree stays as it is
from mutants import mutants_of
from rig import LIB, SANITIZERS, Rig

GOAL = 95
SCALE = 4
HERE = pathlib.Path(__file__).parent
# The tests of each file, those first that notice most.
TESTS = {
    "match.c": ["test_match", "framer_exhaustive", "test_framer"],
    "framer.c": ["test_framer", "framer_exhaustive"],
    "queue.c": ["test_queue", "test_producer"],
    "hits.c": ["test_hits", "test_match", "framer_exhaustive"],
    "automaton.c": ["test_automaton", "test_match", "test_framer"],
}
FATES = ["killed", "survived", "equivalent", "same", "no C"]


def known_equivalent():
    """The records of equivalent.txt, and the reason of each."""
    known = {}
    text = (HERE / "equivalent.txt").read_text()
    for record in text.split("\n\n"):
        lines = [line for line in record.splitlines()
                 if not line.startswith("#")]
        if not lines:
            continue
        name, before, after, *reason = lines
        if not (before.startswith("- ") and after.startswith("+ ") and reason):
            raise SystemExit(f"equivalent.txt: no such record:\n{record}")
        known[name, before[2:], after[2:]] = " ".join(reason)
    return known


class Run:
    """What becomes of the mutants, tried on each rig in turn."""

    def __init__(self, rigs, scratch, files):
        self.rigs = rigs
        self.scratch = pathlib.Path(scratch)
        self.known = known_equivalent()
        self.lock = threading.Lock()
        self.seen = set()
        self.limit = {
            (rig, test): 2 + round(10 * rig.cpu_seconds(test, scratch))
            for rig in rigs for test in rig.programs}
        for file in files:
            made = self.scratch / "original.o"
            rigs[0].compile(LIB / file, made)
            self.is_new(file, made)

    def is_new(self, file, made):
        """Has nothing compiled to these bytes before?"""
        digest = file, hashlib.sha256(made.read_bytes()).digest()
        with self.lock:
            is_new = digest not in self.seen
            self.seen.add(digest)
        return is_new

    def fate_of(self, mutant):
        """One of FATES, and the test that killed it."""
        with tempfile.TemporaryDirectory(dir=self.scratch) as name:
            place = pathlib.Path(name)
            source, made = place / mutant.file, place / "plain.o"
            source.write_text(mutant.source)
            if not self.rigs[0].compile(source, made):
                return "no C", None
            is_known = record_of(mutant) in self.known
            if not self.is_new(mutant.file, made) and not is_known:
                return "same", None
            killer = self.killer_of(source, made)
        if is_known:
            return "equivalent", killer
        return ("killed" if killer else "survived"), killer

    def tests_of(self, file, rig):
        return TESTS[file] if rig == self.rigs[0] else TESTS[file][:1]

    def killer_of(self, source, made):
        for rig in self.rigs:
            if rig != self.rigs[0]:
                rig.compile(source, made)
            for test in self.tests_of(source.name, rig):
                program = source.parent / test
                rig.link(test, [made], program)
                limit = self.limit[rig, test]
                _, code = rig.run(program, limit, CK_FORK="no")
                if code != 0:
                    return test
        return None


def record_of(mutant):
    return mutant.name, mutant.before, mutant.after


def all_mutants(rig, files):
    for file in files:
        yield from mutants_of(file, (LIB / file).read_text(),
                              rig.lines_compiled(LIB / file))


def tell_fates(fates, files):
    """The table and the figures; the share of each row that was killed."""
    print(f"\n{'file':<14}" + "".join(f"{fate:>12}" for fate in FATES)
          + f"{'score':>10}")
    shares, total = {}, [0] * len(FATES)
    rows = {file: [sum(f == fate for m, f, _ in fates if m.file == file)
                   for fate in FATES] for file in files}
    for counts in rows.values():
        total = [a + b for a, b in zip(total, counts)]
    rows["in all"] = total
    for name, counts in rows.items():
        killed, tried = counts[0], counts[0] + counts[1]
        shares[name] = 100 * killed / tried if tried else 100
        print(f"{name:<14}" + "".join(f"{n:>12}" for n in counts)
              + f"{shares[name]:>8.1f} %")
    print()
    for name in files:
        killed, survived = rows[name][:2]
        print(f"figure: mutation-{name[:-2]} {killed}/{killed + survived}")
    print(f"figure: mutation-score {shares['in all']:.1f}")
    return shares


def complaints(fates, known, files):
    """What equivalent.txt says wrongly of these files."""
    made = {record_of(mutant) for mutant, _, _ in fates}
    for mutant, fate, killer in fates:
        if fate == "equivalent" and killer:
            yield f"not equivalent, {killer} kills it: {mutant}"
    for name, before, after in known:
        if name.split()[0] in files and (name, before, after) not in made:
            yield f"no such mutant: {name}\n- {before}\n+ {after}"


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--file", action="append", choices=TESTS)
    parser.add_argument("--sample", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--killers", action="store_true",
                        help="say of each which test killed it")
    return parser.parse_args()


def try_all(run, mutants, tell):
    fates = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        results = workers.map(run.fate_of, mutants)
        for mutant, (fate, killer) in zip(mutants, results):
            fates.append((mutant, fate, killer))
            if fate == "survived" or tell:
                print(f"\n{fate} {killer or ''}: {mutant}", flush=True)
    return fates


def main():
    asked = arguments()
    files = asked.file or list(TESTS)
    with tempfile.TemporaryDirectory(prefix="evchat-mutation-") as scratch:
        programs = {test for file in files for test in TESTS[file]}
        firsts = {TESTS[file][0] for file in files}
        rigs = [Rig(f"{scratch}/plain", programs, SCALE)]
        mutants = list(all_mutants(rigs[0], files))
        if asked.list:
            print(*mutants, sep="\n\n")
            return 0
        rigs.append(Rig(f"{scratch}/checked", firsts, SCALE, SANITIZERS))
        run = Run(rigs, scratch, files)
        if asked.sample:
            mutants = [m for m in mutants if record_of(m) not in run.known]
            chance = random.Random(asked.seed)
            mutants = chance.sample(mutants, min(asked.sample, len(mutants)))
        fates = try_all(run, mutants, asked.killers)
    shares = tell_fates(fates, files)
    wrong = list(complaints(fates, run.known, [] if asked.sample else files))
    for complaint in wrong:
        print(f"\nequivalent.txt: {complaint}", file=sys.stderr)
    judged = ["in all"] if asked.sample else files
    return any(shares[name] < GOAL for name in judged) or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
