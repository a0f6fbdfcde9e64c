/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Choppy I/O, for evchat and libevent alone.
 *
 * Who makes a call is told by where it returns to.  libevent is a library of
 * its own, and so is evchat in a sample; in a test, evchat's code is put into a
 * section of its own when the test is linked (test/CMakeLists.txt).  That needs
 * no second name for any call, and no copy of evchat built otherwise than the
 * one that is installed.
 */
#include "support/choppy.h"
#include "support/scale.h"
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- Who calls. --- */

/* Named by the linker; there is none where there is no such section. */
extern const char __start_evchat_text[] __attribute__((weak));
extern const char __stop_evchat_text[] __attribute__((weak));

enum { RANGES = 16 };

static struct range {
	uintptr_t from, to;
} ranges[RANGES];
static size_t n_ranges;

static void
add_range(uintptr_t from, uintptr_t to)
{
	if (n_ranges == RANGES)
		abort();
	ranges[n_ranges++] = (struct range){from, to};
}

static int
add_library(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	if (!strstr(info->dlpi_name, "/libevent") &&
	    !strstr(info->dlpi_name, "/libevchat"))
		return 0;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + part->p_vaddr;

		if (part->p_type == PT_LOAD && part->p_flags & PF_X)
			add_range(from, from + part->p_memsz);
	}
	return 0;
}

static bool
is_ours(const void *caller)
{
	uintptr_t at = (uintptr_t)caller;

	for (size_t i = 0; i < n_ranges; i++)
		if (at > ranges[i].from && at <= ranges[i].to)
			return true;
	return false;
}

/* --- How choppy it is. --- */

static uint64_t percent, bytes, seed;
static atomic_uint_fast64_t drawn, cut;

/* A megabyte byte by byte takes longer than it teaches: after so many cuts in
 * one test pieces may be larger, and still end where nothing else does. */
enum { CUTS = 1000, LARGER = 4093 };

/* Check runs each test in a process of its own, so these are shared. */
static struct counts {
	atomic_size_t refused, shortened;
} * counts;

/* The number behind a name in the environment's text; 0 without. */
static uint64_t
number_in(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *text = getenv("EVCHAT_TEST_IO");
	void *shared;

	if (!text)
		return;
	percent = number_in(text, "eagain=");
	bytes = number_in(text, "bytes=");
	seed = number_in(text, "seed=");
	shared = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || percent > 99 || !(percent || bytes)) {
		fprintf(stderr, "EVCHAT_TEST_IO: %s\n", text);
		abort();
	}
	counts = shared;
	if (__start_evchat_text)
		add_range((uintptr_t)__start_evchat_text,
		    (uintptr_t)__stop_evchat_text);
	dl_iterate_phdr(add_library, NULL);
	/* Without evchat or libevent all would be calm, and prove nothing. */
	if (n_ranges < 2)
		abort();
}

/* --- What becomes of a call. --- */

static bool
can_wait(enum system_call call)
{
	return call == CALL_RECV || call == CALL_READV || call == CALL_SEND ||
	       call == CALL_SENDMSG || call == CALL_WRITEV ||
	       call == CALL_SENDFILE || call == CALL_ACCEPT4 ||
	       call == CALL_ACCEPT;
}

bool
choppy_refuses(enum system_call call, const void *caller)
{
	if (!percent || !can_wait(call) || !is_ours(caller))
		return false;
	if (chance_nth(seed, atomic_fetch_add(&drawn, 1)) % 100 >= percent)
		return false;
	atomic_fetch_add(&counts->refused, 1);
	return true;
}

/* Not past ioctl() of syscalls.c. */
static size_t
readable(int fd)
{
	int n = 0;

	return syscall(SYS_ioctl, fd, FIONREAD, &n) || n < 0 ? 0 : (size_t)n;
}

/* Does it end here although there is more? */
static bool
is_cut(enum system_call call, int fd, size_t len, uint64_t most)
{
	if (!bytes || len <= most)
		return false;
	return (call != CALL_RECV && call != CALL_READV) || readable(fd) > most;
}

size_t
choppy_most(enum system_call call, int fd, const void *caller, size_t len)
{
	uint64_t most = atomic_load(&cut) < CUTS ? bytes : LARGER;

	if (!is_cut(call, fd, len, most) || !is_ours(caller))
		return len;
	atomic_fetch_add(&cut, 1);
	atomic_fetch_add(&counts->shortened, 1);
	return (size_t)most;
}

size_t
choppy_disturbed(void)
{
	return counts ? counts->refused + counts->shortened : 0;
}

void
choppy_report(void)
{
	if (!counts)
		return;
	printf("figure: calls-refused %zu\n", counts->refused);
	printf("figure: calls-shortened %zu\n", counts->shortened);
}
