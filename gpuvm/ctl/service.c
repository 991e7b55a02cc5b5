// SPDX-License-Identifier: MIT
/*
 * Who drives the GPU of a guest: its program, by the guest's descriptors, or a
 * gpuvm-drmd that has them, for all of its programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gpuvm/ctl/ctl.h"
#include "pv-driver/proc_abi.h"

void ctl_find_program(const char *name, char *buf, size_t n)
{
	ssize_t len = readlink("/proc/self/exe", buf, n - 32);
	char *slash;

	buf[len > 0 ? len : 0] = '\0';
	slash = strrchr(buf, '/');
	if (slash)
		strcpy(slash + 1, name);
	if (!slash || access(buf, X_OK))
		snprintf(buf, n, "%s", name);
}

int guest_env(const int *fds, unsigned int nr)
{
	char list[80] = "";
	size_t n = 0;

	for (unsigned int i = 0; i < nr; i++) {
		fcntl(fds[i], F_SETFD, 0);
		n += (size_t)snprintf(list + n, sizeof list - n, "%s%d", i ? "," : "", fds[i]);
	}
	unsetenv("GPUVM_SHARED");
	if (nr)
		unsetenv("GPUVM_NATIVE");
	return nr && setenv(PROC_ENV, list, 1) ? -ENOMEM : 0;
}

int service_env(const struct service *s)
{
	unsetenv(PROC_ENV);
	unsetenv("GPUVM_NATIVE");
	return setenv("GPUVM_SHARED", s->name, 1) ? -ENOMEM : 0;
}

__attribute__((noreturn)) static void service_exec(const struct service *s, int end, int ready)
{
	char path[4096], end_s[16], ready_s[16];

	ctl_find_program("gpuvm-drmd", path, sizeof path);
	snprintf(end_s, sizeof end_s, "%d", end);
	snprintf(ready_s, sizeof ready_s, "%d", ready);
	fcntl(end, F_SETFD, 0);
	fcntl(ready, F_SETFD, 0);
	/* A terminal's Ctrl-C is for the programs. */
	setpgid(0, 0);
	execlp(path, path, "--socket", s->name, "--end-fd", end_s, "--ready-fd", ready_s, (char *)NULL);
	fprintf(stderr, "gpuvm: cannot start %s: %s\n", path, strerror(errno));
	_exit(EXIT_BAD_INPUT);
}

int service_start(const int *fds, unsigned int nr, const sigset_t *mask, struct service *s)
{
	int end[2], ready[2], err = 0;
	uint64_t word;
	char c;

	if (getrandom(&word, sizeof word, 0) != sizeof word || pipe2(end, O_CLOEXEC))
		return ctl_failed("no service for the GPU: %s", strerror(errno));
	snprintf(s->name, sizeof s->name, "gpuvm-drmd-%d-%016llx", (int)getpid(),
		 (unsigned long long)word);
	if (pipe2(ready, O_CLOEXEC)) {
		close(end[0]);
		close(end[1]);
		return ctl_failed("no service for the GPU: %s", strerror(errno));
	}
	s->pid = fork();
	if (s->pid == 0) {
		sigprocmask(SIG_SETMASK, mask, NULL);
		if (guest_env(fds, nr))
			_exit(ctl_failed("out of memory"));
		service_exec(s, end[0], ready[1]);
	}
	close(end[0]);
	close(ready[1]);
	s->end = end[1];
	/* If it does not come up it has said why. */
	if (s->pid < 0 || read(ready[0], &c, 1) != 1) {
		service_end(s);
		err = -ECHILD;
	}
	close(ready[0]);
	return err;
}

void service_end(struct service *s)
{
	if (s->pid < 0)
		return;
	close(s->end);
	waitpid(s->pid, NULL, 0);
	s->pid = -1;
}
