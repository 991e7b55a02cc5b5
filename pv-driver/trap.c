// SPDX-License-Identifier: MIT
/*
 * The SIGSEGV handler: faults inside the trapped ranges are carried out, all
 * others go to the handler that was there before.
 *
 * 1. All other signals are blocked while it runs: between taking and filling a
 *    position of the ring no handler of the program may run on this thread
 *    (proc_abi.h).  SIGSEGV itself is not, since the ordinary side of a string
 *    instruction may fault; that fault goes to the previous handler.
 * 2. errno is the interrupted program's.
 */
#include "pv-driver/trap.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "gpuvm/base/mem.h"
#include "pv-driver/proc_abi.h"
#include "pv-driver/stub.h"

struct trap {
	struct trap_range range[TRAP_RANGES];
	unsigned int nr;
	struct trap_sink *sink; /* borrowed */
	struct stub *stub;	/* owned; NULL where executable memory is not to be had */
	struct sigaction old;
};

/* A signal handler is the process's and gets no context of ours: the one pointer it starts from. */
static struct trap *trap_installed;

static size_t put_text(char *line, size_t at, size_t n, const char *s)
{
	while (*s && at + 1 < n)
		line[at++] = *s++;
	return at;
}

static size_t put_hex(char *line, size_t at, size_t n, uint64_t v)
{
	char digits[19] = "0x";
	int len = 1;

	while (len < 16 && v >> 4 * len)
		len++;
	for (int i = 0; i < len; i++)
		digits[2 + i] = "0123456789abcdef"[v >> 4 * (len - 1 - i) & 15];
	digits[2 + len] = '\0';
	return put_text(line, at, n, digits);
}

static const char *space_name(uint32_t space)
{
	static const char *const name[] = { "configuration space", "BAR0", "BAR1", "BAR3",
					    "PV call page" };

	return space < sizeof name / sizeof name[0] ? name[space] : "unknown BAR";
}

/* One line: which instruction, where. */
__attribute__((noreturn)) static void trap_die(const void *ip, bool readable,
					       const struct trap_range *r, uint64_t off)
{
	char line[320], text[160] = "(cannot be read)";
	size_t at = 0;
	ssize_t w;

	if (readable)
		insn_describe(ip, text, sizeof text);
	at = put_text(line, at, sizeof line, "gpuvm: instruction not supported on a GPU BAR: ");
	at = put_text(line, at, sizeof line, text);
	at = put_text(line, at, sizeof line, " at ");
	at = put_hex(line, at, sizeof line, (uintptr_t)ip);
	at = put_text(line, at, sizeof line, ", touching ");
	at = put_text(line, at, sizeof line, space_name(r->space));
	at = put_text(line, at, sizeof line, " offset ");
	at = put_hex(line, at, sizeof line, off);
	line[at++] = '\n';
	w = write(STDERR_FILENO, line, at);
	(void)w;
	_exit(TRAP_EXIT_INSN);
}

static const struct trap_range *trap_range_of(const struct trap *t, uint64_t addr)
{
	for (unsigned int i = 0; i < t->nr; i++)
		if (addr - (uintptr_t)t->range[i].base < t->range[i].len)
			return &t->range[i];
	return NULL;
}

/* Runs the previous handler as the kernel would have. */
static void trap_chain(struct trap *t, int sig, siginfo_t *si, void *ctx)
{
	const struct sigaction *old = &t->old;
	ucontext_t *uc = ctx;
	sigset_t mask = uc->uc_sigmask;

	if (!(old->sa_flags & SA_SIGINFO) &&
	    (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN)) {
		/* Sent by somebody and to be ignored; a fault cannot be ignored. */
		if (si->si_code <= 0 && old->sa_handler == SIG_IGN)
			return;
		sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		if (si->si_code <= 0)
			raise(SIGSEGV);
		return; /* faults again, now without us */
	}
	for (int s = 1; s < NSIG; s++)
		if (sigismember(&old->sa_mask, s) == 1)
			sigaddset(&mask, s);
	if (!(old->sa_flags & SA_NODEFER))
		sigaddset(&mask, sig);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	if (old->sa_flags & SA_SIGINFO)
		old->sa_sigaction(sig, si, ctx);
	else
		old->sa_handler(sig);
	sigfillset(&mask);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void trap_handler(int sig, siginfo_t *si, void *ctx)
{
	struct trap *t = __atomic_load_n(&trap_installed, __ATOMIC_ACQUIRE);
	ucontext_t *uc = ctx;
	uint64_t ip = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	uint64_t addr = (uintptr_t)si->si_addr;
	const struct trap_range *r;
	int saved = errno, err;

	if (!t)
		return;
	if (si->si_code > 0 && stub_ended(t->stub, addr)) {
		stub_leave(t->stub, uc);
		errno = saved;
		return;
	}
	/* si_code > 0: from the processor; others carry no address. */
	r = si->si_code > 0 ? trap_range_of(t, addr) : NULL;
	if (!r) {
		trap_chain(t, sig, si, ctx);
		errno = saved;
		return;
	}
	if (trap_range_of(t, ip))
		trap_die((const void *)ip, false, r, addr - (uintptr_t)r->base);
	if (t->sink->direct &&
	    t->sink->direct(t->sink, r->space, (uint32_t)(addr - (uintptr_t)r->base))) {
		errno = saved;
		return;
	}
	err = insn_emulate(uc, t->range, t->nr, t->sink);
	if (err == -EOPNOTSUPP && t->stub)
		err = stub_enter(t->stub, uc, t->range, t->nr, t->sink);
	if (err)
		trap_die((const void *)ip, true, r, addr - (uintptr_t)r->base);
	errno = saved;
}

int trap_install(const struct trap_range *ranges, unsigned int nr, struct trap_sink *sink,
		 struct trap **out)
{
	struct sigaction sa = { .sa_sigaction = trap_handler,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	struct trap *t, *none = NULL;
	int err;

	if (nr > TRAP_RANGES)
		return -EINVAL;
	t = mem_new(struct trap);
	if (!t)
		return -ENOMEM;
	memcpy(t->range, ranges, nr * sizeof *ranges);
	t->nr = nr;
	t->sink = sink;
	sigfillset(&sa.sa_mask);
	sigdelset(&sa.sa_mask, SIGSEGV);
	err = stub_new(&t->stub);
	if (err == -ENOMEM)
		goto err;
	err = -EBUSY;
	/* The old handler must be known before the first fault can reach ours. */
	if (sigaction(SIGSEGV, NULL, &t->old) ||
	    !__atomic_compare_exchange_n(&trap_installed, &none, t, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		goto err;
	if (sigaction(SIGSEGV, &sa, NULL)) {
		err = -errno;
		__atomic_store_n(&trap_installed, NULL, __ATOMIC_SEQ_CST);
		goto err;
	}
	*out = t;
	return 0;
err:
	stub_free(t->stub);
	mem_free(t);
	return err;
}

void trap_remove(struct trap *t)
{
	if (!t)
		return;
	sigaction(SIGSEGV, &t->old, NULL);
	__atomic_store_n(&trap_installed, NULL, __ATOMIC_SEQ_CST);
	stub_free(t->stub);
	mem_free(t);
}
