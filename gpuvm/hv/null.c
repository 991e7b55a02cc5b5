// SPDX-License-Identifier: MIT
/*
 * The null hypervisor: a guest in the caller's thread, its RAM one array.
 *
 * 1. RAM is page-aligned in length and starts at gpa 0; guest n's bus
 *    addresses are (n + 1) << 32 | gpa, as in the process port.
 * 2. A page is the guest's as long as pages[].gone is false.
 * 3. A page of BAR1 or BAR3 is a window if window[].file is not 0; accesses to
 *    it are the file's and never reach the core.
 * 4. vgpu is non-NULL only between attach and detach; the struct outlives
 *    detach until hv_null_guest_free(), so that a test can still look at it.
 */
#include "gpuvm/hv/null.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"

#define PAGE 4096ull
#define RAM_MAX (4ull << 30) /* a guest's window of bus addresses */

struct null_page {
	uint32_t pins;
	bool gone; /* revoked */
};

#define BAR_PAGES (1u << 16) /* of each BAR: 256 MiB, larger than any */
#define FILES 64

/* A page of a BAR. */
struct null_window {
	uint8_t file;	/* index in null_guest.file plus 1; 0: accesses trap */
	bool stale;	/* unmapped, and the guest has not let go yet */
	uint64_t at;	/* in the file */
};

struct null_hv {
	struct hv hv;
	struct list guests;
	unsigned int fail_in; /* 0 = off, 1 = the next call fails */
	int fail_err;
};

struct null_guest {
	struct hv_guest g;
	int ram_fd;		/* owned; -1: none */
	uint8_t *ram;		/* owned: ram_fd mapped */
	struct null_page *page; /* owned, ram_len / PAGE of them */
	unsigned int irqs;
	unsigned long pins;
	bool attached, killed;
	char why[120];
	struct null_window *window; /* owned: BAR1's, then BAR3's, from the first map on */
	int file[FILES];	    /* owned: nr_files of them */
	unsigned int nr_files;
	unsigned int lag, left; /* trapped accesses until it lets go: of any unmap; of the last one */
	bool stale;		/* some page is */
};

static struct null_hv *null_hv(struct hv *h)
{
	return container_of(h, struct null_hv, hv);
}

static struct null_guest *null_guest(const struct hv_guest *g)
{
	return container_of(g, struct null_guest, g);
}

/* The error that a test ordered for this call, or 0. */
static int null_fault(struct hv_guest *g)
{
	struct null_hv *h = null_hv(g->hv);

	if (!h->fail_in || --h->fail_in)
		return 0;
	return h->fail_err;
}

static void null_detach(struct null_guest *g)
{
	struct hv *h = g->g.hv;

	if (!g->attached)
		return;
	h->up->detach(h->core, &g->g);
	g->g.vgpu = NULL;
	g->attached = false;
	/* Pins do not outlive the guest, whatever the core forgot. */
	for (uint64_t i = 0; i < g->g.ram_len / PAGE; i++)
		g->page[i].pins = 0;
	g->pins = 0;
}

static void null_guest_destroy(struct null_guest *g)
{
	if (!g)
		return;
	if (g->ram)
		munmap(g->ram, g->g.ram_len);
	if (g->ram_fd >= 0)
		close(g->ram_fd);
	while (g->nr_files)
		close(g->file[--g->nr_files]);
	mem_free(g->window);
	mem_free(g->page);
	mem_free(g);
}

static void null_close(struct hv *hv)
{
	struct null_hv *h = null_hv(hv);
	struct hv_guest *g, *tmp;

	list_for_each_safe(g, tmp, &h->guests, node)
		hv_null_guest_free(g);
	mem_free(h);
}

static int null_poll_fd(struct hv *hv)
{
	(void)hv;
	return -EOPNOTSUPP;
}

/* Accesses never queue here; only kills wait for a dispatch. */
static int null_dispatch(struct hv *hv, unsigned int budget)
{
	struct hv_guest *g, *tmp;

	(void)budget;
	list_for_each_safe(g, tmp, &null_hv(hv)->guests, node)
		if (null_guest(g)->killed)
			null_detach(null_guest(g));
	return 0;
}

static bool null_arm(struct hv *hv)
{
	struct hv_guest *g;

	list_for_each(g, &null_hv(hv)->guests, node)
		if (null_guest(g)->killed && null_guest(g)->attached)
			return true;
	return false;
}

