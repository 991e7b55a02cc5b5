// SPDX-License-Identifier: MIT
/* The project's own programs as children of a bench. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"

int child_start(const struct bench *b, char *const argv[], bool capture, struct child *c)
{
	char path[4200];
	int p[2] = { -1, -1 };

	if (strchr(argv[0], '/'))
		snprintf(path, sizeof path, "%s", argv[0]);
	else
		snprintf(path, sizeof path, "%s/%s", b->bin, argv[0]);
	if (capture && pipe2(p, O_CLOEXEC))
		return -errno;
	c->pid = fork();
	if (c->pid == 0) {
		if (capture)
			dup2(p[1], 1);
		execv(path, argv);
		fprintf(stderr, "gpuvm-bench: %s: %s\n", path, strerror(errno));
		_exit(127);
	}
	if (capture)
		close(p[1]);
	c->out = p[0];
	return c->pid < 0 ? -errno : 0;
}

static char *read_all(int fd)
{
	size_t have = 0, room = 4096;
	char *text = malloc(room + 1);
	ssize_t n;

	while (text && (n = read(fd, text + have, room - have)) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			have += (size_t)n;
		if (have == room) {
			char *more = realloc(text, room * 2 + 1);

			if (!more)
				break;
			text = more;
			room *= 2;
		}
	}
	if (text)
		text[have] = '\0';
	return text;
}

int child_wait(struct child *c, char **text)
{
	int status;

	if (text)
		*text = c->out >= 0 ? read_all(c->out) : NULL;
	if (c->out >= 0)
		close(c->out);
	while (waitpid(c->pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

json_t *child_json(const struct bench *b, char *const argv[], int *code)
{
	struct child c;
	char *text = NULL;
	json_t *r = NULL;

	*code = 127;
	if (child_start(b, argv, true, &c))
		return NULL;
	*code = child_wait(&c, &text);
	if (text)
		r = json_loads(text, 0, NULL);
	free(text);
	return r;
}
