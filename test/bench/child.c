/* SPDX-License-Identifier: BSD-3-Clause */
/* An echo server as a child process. */
#include "child.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void
become(char *const argv[], int cpu, const int in[2], const int out[2])
{
	cpu_set_t one;

	CPU_ZERO(&one);
	if (cpu >= 0)
		CPU_SET((size_t)cpu, &one);
	if (dup2(in[0], STDIN_FILENO) < 0 || dup2(out[1], STDOUT_FILENO) < 0 ||
	    (cpu >= 0 && sched_setaffinity(0, sizeof one, &one)))
		_exit(126);
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

static int
read_port(int fd, unsigned *port)
{
	FILE *file = fdopen(fd, "r");
	int got;

	if (!file) {
		close(fd);
		return -1;
	}
	got = fscanf(file, "%u", port);
	fclose(file);
	return got == 1 ? 0 : -1;
}

static int
start(struct child *child, char *const argv[], int cpu, const int in[2])
{
	int out[2];

	if (pipe2(out, O_CLOEXEC))
		return -1;
	child->pid = fork();
	if (child->pid == 0)
		become(argv, cpu, in, out);
	close(out[1]);
	if (child->pid < 0) {
		close(out[0]);
		return -1;
	}
	return read_port(out[0], &child->port);
}

int
child_start(struct child *child, char *const argv[], int cpu)
{
	int in[2];
	int failed;

	*child = (struct child){.in = -1};
	if (pipe2(in, O_CLOEXEC)) {
		perror("pipe");
		return -1;
	}
	child->in = in[1];
	failed = start(child, argv, cpu, in);
	close(in[0]);
	if (!failed)
		return 0;
	fprintf(stderr, "%s: not started\n", argv[0]);
	(void)child_end(child);
	return -1;
}

int
child_end(struct child *child)
{
	int status = -1;
	pid_t pid = child->pid;

	if (child->in >= 0)
		close(child->in);
	child->in = -1;
	child->pid = 0;
	if (pid <= 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}