static bool null_ram_ok(const struct null_guest *g, uint64_t at, uint64_t len)
{
	if (!range_ok(at, len, g->g.ram_len))
		return false;
	for (uint64_t p = at / PAGE; len && p <= (at + len - 1) / PAGE; p++)
		if (g->page[p].gone)
			return false;
	return true;
}

static int null_read(struct hv_guest *hg, gpa_t src, void *buf, size_t len)
{
	struct null_guest *g = null_guest(hg);
	int err = null_fault(hg);

	if (err)
		return err;
	if (!null_ram_ok(g, gpa_x(src), len))
		return -EFAULT;
	memcpy(buf, g->ram + gpa_x(src), len);
	return 0;
}

static int null_write(struct hv_guest *hg, gpa_t dst, const void *buf, size_t len)
{
	struct null_guest *g = null_guest(hg);
	int err = null_fault(hg);

	if (err)
		return err;
	if (!null_ram_ok(g, gpa_x(dst), len))
		return -EFAULT;
	memcpy(g->ram + gpa_x(dst), buf, len);
	return 0;
}

static int null_irq(struct hv_guest *hg, unsigned int vector)
{
	int err = null_fault(hg);

	(void)vector;
	if (!err)
		null_guest(hg)->irqs++;
	return err;
}

static void null_kill(struct hv_guest *hg, const char *why)
{
	struct null_guest *g = null_guest(hg);

	if (g->killed)
		return;
	g->killed = true;
	snprintf(g->why, sizeof g->why, "%s", why);
	log_warn(hg->hv->log, "guest %s ended: %s", hg->name, why);
}

static dma_t null_dma(const struct hv_guest *g, uint64_t gpa)
{
	return dma((uint64_t)(g->id + 1) << 32 | gpa);
}

static int null_pin(struct hv_guest *hg, gpa_t page, dma_t *out)
{
	struct null_guest *g = null_guest(hg);
	int err = null_fault(hg);

	if (err)
		return err;
	if (!is_aligned(gpa_x(page), PAGE) || !null_ram_ok(g, gpa_x(page), PAGE))
		return -EFAULT;
	g->page[gpa_x(page) / PAGE].pins++;
	g->pins++;
	*out = null_dma(hg, gpa_x(page));
	return 0;
}

static void null_unpin(struct hv_guest *hg, gpa_t page)
{
	struct null_guest *g = null_guest(hg);
	uint64_t i = gpa_x(page) / PAGE;

	/* An unpin without its pin is a bug of the core, never a guest's doing. */
	assert(i < hg->ram_len / PAGE && g->page[i].pins);
	g->page[i].pins--;
	g->pins--;
}

/* A range is a run of pages that were not revoked. */
static int null_ram(struct hv_guest *hg, unsigned int i, struct hv_ram *out)
{
	struct null_guest *g = null_guest(hg);
	uint64_t nr = hg->ram_len / PAGE, start, end;
	int err = null_fault(hg);

	if (err)
		return err;
	for (start = 0; start < nr; start = end) {
		while (start < nr && g->page[start].gone)
			start++;
		for (end = start; end < nr && !g->page[end].gone;)
			end++;
		if (start == end)
			break;
		if (i--)
			continue;
		*out = (struct hv_ram){ .gpa = gpa(start * PAGE),
					.dma = null_dma(hg, start * PAGE),
					.mem = g->ram + start * PAGE,
					.len = (end - start) * PAGE,
					.fd = g->ram_fd,
					.fd_at = start * PAGE };
		return 0;
	}
	return -ENOENT;
}

/* ---- windows ------------------------------------------------------------------------------- */

static struct null_window *window_of(struct null_guest *g, enum hv_space space, uint32_t off)
{
	if (!g->window || (space != HV_BAR1 && space != HV_BAR3))
		return NULL;
	return &g->window[(space == HV_BAR3) * BAR_PAGES + off / PAGE];
}

