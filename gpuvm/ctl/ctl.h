/* SPDX-License-Identifier: MIT */
/* gpuvm, the control tool: one file per subcommand. */
#ifndef GPUVM_CTL_CTL_H
#define GPUVM_CTL_CTL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

/* Exit codes: 0 done, 1 the operation failed, 2 the command line or its input was wrong. */
#define EXIT_BAD_INPUT 2

struct ctl_command {
	const char *name, *args, *help;
	/* argv[0] is the subcommand's name. */
	int (*run)(int argc, char **argv);
};
extern const struct ctl_command ctl_commands[]; /* ends with name NULL */

int cmd_run(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_wait(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_set(int argc, char **argv);
int cmd_disasm(int argc, char **argv);
int cmd_asm(int argc, char **argv);

/* ---- file.c ----------------------------------------------------------------------- */
/* The whole file ("-": standard input), *n bytes and a zero after them; mem_free it. */
int ctl_read_file(const char *path, char **out, size_t *n);
/* A number that an instruction can stand at. */
bool ctl_code_offset(const char *text, uint32_t *offset);

/* "100us", "500ms" or "10s", at most max; -EINVAL for anything else. */
int ctl_time_us(const char *text, uint32_t max, uint32_t *us);
/* The same in whole milliseconds, 1ms to 1h; -EINVAL for anything else. */
int ctl_time_ms(const char *text, uint32_t *ms);

/* "gpuvm: " and one line on stderr; answers EXIT_BAD_INPUT. */
int ctl_bad(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int ctl_failed(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* answers 1 */

/* ---- drm_env.c -------------------------------------------------------------------- */
/*
 * What an OpenCL or OpenGL program needs to find the GPU, into this process's
 * environment: what the user has set already stays.  Without the library (a
 * sanitizer build has none) nothing is set.  -ENOMEM.
 */
int drm_environment(bool verbose);

/* That program of ours beside this one, else as PATH finds it.  buf of n bytes. */
void ctl_find_program(const char *name, char *buf, size_t n);

/* ---- service.c: who drives the GPU of a guest --------------------------------------- */
/* The descriptors of a guest (proc_abi.h), into this process's environment; -ENOMEM. */
int guest_env(const int *fds, unsigned int nr);
struct service { /* gpuvm-drmd */
	pid_t pid;
	int end; /* it ends once this is closed and its last program gone */
	char name[64];
};
/*
 * Starts one for the guest with these descriptors, or for the GPU that the environment names if nr
 * is 0; mask: its signal mask.  Negative after a line was printed.
 */
int service_start(const int *fds, unsigned int nr, const sigset_t *mask, struct service *);
/* Its programs' environment; -ENOMEM. */
int service_env(const struct service *);
/* No more programs; waits until the last one is gone.  Accepts one that was not started. */
void service_end(struct service *);

/* ---- client.c: talking to a daemon ------------------------------------------------ */
/*
 * GPUVM_SOCKET, else gpuvm.sock in XDG_RUNTIME_DIR if it is there, else /run/gpuvm.sock if that is
 * there or nobody has set XDG_RUNTIME_DIR.  buf of n bytes.
 */
const char *client_default_path(char *buf, size_t n);
/* A connected descriptor, or negative errno. */
int client_connect(const char *path);
/*
 * Sends req (its reference is taken) and waits for the answer, which the
 * caller owns.  fds (room for *nr_fds) receives what came along.  On an answer
 * with ok false, or no answer, NULL and one line in msg.
 */
json_t *client_call(int fd, json_t *req, int *fds, unsigned int *nr_fds, char *msg, size_t n);
/*
 * The usual subcommand: --socket and --json, at most one NAME.  Connects,
 * sends {op, name}, answers the reply or NULL with *code set and the line printed.
 */
struct client_args {
	const char *op;
	bool name_required, name_allowed;
	bool json;	  /* out: --json given */
	const char *name; /* out */
};
json_t *client_simple(int argc, char **argv, struct client_args *, int *code);

#endif
