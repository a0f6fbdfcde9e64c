# SPDX-License-Identifier: BSD-3-Clause
"""evchat and its tests, built once; then any file of lib/ can be replaced.

What is put in the place of a file is compiled alone and comes before the
library on the link line, so that the library's own stays out.  The matcher is
compiled with EVCHAT_PORTABLE: it has only the way to search that is plain C,
and each test that tries all ways tries just that.  Assertions are on.
"""

import os
import pathlib
import resource
import shlex
import signal
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
LIB = TOP / "lib"
FLAGS = ["-O1", "-DEVCHAT_PORTABLE"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# A replaced file may ask for any amount of memory, loop, wait, or crash.
MOST_MEMORY = 1 << 30
LONGEST_WAIT = 60
WRAP = [
    "-Wl,--wrap=evchat_transport_open_",
    "-Wl,--undefined=__wrap_evchat_transport_open_",
]


def must(*command):
    """Run a command that has to succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{shlex.join(map(str, command))}\n{done.stdout}")
    return done.stdout


class Rig:
    """A build in `directory` of the library and these test programs."""

    def __init__(self, directory, programs, scale, sanitizers=()):
        self.build = pathlib.Path(directory)
        self.programs = sorted(programs)
        self.flags = [*FLAGS, *sanitizers]
        # Sanitizers reserve more addresses than there can be memory.
        self.memory = resource.RLIM_INFINITY if sanitizers else MOST_MEMORY
        self.environment = {
            **os.environ,
            "EVCHAT_TEST_SCALE": str(scale),
            "CK_DEFAULT_TIMEOUT": "170",
            "ASAN_OPTIONS": f"hard_rss_limit_mb={MOST_MEMORY >> 20}",
        }
        must("cmake", "-S", TOP, "-B", self.build, "-DCMAKE_BUILD_TYPE=None",
             f"-DCMAKE_C_FLAGS={shlex.join(self.flags)}", "-DEVCHAT_BUILD_SAMPLES=OFF")
        must("cmake", "--build", self.build, "--parallel", str(os.cpu_count()),
             "--target", *self.programs)
        self.compiler = [
            "cc", "-std=c11", "-fPIC", "-fvisibility=hidden", "-w",
            "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", *self.flags,
            f"-I{LIB}", f"-I{TOP}/include", f"-I{self.build}/include",
            *must("pkg-config", "--cflags", "libevent_core").split()]
        self.libraries = [
            *WRAP, self.build / "test/libevchat_test_support.a",
            self.build / "lib/libevchat.a", "-pthread", "-ldl",
            *must("pkg-config", "--libs", "libevent_core", "check").split()]

    def compile(self, source, target):
        """Is it C?  The object knows the name of the source, not its place."""
        done = subprocess.run(
            [*self.compiler, "-c", source.name, "-o", target],
            cwd=source.parent, stderr=subprocess.DEVNULL, check=False)
        return done.returncode == 0

    def lines_compiled(self, source):
        """The numbers of those lines that the preprocessor leaves."""
        number, lines = 0, set()
        for line in must(*self.compiler, "-E", source).splitlines():
            if line.startswith("# "):
                number, name = line[2:].split(" ", 1)
                number = int(number) if f'"{source}"' in name else None
                continue
            if number and line.strip():
                lines.add(number)
            if number is not None:
                number += 1
        return lines

    def link(self, program, objects, target):
        made = self.build / f"test/CMakeFiles/{program}.dir"
        must("cc", *self.flags, *sorted(made.rglob("*.o")), *objects, *self.libraries,
             "-o", target)

    def run(self, program, cpu_seconds, **environment):
        """What it prints, and how it ends: None if it had to be stopped.  A
        busy machine makes no difference to how long it may compute."""
        child = subprocess.Popen(
            [program], env={**self.environment, **environment}, text=True,
            errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
        for what, most in ((resource.RLIMIT_CPU, cpu_seconds),
                           (resource.RLIMIT_AS, self.memory),
                           (resource.RLIMIT_CORE, 0)):
            resource.prlimit(child.pid, what, (most, most))
        try:
            said = child.communicate(timeout=LONGEST_WAIT)[0]
            return said, child.returncode
        except subprocess.TimeoutExpired:
            return "", None
        finally:
            stop(child)

    def cpu_seconds(self, program, scratch):
        """What the program takes with evchat as it is."""
        target = pathlib.Path(scratch) / program
        self.link(program, [], target)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        said, code = self.run(target, LONGEST_WAIT, CK_FORK="no")
        if code != 0:
            raise SystemExit(f"{program} fails by itself:\n{said}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        target.unlink()
        return (after.ru_utime - before.ru_utime
                + after.ru_stime - before.ru_stime)


def stop(child):
    """It, and what it has started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