/* Which of the guest's files fd is, plus 1; 0 if there is no room for it. */
static uint8_t null_file(struct null_guest *g, int fd)
{
	struct stat a, b;

	if (fstat(fd, &a))
		return 0;
	for (unsigned int i = 0; i < g->nr_files; i++)
		if (!fstat(g->file[i], &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return (uint8_t)(i + 1);
	if (g->nr_files == FILES)
		return 0;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	g->file[g->nr_files++] = fd;
	return (uint8_t)g->nr_files;
}

/* A range whose two ends are pages of a BAR that can have windows. */
static bool null_range_ok(enum hv_space space, uint32_t off, uint32_t len)
{
	return (space == HV_BAR1 || space == HV_BAR3) && len && is_aligned(off | len, PAGE) &&
	       range_ok(off, len, BAR_PAGES * PAGE);
}

static int null_map(struct hv_guest *hg, enum hv_space space, uint32_t off, uint32_t len, int fd,
		    uint64_t at)
{
	struct null_guest *g = null_guest(hg);
	int err = null_fault(hg);
	uint8_t file = 0;

	if (err)
		return err;
	if (!null_range_ok(space, off, len) || !is_aligned(at, PAGE))
		return -EINVAL;
	if (!g->window)
		g->window = mem_calloc(2 * BAR_PAGES, sizeof *g->window);
	if (!g->window)
		return -ENOMEM;
	if (fd >= 0) {
		file = null_file(g, fd);
		if (!file)
			return -ENOSPC;
	}
	for (uint32_t n = 0; n < len; n += PAGE)
		*window_of(g, space, off + n) = (struct null_window){ .file = file, .at = at + n };
	return 0;
}

static void null_stale(struct null_guest *g, struct null_window *w)
{
	g->stale = w->stale = true;
	g->left = g->lag;
}

static int null_unmap(struct hv_guest *hg, enum hv_space space, uint32_t off, uint32_t len)
{
	struct null_guest *g = null_guest(hg);
	int err = null_fault(hg);

	if (err)
		return err;
	if (!null_range_ok(space, off, len))
		return -EINVAL;
	for (uint32_t n = 0; g->window && n < len; n += PAGE) {
		struct null_window *w = window_of(g, space, off + n);

		if (w->file && g->lag)
			null_stale(g, w);
		else
			*w = (struct null_window){ 0 };
	}
	return 0;
}

static bool null_unmapped(struct hv_guest *hg)
{
	return !null_guest(hg)->stale;
}

/* What a guest that keeps to the protocol does at the end of a trapped access. */
static void null_let_go(struct null_guest *g)
{
	if (g->left && --g->left)
		return;
	for (uint32_t i = 0; g->stale && i < 2 * BAR_PAGES; i++)
		if (g->window[i].stale)
			g->window[i] = (struct null_window){ 0 };
	g->stale = false;
}

/* Whether the access went to a window. */
static bool null_direct(struct null_guest *g, const struct hv_access *a, uint64_t *val)
{
	const struct null_window *w;
	int fd;

	if ((uint64_t)a->off + a->size > BAR_PAGES * PAGE || a->off % PAGE + a->size > PAGE)
		return false;
	w = window_of(g, a->space, a->off);
	if (!w || !w->file)
		return false;
	fd = g->file[w->file - 1];
	if (a->write)
		return pwrite(fd, val, a->size, (off_t)(w->at + a->off % PAGE)) == a->size;
	*val = 0;
	return pread(fd, val, a->size, (off_t)(w->at + a->off % PAGE)) == a->size;
}

static const struct hv_ops null_ops = {
	.name = "null",
	.caps = HV_CAP_MAP | HV_CAP_PIN | HV_CAP_RAM,
	.close = null_close,
	.poll_fd = null_poll_fd,
	.dispatch = null_dispatch,
	.arm = null_arm,
	.read = null_read,
	.write = null_write,
	.irq = null_irq,
	.kill = null_kill,
	.map = null_map,
	.unmap = null_unmap,
	.unmapped = null_unmapped,
	.pin = null_pin,
	.unpin = null_unpin,
	.ram = null_ram,
};

int hv_null_open(const struct hv_up *up, void *core, const struct log *log, struct hv **out)
{
	struct null_hv *h = mem_new(struct null_hv);

	if (!h)
		return -ENOMEM;
	h->hv = (struct hv){ .ops = &null_ops, .up = up, .core = core, .log = log };
	list_init(&h->guests);
	*out = &h->hv;
	return 0;
}

/* The lowest id that no guest has: bus addresses stay small. */
static uint32_t null_id(const struct null_hv *h)
{
	const struct hv_guest *g;
	uint32_t id = 0;
	bool taken;

	do {
		taken = false;
		list_for_each(g, &h->guests, node)
			taken |= g->id == id;
		id += taken;
	} while (taken);
	return id;
}

static int null_ram_new(struct null_guest *g)
{
	void *m;

	g->ram_fd = memfd_create("null-ram", MFD_CLOEXEC);
	if (g->ram_fd < 0 || ftruncate(g->ram_fd, (off_t)g->g.ram_len))
		return -errno;
	m = mmap(NULL, g->g.ram_len, PROT_READ | PROT_WRITE, MAP_SHARED, g->ram_fd, 0);
	if (m == MAP_FAILED)
		return -errno;
	g->ram = m;
	return 0;
}

int hv_null_guest_new(struct hv *hv, const char *name, uint64_t ram_len, const void *cfg,
		      struct hv_guest **out)
{
	struct null_guest *g;
	int err = -ENOMEM;

	if (!ram_len || ram_len > RAM_MAX || !is_aligned(ram_len, PAGE))
		return -EINVAL;
	g = mem_new(struct null_guest);
	if (!g)
		return -ENOMEM;
	g->g = (struct hv_guest){
		.hv = hv, .id = null_id(null_hv(hv)), .ram_len = ram_len, .cfg = cfg
	};
	log_clean(g->g.name, sizeof g->g.name, name);
	list_init(&g->g.node);
	g->ram_fd = -1;
	g->page = mem_calloc(ram_len / PAGE, sizeof *g->page);
	if (!g->page)
		goto err;
	err = null_ram_new(g);
	if (err)
		goto err;
	err = hv->up->attach(hv->core, &g->g);
	if (err < 0)
		goto err;
	g->attached = true;
	g->g.cfg = NULL;
	list_add_tail(&null_hv(hv)->guests, &g->g.node);
	*out = &g->g;
	return 0;
err:
	null_guest_destroy(g);
	return err;
}

void hv_null_guest_free(struct hv_guest *hg)
{
	if (!hg)
		return;
	null_detach(null_guest(hg));
	list_del(&hg->node);
	null_guest_destroy(null_guest(hg));
}

int hv_null_access(struct hv_guest *hg, enum hv_space space, uint32_t off, uint8_t size, bool write,
		   uint64_t *val)
{
	struct hv_access acc = { .space = space, .off = off, .size = size, .write = write };
	uint64_t mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;
	int err;

	if (!null_guest(hg)->attached) {
		if (!write)
			*val = mask;
		return -ENODEV;
	}
	if (null_direct(null_guest(hg), &acc, val))
		return 0;
	acc.val = write ? *val & mask : 0;
	err = hg->hv->up->access(hg->hv->core, hg, &acc);
	null_let_go(null_guest(hg));
	if (!write)
		*val = acc.val & mask;
	return err;
}

bool hv_null_window(struct hv_guest *hg, enum hv_space space, uint32_t off, int *fd, uint64_t *at)
{
	struct null_guest *g = null_guest(hg);
	const struct null_window *w = window_of(g, space, off);

	if (!w || !w->file)
		return false;
	*fd = g->file[w->file - 1];
	*at = w->at + off % PAGE;
	return true;
}

void hv_null_lag(struct hv_guest *hg, unsigned int accesses)
{
	null_guest(hg)->lag = accesses;
}

void *hv_null_ram(struct hv_guest *g)
{
	return null_guest(g)->ram;
}

unsigned int hv_null_irqs(const struct hv_guest *g)
{
	return null_guest(g)->irqs;
}

unsigned long hv_null_pins(const struct hv_guest *g)
{
	return null_guest(g)->pins;
}

const char *hv_null_killed(const struct hv_guest *g)
{
	return null_guest(g)->killed ? null_guest(g)->why : NULL;
}

int hv_null_revoke(struct hv_guest *hg, gpa_t start, uint64_t len)
{
	struct null_guest *g = null_guest(hg);
	uint64_t at = gpa_x(start);
	int err;

	if (!is_aligned(at | len, PAGE) || !range_ok(at, len, hg->ram_len))
		return -EINVAL;
	err = hg->hv->up->revoke(hg->hv->core, hg, start, len);
	if (err)
		return err;
	/* A core that answers 0 and still holds a pin would let the GPU write to somebody else's page. */
	for (uint64_t p = at / PAGE; p < (at + len) / PAGE; p++)
		assert(!g->page[p].pins);
	for (uint64_t p = at / PAGE; p < (at + len) / PAGE; p++)
		g->page[p].gone = true;
	return 0;
}

void hv_null_fail_after(struct hv *hv, unsigned int n, int err)
{
	null_hv(hv)->fail_in = err ? n : 0;
	null_hv(hv)->fail_err = err;
}
