/* SPDX-License-Identifier: BSD-3-Clause */
/* What time it is, and who used the processors until now. */
#include "usage.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static uint64_t
read_clock(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

uint64_t
usage_now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* To the nanosecond, and without the help of that process. */
static int
read_cpu_of(pid_t pid, uint64_t *ns)
{
	clockid_t clock;
	int error = clock_getcpuclockid(pid, &clock);

	if (error) {
		errno = error;
		return -1;
	}
	*ns = read_clock(clock);
	return 0;
}

/* The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq
 * and steal. */
static int
read_all(uint64_t *ns)
{
	uint64_t n[8];
	FILE *file = fopen("/proc/stat", "r");
	int got;

	if (!file)
		return -1;
	got = fscanf(file,
	    "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
	    " %" SCNu64 " %" SCNu64 " %" SCNu64,
	    &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7]);
	fclose(file);
	if (got != 8) {
		errno = EIO;
		return -1;
	}
	*ns = (n[0] + n[1] + n[2] + n[5] + n[6] + n[7]) *
	      (1000000000U / (uint64_t)sysconf(_SC_CLK_TCK));
	return 0;
}

int
usage_read(struct usage *usage, pid_t server)
{
	*usage = (struct usage){.at_ns = usage_now_ns(),
	    .own_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID)};
	if (server && read_cpu_of(server, &usage->server_ns))
		return -1;
	return read_all(&usage->all_ns);
}
