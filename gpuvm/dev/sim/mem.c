// SPDX-License-Identifier: MIT
/*
 * Physical memory of the software Fermi: VRAM and what was mapped on the bus.
 *
 * Always true:
 *  1. VRAM is one reserved mapping at a fixed address; a page that nobody
 *     wrote has no memory behind it.  A 2 MiB range given away by vram_fd is
 *     the same address, backed by a sealed file instead.
 *  2. dma[] is sorted by bus address and has no overlaps.
 *  3. Both change only under dma_lock held for writing, so a pointer from
 *     mem_ptr() is good while its holder has dma_lock for reading.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/private.h"
#include "gpuvm/fermi/pte.h"

#define GIVEN_SHIFT 21
#define GIVEN_LEN (1ull << GIVEN_SHIFT)
#define HOST_PAGE 4096ull
/* Below this clearing by hand is cheaper than a system call and the page faults after it. */
#define ZERO_BY_HAND 0x10000ull

struct dma_range {
	uint64_t at, len;
	uint8_t *mem; /* borrowed from whoever mapped it */
};

static bool is_given(const struct sim *s, uint64_t at)
{
	uint64_t k = at >> GIVEN_SHIFT;

	return s->vram_given[k / 64] >> (k % 64) & 1;
}

static void set_given(struct sim *s, uint64_t at, bool given)
{
	uint64_t k = at >> GIVEN_SHIFT, bit = 1ull << (k % 64);

	s->vram_given[k / 64] = given ? s->vram_given[k / 64] | bit : s->vram_given[k / 64] & ~bit;
}

