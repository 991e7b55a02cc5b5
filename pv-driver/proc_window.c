// SPDX-License-Identifier: MIT
/*
 * Windows of this process.
 *
 * 1. have[i] is changed, and page i mapped or taken back, only under lock.  Its
 *    holder may wait for the mediator, never for another thread.
 * 2. A page whose have[] is not page[]'s word is on its way out: `seen` is
 *    behind `gen` then, and the next sync takes it away.
 * 3. Nothing is mapped before the stores posted earlier are served: what they
 *    did is in the memory that is then read directly.
 */
#include "pv-driver/proc_window.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"

/* Pages mapped at one fault at most, in each direction: 8 MiB. */
#define RUN_MAX 2048u

static void window_lock(struct proc_window *w)
{
	while (__atomic_exchange_n(&w->lock, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void window_unlock(struct proc_window *w)
{
	__atomic_store_n(&w->lock, 0, __ATOMIC_RELEASE);
}

static uint64_t word_at(const struct proc_window *w, uint64_t i)
{
	return __atomic_load_n(&w->client->ring->page[i], __ATOMIC_ACQUIRE);
}

/* Where page i of page[] is in this process, and behind which page its BAR ends. */
static uint8_t *page_cpu(const struct proc_window *w, uint64_t i, uint64_t *first, uint64_t *end)
{
	static const uint8_t order[] = { 1, 3, PROC_BAR_PV };

	*first = 0;
	for (unsigned int k = 0; k < ARRAY_SIZE(order); k++) {
		*end = *first + w->bar_len[order[k]] / PROC_PAGE_LEN;
		if (i < *end)
			return w->base[order[k]] + (i - *first) * PROC_PAGE_LEN;
		*first = *end;
	}
	return NULL;
}

/* ---- files ------------------------------------------------------------------------------- */

/* Takes one descriptor that waits on `life`; false if there is none. */
static bool file_take(struct proc_window *w)
{
	uint64_t nr = 0;
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = { .iov_base = &nr, .iov_len = sizeof nr };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = ctl.buf,
			    .msg_controllen = sizeof ctl.buf };
	struct cmsghdr *h;
	uint32_t k;
	int fd;

	if (recvmsg(w->client->life, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != (ssize_t)sizeof nr)
		return false;
	h = CMSG_FIRSTHDR(&m);
	if (!h || h->cmsg_type != SCM_RIGHTS)
		return true;
	memcpy(&fd, CMSG_DATA(h), sizeof fd);
	k = nr % PROC_WINDOW_FILES;
	if (w->file[k].nr)
		close(w->file[k].fd);
	w->file[k].nr = (uint32_t)nr;
	w->file[k].fd = fd;
	return true;
}

/* The descriptor of a file; -1 if it is not to be had. */
static int file_fd(struct proc_window *w, uint32_t nr)
{
	uint32_t k = nr % PROC_WINDOW_FILES;

	if (nr == PROC_FILE_RAM)
		return w->ram_fd;
	if (w->file[k].nr == nr)
		return w->file[k].fd;
	/* What a process left there that died between asking and taking. */
	while (file_take(w))
		;
	if (w->file[k].nr != nr &&
	    !proc_client_access(w->client, PROC_SPACE_FILE, nr, 4, false, 0))
		while (file_take(w) && w->file[k].nr != nr)
			;
	return w->file[k].nr == nr ? w->file[k].fd : -1;
}

/* ---- in and out ---------------------------------------------------------------------------- */

/* Maps the run of pages around i that lie side by side in the file too. */
static bool run_map(struct proc_window *w, uint64_t i, uint64_t word)
{
	uint64_t first, end, lo = i, hi = i + 1;
	uint8_t *at = page_cpu(w, i, &first, &end);
	int fd = file_fd(w, PROC_PAGE_FILE(word));
	void *p;

	if (fd < 0)
		return false;
	while (hi < end && hi - i < RUN_MAX && !w->have[hi] &&
	       word_at(w, hi) == word + ((hi - i) << 24))
		hi++;
	while (lo > first && i - lo < RUN_MAX && !w->have[lo - 1] &&
	       word_at(w, lo - 1) == word - ((i - lo + 1) << 24))
		lo--;
	at -= (i - lo) * PROC_PAGE_LEN;
	p = mmap(at, (hi - lo) * PROC_PAGE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 (off_t)((PROC_PAGE_AT(word) - (i - lo)) * PROC_PAGE_LEN));
	if (p == MAP_FAILED)
		return false;
	for (uint64_t k = lo; k < hi; k++)
		w->have[k] = word + ((k - i) << 24);
	__atomic_store_n(&w->live, w->live + (hi - lo), __ATOMIC_RELEASE);
	return true;
}

static void trap_again(void *at, uint64_t len)
{
	static const char why[] = "gpuvm: a BAR cannot be made to trap again: out of mappings\n";
	ssize_t r;

	if (mmap(at, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		 0) != MAP_FAILED)
		return;
	/* To go on would be to miss what the GPU's driver has changed. */
	r = write(STDERR_FILENO, why, sizeof why - 1);
	(void)r;
	_exit(PROC_EXIT_DEAD);
}

/* Lets go of pages of [i, stop) whose word is another one now. */
static void range_drop(struct proc_window *w, uint64_t i, uint64_t stop)
{
	stop = stop < w->nr ? stop : w->nr;
	while (i < stop) {
		uint64_t first, end, k = i;
		uint8_t *at;

		if (!w->have[i] || w->have[i] == word_at(w, i)) {
			i++;
			continue;
		}
		at = page_cpu(w, i, &first, &end);
		for (; k < stop && k < end && w->have[k] && w->have[k] != word_at(w, k); k++)
			w->have[k] = 0;
		trap_again(at, (k - i) * PROC_PAGE_LEN);
		__atomic_store_n(&w->live, w->live - (k - i), __ATOMIC_RELEASE);
		i = k;
	}
}

void proc_window_sync(struct proc_window *w)
{
	struct proc_ring *r = w->client->ring;
	uint64_t gen = __atomic_load_n(&r->gen, __ATOMIC_ACQUIRE), first;

	if (gen == __atomic_load_n(&w->seen, __ATOMIC_ACQUIRE) || !w->nr)
		return;
	window_lock(w);
	gen = __atomic_load_n(&r->gen, __ATOMIC_ACQUIRE);
	for (uint64_t g = w->seen; g != gen && gen - w->seen <= PROC_LOG; g++) {
		const struct proc_change *c = &r->log[g % PROC_LOG];

		first = __atomic_load_n(&c->first, __ATOMIC_RELAXED);
		range_drop(w, first, first + __atomic_load_n(&c->nr, __ATOMIC_RELAXED));
	}
	/* Too far behind, or notes were overwritten while they were read. */
	if (__atomic_load_n(&r->gen, __ATOMIC_SEQ_CST) - w->seen > PROC_LOG)
		range_drop(w, 0, w->nr);
	__atomic_store_n(&w->seen, gen, __ATOMIC_RELEASE);
	__atomic_store_n(&r->ack, gen, __ATOMIC_SEQ_CST);
	window_unlock(w);
}

bool proc_window_open(struct proc_window *w, uint32_t space, uint32_t off)
{
	uint64_t i = proc_page(w->bar_len, space, off), word;
	bool open = false;

	if (i >= w->nr || !(word_at(w, i) & PROC_PAGE_MEMORY))
		return false;
	proc_client_settle(w->client);
	window_lock(w);
	word = word_at(w, i);
	if (w->have[i] && w->have[i] == word)
		open = true; /* by another thread, meanwhile */
	else if (!w->have[i] && word & PROC_PAGE_MEMORY)
		open = run_map(w, i, word);
	window_unlock(w);
	return open;
}

int proc_window_range(struct proc_window *w, int bar, uint64_t off, uint64_t len)
{
	uint32_t space = bar == 1 ? PROC_SPACE_BAR1 :
			 bar == 3 ? PROC_SPACE_BAR3 :
				    PROC_SPACE_PV;

	if ((bar != 1 && bar != 3 && bar != PROC_BAR_PV) || !range_ok(off, len, w->bar_len[bar]))
		return -EINVAL;
	proc_window_sync(w);
	for (uint64_t at = align_down(off, PROC_PAGE_LEN); at < off + len; at += PROC_PAGE_LEN)
		if (!w->nr || (!w->have[proc_page(w->bar_len, space, at)] &&
			       !proc_window_open(w, space, (uint32_t)at)))
			return -EAGAIN;
	return 0;
}

bool proc_window_orders(const struct proc_window *w, uint32_t space, uint32_t off)
{
	const struct proc_ring *r = w->client->ring;
	uint64_t i;

	if (!__atomic_load_n(&w->live, __ATOMIC_ACQUIRE))
		return false;
	i = proc_page(w->bar_len, space, off);
	if (i < w->nr)
		return word_at(w, i) != PROC_PAGE_ACTS;
	for (unsigned int k = 0; k < PROC_ORDERED; k++)
		if (r->ordered[k].space == space && off - r->ordered[k].off < r->ordered[k].len)
			return true;
	return false;
}

int proc_window_init(struct proc_window *w, struct proc_client *c, uint8_t *const bar[6], int ram_fd)
{
	uint64_t nr = proc_pages(c->ring->bar_len), len = align_up(nr * 8, PROC_PAGE_LEN);
	void *have = NULL;

	*w = (struct proc_window){ .client = c, .ram_fd = ram_fd };
	memcpy(w->base, bar, sizeof w->base);
	memcpy(w->bar_len, c->ring->bar_len, sizeof w->bar_len);
	/* Zeroes that cost nothing until a page is mapped. */
	if (nr)
		have = mmap(NULL, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (have == MAP_FAILED)
		return -ENOMEM;
	w->have = have;
	w->nr = nr;
	w->seen = __atomic_load_n(&c->ring->gen, __ATOMIC_ACQUIRE);
	/* The process that had the guest before us is gone, and its mappings with it. */
	__atomic_store_n(&c->ring->ack, w->seen, __ATOMIC_SEQ_CST);
	return 0;
}

void proc_window_fini(struct proc_window *w)
{
	for (unsigned int k = 0; k < PROC_WINDOW_FILES; k++)
		if (w->file[k].nr)
			close(w->file[k].fd);
	if (w->have)
		munmap(w->have, align_up(proc_pages(w->bar_len) * 8, PROC_PAGE_LEN));
	*w = (struct proc_window){ 0 };
}

void proc_window_forked(struct proc_window *w)
{
	static const uint8_t bars[] = { 1, 3, PROC_BAR_PV };

	if (!w->nr)
		return;
	w->nr = 0;
	w->lock = 0;
	for (unsigned int k = 0; w->live && k < ARRAY_SIZE(bars); k++)
		if (w->base[bars[k]])
			trap_again(w->base[bars[k]], w->bar_len[bars[k]]);
	w->live = 0;
}
