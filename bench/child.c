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

int bench_daemon_start(const struct bench *b, const char *gpu, char *const extra[], struct bench_daemon *d)
{
	char ready[16], c;
	char *argv[20] = { (char *)"gpuvmd", (char *)"--gpu", (char *)gpu, (char *)"--socket", d->socket,
			   (char *)"--log", (char *)"error", (char *)"--ready-fd", ready };
	int p[2], err, n = 9;

	while (extra && *extra && n < 19)
		argv[n++] = *extra++;
	if (pipe(p))
		return -1;
	fcntl(p[0], F_SETFD, FD_CLOEXEC);
	snprintf(d->socket, sizeof d->socket, "/tmp/gpuvm-bench-%d.sock", (int)getpid());
	snprintf(ready, sizeof ready, "%d", p[1]);
	err = child_start(b, argv, false, &d->child);
	close(p[1]);
	if (!err && read(p[0], &c, 1) != 1)
		err = -1; /* it has said why on stderr */
	close(p[0]);
	return err ? -1 : 0;
}

int bench_daemon_stop(const struct bench *b, struct bench_daemon *d)
{
	int code, ignored;

	json_decref(child_json(b,
			       (char *[]){ (char *)"gpuvm", (char *)"audit", (char *)"--socket", d->socket,
					   (char *)"--json", NULL },
			       &code));
	if (code)
		fprintf(stderr, "gpuvm-bench: the audit found violations\n");
	json_decref(child_json(b,
			       (char *[]){ (char *)"gpuvm", (char *)"stop", (char *)"--socket", d->socket,
					   NULL },
			       &ignored));
	child_wait(&d->child, NULL);
	return code ? -1 : 0;
}
