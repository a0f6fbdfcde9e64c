/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Feeds files to a fuzz target, so that any compiler can run a corpus:
 *
 *	fuzz_framer <file or directory>...
 *
 * Fails when there was none, as a corpus that is not found tests nothing.
 */
#include "fuzz/target.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t replayed;

static void
give_up(const char *path)
{
	perror(path);
	exit(EXIT_FAILURE);
}

/* Of just the size of the input, so that a memory checker sees its end. */
static void
replay_bytes(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		give_up("memory");
	memcpy(copy, bytes, len);
	(void)LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	replayed++;
}

static void
replay_file(const char *path)
{
	static uint8_t bytes[1 << 20];
	FILE *file = fopen(path, "rb");
	size_t len;

	if (!file)
		give_up(path);
	len = fread(bytes, 1, sizeof bytes, file);
	if (ferror(file))
		give_up(path);
	fclose(file);
	target_tell(path); /* which one it was, should it fail */
	replay_bytes(bytes, len);
}

static void
replay_directory(DIR *directory, const char *path)
{
	const struct dirent *entry;
	char file[4096];

	while ((entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
		replay_file(file);
	}
	closedir(directory);
}

static void
replay(const char *path)
{
	DIR *directory = opendir(path);

	if (directory)
		replay_directory(directory, path);
	else
		replay_file(path);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%zu inputs replayed\n", replayed);
	return replayed ? EXIT_SUCCESS : EXIT_FAILURE;
}
