// SPDX-License-Identifier: MIT
/*
 * Windows of a process guest: BAR pages that are offered to it as memory
 * (pv-driver/proc_abi.h).
 *
 * 1. win.word is page[] as we wrote it; the shared one is the guest's to scribble
 *    on, and is never read here.
 * 2. A file's refs is the number of words that name it.  File 0, the guest's
 *    RAM, is on no list.  A number is never given to a second file, so that
 *    what a guest keeps under it stays what it was.
 * 3. A guest gets a descriptor only of a file the core mapped for it, and only
 *    when it asks; the send never waits.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/hv/process_impl.h"

static struct proc_file *file_of(struct proc_guest *g, uint32_t nr)
{
	for (uint32_t i = 0; i < g->win.nr_files; i++)
		if (g->win.file[i].nr == nr)
			return &g->win.file[i];
	return NULL;
}

/* Files that no word names any more. */
static void files_sweep(struct proc_windows *w)
{
	for (uint32_t i = 0; i < w->nr_files;) {
		if (w->file[i].refs) {
			i++;
			continue;
		}
		close(w->file[i].fd);
		w->file[i] = w->file[--w->nr_files];
	}
}

static int file_add(struct proc_guest *g, int fd, const struct stat *st, uint32_t *nr)
{
	struct proc_windows *w = &g->win;
	struct proc_file *more;
	int ours;

	files_sweep(w);
	if (w->nr_files == PROC_FILES || w->last == PROC_FILE_MAX)
		return -ENOSPC;
	more = mem_realloc(w->file, (w->nr_files + 1) * sizeof *more);
	if (!more)
		return -ENOMEM;
	w->file = more;
	ours = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (ours < 0)
		return -errno;
	*nr = ++w->last;
	w->file[w->nr_files++] = (struct proc_file){
		.fd = ours, .nr = *nr, .dev = st->st_dev, .ino = st->st_ino
	};
	return 0;
}

/* The number under which the guest knows fd's file. */
static int file_nr(struct proc_guest *g, int fd, uint64_t at, uint32_t len, uint32_t *nr)
{
	struct stat st;

	if (fd == g->ram_fd) {
		*nr = PROC_FILE_RAM;
		return range_ok(at, len, g->g.ram_len) ? 0 : -EINVAL;
	}
	if (fstat(fd, &st))
		return -errno;
	/* Beyond its end a file is no memory: the guest would die of touching it. */
	if (!range_ok(at, len, (uint64_t)st.st_size))
		return -EINVAL;
	for (uint32_t i = 0; i < g->win.nr_files; i++)
		if (g->win.file[i].ino == st.st_ino && g->win.file[i].dev == st.st_dev) {
			*nr = g->win.file[i].nr;
			return 0;
		}
	return file_add(g, fd, &st, nr);
}

/* First word of the range, which must be pages of a BAR that has windows. */
static int range_word(const struct proc_guest *g, enum hv_space space, uint32_t off, uint32_t len,
		      uint64_t *first)
{
	uint64_t bar = space == HV_BAR1	    ? g->bar_len[1] :
		       space == HV_BAR3	    ? g->bar_len[3] :
		       space == HV_BAR_PV   ? g->bar_len[PROC_BAR_PV] :
					      0;

	if (!len || !is_aligned(off | len, PROC_PAGE) || !range_ok(off, len, bar))
		return -EINVAL;
	*first = proc_page(g->bar_len, (uint32_t)space, off);
	return 0;
}

static void word_put(struct proc_guest *g, uint64_t i, uint64_t word, uint64_t *taken)
{
	uint64_t old = g->win.word[i];
	struct proc_file *f;

	if (old == word)
		return;
	if (old & PROC_PAGE_MEMORY) {
		++*taken;
		f = file_of(g, PROC_PAGE_FILE(old));
		if (f)
			f->refs--;
	}
	g->win.word[i] = word;
	__atomic_store_n(&g->ring->page[i], word, __ATOMIC_RELAXED);
}

static void range_taken(struct proc_guest *g, uint64_t first, uint64_t nr)
{
	struct proc_change *c = &g->ring->log[g->win.gen % PROC_LOG];

	__atomic_store_n(&c->first, (uint32_t)first, __ATOMIC_RELAXED);
	__atomic_store_n(&c->nr, (uint32_t)nr, __ATOMIC_RELAXED);
	/* Behind the words and the note: who sees gen sees them. */
	__atomic_store_n(&g->ring->gen, ++g->win.gen, __ATOMIC_SEQ_CST);
}

int proc_map(struct hv_guest *hg, enum hv_space space, uint32_t off, uint32_t len, int fd,
	     uint64_t at)
{
	struct proc_guest *g = proc_guest_of(hg);
	uint64_t first, taken = 0, nr = len / PROC_PAGE;
	struct proc_file *f = NULL;
	uint32_t file = 0;
	int err = range_word(g, space, off, len, &first);

	if (!err && !g->win.word) {
		g->win.word = mem_calloc(proc_pages(g->bar_len), sizeof(uint64_t));
		err = g->win.word ? 0 : -ENOMEM;
	}
	if (!err && !is_aligned(at, PROC_PAGE))
		err = -EINVAL;
	if (!err && fd >= 0)
		err = file_nr(g, fd, at, len, &file);
	if (err)
		return err;
	f = fd >= 0 && file != PROC_FILE_RAM ? file_of(g, file) : NULL;
	for (uint64_t i = 0; i < nr; i++) {
		uint64_t word = fd < 0 ? PROC_PAGE_ACTS : PROC_PAGE_WORD(file, at / PROC_PAGE + i);

		if (f && g->win.word[first + i] != word)
			f->refs++;
		word_put(g, first + i, word, &taken);
	}
	if (taken)
		range_taken(g, first, nr);
	return 0;
}

int proc_unmap(struct hv_guest *hg, enum hv_space space, uint32_t off, uint32_t len)
{
	struct proc_guest *g = proc_guest_of(hg);
	uint64_t first, taken = 0;
	int err = range_word(g, space, off, len, &first);

	if (err || !g->win.word)
		return err;
	for (uint64_t i = 0; i < len / PROC_PAGE; i++)
		word_put(g, first + i, 0, &taken);
	if (taken)
		range_taken(g, first, len / PROC_PAGE);
	return 0;
}

bool proc_unmapped(struct hv_guest *hg)
{
	struct proc_guest *g = proc_guest_of(hg);

	return __atomic_load_n(&g->ring->ack, __ATOMIC_ACQUIRE) == g->win.gen;
}

uint64_t proc_file_send(struct proc_guest *g, uint32_t nr)
{
	const struct proc_file *f = file_of(g, nr);
	uint64_t name = nr;
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = { .iov_base = &name, .iov_len = sizeof name };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = ctl.buf,
			    .msg_controllen = sizeof ctl.buf };
	struct cmsghdr *h;

	if (!f)
		return 1;
	memset(&ctl, 0, sizeof ctl);
	h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &f->fd, sizeof(int));
	if (sendmsg(g->life, &m, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof name)
		return 1;
	g->stats.files++;
	return 0;
}

void proc_windows_fini(struct proc_guest *g)
{
	for (uint32_t i = 0; i < g->win.nr_files; i++)
		close(g->win.file[i].fd);
	mem_free(g->win.file);
	mem_free(g->win.word);
	g->win = (struct proc_windows){ 0 };
}
