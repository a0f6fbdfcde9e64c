/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Work that would hold the loop up is done by another thread, which posts its
 * answer to the channel.  The thread knows a handle, never the channel.
 */
#include <evchat/evchat.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* [job] */
struct job {
	struct evchat_remote *remote;
	uint64_t n, sum;
};

/* In the loop, once.  The channel may have ended meanwhile: then it is NULL. */
static void answer(struct evchat *ch, void *ctx)
{
	struct job *job = ctx;
	int error = 0;

	if (ch)
		error = evchat_pushf(ch, "%" PRIu64 "\r\n", job->sum);
	/* One that is closing still sends what was pushed before. */
	if (error && error != EVCHAT_ERR_CLOSING)
		evchat_free(ch);
	free(job);
}

/* In a thread of its own. */
static void *work(void *ctx)
{
	struct job *job = ctx;
	struct evchat_remote *remote = job->remote;

	for (uint64_t i = 1; i <= job->n; i++)
		job->sum += i;
	if (evchat_post(remote, answer, job))
		free(job);          /* nobody will be told */
	evchat_remote_free(remote); /* job may be gone already */
	return NULL;
}

static int start(struct evchat *ch, uint64_t n)
{
	struct job *job = calloc(1, sizeof *job);
	pthread_t thread;

	if (!job)
		return -1;
	job->n = n;
	job->remote = evchat_remote_new(ch);
	if (job->remote && pthread_create(&thread, NULL, work, job) == 0)
		return pthread_detach(thread);
	evchat_remote_free(job->remote);
	free(job);
	return -1;
}
/* [end] */

static void on_line(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	char digits[16] = "";

	(void)snprintf(
	    digits, sizeof digits, "%.*s", (int)len, (const char *)line);
	if (start(ch, strtoull(digits, NULL, 10)))
		evchat_free(ch);
}

int main(void)
{
	const struct evchat_callbacks callbacks = {.frame = on_line};
	struct event_base *base;
	struct evchat *ch;
	int fds[2];
	char answer[16];
	ssize_t n;

	if (evthread_use_pthreads()) /* before the base */
		return 1;
	base = event_base_new();
	if (!base || socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return 1;
	ch = evchat_open(base, fds[0], 0, &callbacks, NULL);
	if (!ch || evchat_set_terminator(ch, evchat_line()) ||
	    write(fds[1], "1000000\r\n", 9) != 9)
		return 1;
	while ((n = recv(fds[1], answer, sizeof answer, MSG_DONTWAIT)) < 0)
		event_base_loop(base, EVLOOP_ONCE);
	printf("1 + 2 + ... + 1000000 = %.*s\n", (int)n - 2, answer);
	close(fds[1]);
	event_base_dispatch(base); /* the end is seen, the channel ends */
	event_base_free(base);
	return 0;
}