/* Fresh, unbacked zero pages over [p, p+len). */
static int map_sparse(void *p, uint64_t len)
{
	void *m = mmap(p, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	return m == MAP_FAILED ? -errno : 0;
}

int mem_init(struct sim *s)
{
	void *m = mmap(NULL, s->cfg.vram_len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (m == MAP_FAILED)
		return -errno;
	s->vram = m;
	s->vram_given = mem_calloc((s->cfg.vram_len >> GIVEN_SHIFT) / 64 + 1, sizeof(uint64_t));
	return s->vram_given ? 0 : -ENOMEM;
}

void mem_fini(struct sim *s)
{
	if (s->vram)
		munmap(s->vram, s->cfg.vram_len);
	s->vram = NULL;
	mem_free(s->vram_given);
	s->vram_given = NULL;
	mem_free(s->dma);
	s->dma = NULL;
	s->nr_dma = 0;
}

/* ---- access ---------------------------------------------------------------- */

/* Index of the first bus range that ends after addr. */
static size_t dma_at(const struct sim *s, uint64_t addr)
{
	size_t lo = 0, hi = s->nr_dma;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (s->dma[mid].at + s->dma[mid].len <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint8_t *mem_ptr(struct sim *s, uint32_t target, uint64_t addr, uint64_t len, uint64_t *run)
{
	const struct dma_range *r;
	size_t i;

	if (target == PTE_VRAM) {
		if (addr >= s->cfg.vram_len)
			return NULL;
		*run = len < s->cfg.vram_len - addr ? len : s->cfg.vram_len - addr;
		return s->vram + addr;
	}
	if (target != PTE_SYS && target != PTE_SYS_NC)
		return NULL;
	i = dma_at(s, addr);
	if (i == s->nr_dma || s->dma[i].at > addr)
		return NULL;
	r = &s->dma[i];
	*run = len < r->at + r->len - addr ? len : r->at + r->len - addr;
	return r->mem + (addr - r->at);
}

/* Whether all of the range is memory: a copy that fails moves nothing. */
static bool all_there(struct sim *s, uint32_t target, uint64_t addr, uint64_t len)
{
	uint64_t run;

	for (; len; addr += run, len -= run)
		if (!mem_ptr(s, target, addr, len, &run))
			return false;
	return true;
}

int mem_rd(struct sim *s, uint32_t target, uint64_t addr, void *buf, uint64_t len)
{
	uint8_t *d = buf;
	uint64_t run;
	int err = -EFAULT;

	pthread_rwlock_rdlock(&s->dma_lock);
	if (all_there(s, target, addr, len)) {
		for (; len; addr += run, d += run, len -= run) {
			/*
			 * A step of its own: the order in which arguments are evaluated is not
			 * defined.
			 */
			const uint8_t *p = mem_ptr(s, target, addr, len, &run);

			memcpy(d, p, run);
		}
		err = 0;
	}
	pthread_rwlock_unlock(&s->dma_lock);
	return err;
}

/* Where a string instruction begins to pay. */
#define STRING_LEN 256

/*
 * Like memcpy, but an aligned 8-byte word of the destination is stored whole:
 * page-table entries change under the walker's eyes, after what they point at.
 */
static void store_words(uint8_t *p, const uint8_t *d, uint64_t len)
{
	uint64_t head = -(uintptr_t)p & 7, v;

	head = head < len ? head : len;
	memcpy(p, d, head);
	p += head;
	d += head;
	len -= head;
	if (len >= STRING_LEN) {
		uint64_t n = len / 8;

		/*
		 * Aligned words are never seen half, several move at a time, and none
		 * passes a store made before the instruction.
		 */
		__asm__ volatile("rep movsq" : "+D"(p), "+S"(d), "+c"(n) : : "memory");
		len %= 8;
	}
	for (; len >= 8; p += 8, d += 8, len -= 8) {
		memcpy(&v, d, 8);
		__atomic_store_n((uint64_t *)p, v, __ATOMIC_RELEASE);
	}
	memcpy(p, d, len);
}

int mem_wr(struct sim *s, uint32_t target, uint64_t addr, const void *buf, uint64_t len)
{
	const uint8_t *d = buf;
	uint64_t run;
	int err = -EFAULT;

	pthread_rwlock_rdlock(&s->dma_lock);
	if (all_there(s, target, addr, len)) {
		for (; len; addr += run, d += run, len -= run) {
			uint8_t *p = mem_ptr(s, target, addr, len, &run);

			store_words(p, d, run);
		}
		err = 0;
	}
	pthread_rwlock_unlock(&s->dma_lock);
	return err;
}

/* Whole pages of one kind of backing: gives them back, which zeroes them. */
static void zero_pages(struct sim *s, uint64_t at, uint64_t len)
{
	/* DONTNEED would only forget our view of a file's pages; REMOVE empties the file. */
	int how = is_given(s, at) ? MADV_REMOVE : MADV_DONTNEED;

	if (madvise(s->vram + at, len, how))
		memset(s->vram + at, 0, len);
}

int mem_zero(struct sim *s, uint64_t at, uint64_t len)
{
	uint64_t end = at + len;

	if (!range_ok(at, len, s->cfg.vram_len))
		return -ERANGE;
	pthread_rwlock_rdlock(&s->dma_lock);
	while (at < end) {
		uint64_t stop = align_up(at + 1, HOST_PAGE);

		if (!is_aligned(at, HOST_PAGE) || end - at < ZERO_BY_HAND) {
			stop = stop < end ? stop : end;
			memset(s->vram + at, 0, stop - at);
			at = stop;
			continue;
		}
		stop = align_down(end, HOST_PAGE);
		/* As far as the backing stays the same. */
		for (uint64_t k = align_up(at + 1, GIVEN_LEN); k < stop; k += GIVEN_LEN)
			if (is_given(s, k) != is_given(s, at))
				stop = k;
		zero_pages(s, at, stop - at);
		at = stop;
	}
	pthread_rwlock_unlock(&s->dma_lock);
	return 0;
}

/* ---- bus memory ------------------------------------------------------------ */

/* Takes dma_lock for writing. */
void mem_change(struct sim *s)
{
	pthread_rwlock_wrlock(&s->dma_lock);
	__atomic_add_fetch(&s->dma_epoch, 1, __ATOMIC_RELAXED);
}

int mem_dma_map(struct sim *s, uint64_t at, void *mem, size_t len)
{
	struct dma_range *dma;
	int err = -EEXIST;
	size_t i;

	if (!mem || !len || !is_aligned(at | len, HOST_PAGE) ||
	    !range_ok(at, len, 1ull << FERMI_PHYS_BITS))
		return -EINVAL;
	mem_change(s);
	i = dma_at(s, at);
	if (i < s->nr_dma && s->dma[i].at < at + len)
		goto out;
	err = -ENOMEM;
	dma = mem_realloc(s->dma, (s->nr_dma + 1) * sizeof(*dma));
	if (!dma)
		goto out;
	s->dma = dma;
	memmove(dma + i + 1, dma + i, (s->nr_dma - i) * sizeof(*dma));
	dma[i] = (struct dma_range){ .at = at, .len = len, .mem = mem };
	s->nr_dma++;
	err = 0;
out:
	pthread_rwlock_unlock(&s->dma_lock);
	return err;
}

int mem_dma_unmap(struct sim *s, uint64_t at, size_t len)
{
	int err = -ENOENT;
	size_t i;

	mem_change(s);
	i = dma_at(s, at);
	if (i < s->nr_dma && s->dma[i].at == at && s->dma[i].len == len) {
		s->nr_dma--;
		memmove(s->dma + i, s->dma + i + 1, (s->nr_dma - i) * sizeof(*s->dma));
		err = 0;
	}
	pthread_rwlock_unlock(&s->dma_lock);
	return err;
}

/* ---- VRAM as files --------------------------------------------------------- */

static int given_check(const struct sim *s, uint64_t at, uint64_t len, bool given)
{
	if (!len || !is_aligned(at | len, GIVEN_LEN))
		return -EINVAL;
	if (!range_ok(at, len, s->cfg.vram_len))
		return -ERANGE;
	for (uint64_t k = at; k < at + len; k += GIVEN_LEN)
		if (is_given(s, k) != given)
			return given ? -ENOENT : -EEXIST;
	return 0;
}

/*
 * A file of len bytes whose holder cannot change its length: truncating it would kill us by SIGBUS.
 */
static int sealed_file(uint64_t len)
{
	int fd = memfd_create("vram", MFD_CLOEXEC | MFD_ALLOW_SEALING), err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)len) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* pagemap's word of a page that has memory of its own, here or in swap. */
#define PAGEMAP_HAS (3ull << 62)
#define PAGEMAP_RUN 512u

static int keep_page(const uint8_t *from, int file, uint64_t at)
{
	static const uint8_t zero[HOST_PAGE];

	if (!memcmp(from, zero, HOST_PAGE))
		return 0;
	return pwrite(file, from, HOST_PAGE, (off_t)at) == (ssize_t)HOST_PAGE ? 0 : -ENOSPC;
}

/* Copies what VRAM at [at, at+len) holds to the file; pages without memory are not touched. */
static int keep_bytes(struct sim *s, uint64_t at, uint64_t len, int file)
{
	int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), err = 0;
	uint64_t word[PAGEMAP_RUN], n;

	for (uint64_t done = 0; !err && done < len; done += n * HOST_PAGE) {
		uintptr_t first = (uintptr_t)(s->vram + at + done) / HOST_PAGE;
		ssize_t got;

		n = (len - done) / HOST_PAGE;
		n = n < PAGEMAP_RUN ? n : PAGEMAP_RUN;
		got = map < 0 ? -1 : pread(map, word, n * 8, (off_t)(first * 8));
		for (uint64_t i = 0; !err && i < n; i++)
			if (got != (ssize_t)(n * 8) || word[i] & PAGEMAP_HAS)
				err = keep_page(s->vram + at + done + i * HOST_PAGE, file,
						done + i * HOST_PAGE);
	}
	if (map >= 0)
		close(map);
	return err;
}

int mem_vram_fd(struct sim *s, uint64_t at, uint64_t len, int *fd)
{
	int err = given_check(s, at, len, false), file;
	void *m;

	if (err)
		return err;
	file = sealed_file(len);
	if (file < 0)
		return file;
	mem_change(s);
	err = keep_bytes(s, at, len, file);
	m = err ? NULL :
		  mmap(s->vram + at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
	if (m == MAP_FAILED)
		err = -errno;
	for (uint64_t k = at; !err && k < at + len; k += GIVEN_LEN)
		set_given(s, k, true);
	pthread_rwlock_unlock(&s->dma_lock);
	if (err) {
		close(file);
		return err;
	}
	*fd = file;
	return 0;
}

int mem_vram_join(struct sim *s, uint64_t at, uint64_t len)
{
	int err = given_check(s, at, len, true);

	if (err)
		return err;
	mem_change(s);
	err = map_sparse(s->vram + at, len);
	for (uint64_t k = at; !err && k < at + len; k += GIVEN_LEN)
		set_given(s, k, false);
	pthread_rwlock_unlock(&s->dma_lock);
	return err;
}
