// SPDX-License-Identifier: MIT
/*
 * A guest's RAM as its monitor tells of it.
 *
 * 1. Ranges never overlap, and lie below VFIO_WINDOW.
 * 2. mem is set only for memory that cannot be cut short below us: a memfd in
 *    ordinary pages, sealed against shrinking, that holds the whole range.
 * 3. A range leaves the table only after the core has let go of it (revoke), and
 *    is unmapped from here only then.
 */
#include <assert.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "gpuvm/base/log.h"
#include "gpuvm/hv/vfio_impl.h"

static uint64_t window(const struct hv_guest *g)
{
	return VFIO_DMA_BASE + (uint64_t)g->id * VFIO_WINDOW;
}

static bool file_ok(int fd, uint64_t offset, uint64_t len)
{
	struct stat st;
	struct statfs fs;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && seals & F_SEAL_SHRINK && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	       !fstatfs(fd, &fs) && fs.f_type == TMPFS_MAGIC &&
	       range_ok(offset, len, (uint64_t)st.st_size);
}

static int check(const struct vfio_guest *g, const struct vfio_dma_map *q)
{
	if (!q->size || !is_aligned(q->addr | q->size | q->offset, VFIO_PAGE) ||
	    q->flags & ~(VFIO_DMA_READ | VFIO_DMA_WRITE))
		return -EINVAL;
	if (!range_ok(q->addr, q->size, VFIO_WINDOW))
		return -ERANGE;
	if (g->nr_ranges == VFIO_RANGES)
		return -ENOSPC;
	for (uint32_t i = 0; i < g->nr_ranges; i++) {
		const struct vfio_range *r = &g->range[i];

		if (q->addr < r->gpa + r->len && r->gpa < q->addr + q->size)
			return -EEXIST;
	}
	return 0;
}

static int grant(struct vfio_guest *g, const struct vfio_range *r)
{
	struct hv *h = g->g.hv;
	struct hv_ram ram = { .gpa = gpa(r->gpa),
			      .dma = dma(window(&g->g) + r->gpa),
			      .mem = r->mem,
			      .len = r->len,
			      .fd = -1 };

	return h->up->grant(h->core, &g->g, &ram);
}

int vfio_dma_map(struct vfio_guest *g, struct vfio_msg *m)
{
	struct vfio_dma_map q;
	struct vfio_range r = { 0 };
	void *mem;
	int err;

	if (m->len < sizeof q || m->nr_fds > 1)
		return -EINVAL;
	memcpy(&q, m->data, sizeof q);
	err = check(g, &q);
	if (err)
		return err;
	r.gpa = q.addr;
	r.len = q.size;
	/* ROMs come without a file, or not writable: the GPU has no business there. */
	if (m->nr_fds && q.flags == (VFIO_DMA_READ | VFIO_DMA_WRITE)) {
		if (!file_ok(m->fds[0], q.offset, q.size))
			return -EACCES;
		mem = mmap(NULL, q.size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fds[0],
			   (off_t)q.offset);
		if (mem == MAP_FAILED)
			return -errno;
		r.mem = mem;
		err = grant(g, &r);
	}
	if (err) {
		munmap(r.mem, r.len);
		return err;
	}
	g->range[g->nr_ranges++] = r;
	g->g.ram_len += r.mem ? r.len : 0;
	g->stats.maps++;
	vfio_log_event(g->log, VFIO_LOG_MAP);
	return 0;
}

static void remove_range(struct vfio_guest *g, uint32_t i)
{
	struct vfio_range r = g->range[i];

	/* A pin that outlives a granted revoke would be a bug of the core, never a guest's doing. */
	assert(!r.pins);
	if (r.mem) {
		munmap(r.mem, r.len);
		g->g.ram_len -= r.len;
	}
	g->range[i] = g->range[--g->nr_ranges];
	g->stats.unmaps++;
	vfio_log_event(g->log, VFIO_LOG_UNMAP);
}

static bool inside(const struct vfio_range *r, const struct vfio_dma_unmap *q)
{
	return q->flags & VFIO_UNMAP_ALL ||
	       (r->gpa >= q->addr && r->gpa + r->len <= q->addr + q->size);
}

static int unmap_check(const struct vfio_guest *g, const struct vfio_dma_unmap *q)
{
	if (q->flags & ~VFIO_UNMAP_ALL)
		return -EINVAL;
	if (q->flags)
		return q->addr || q->size ? -EINVAL : 0;
	if (!q->size || q->addr + q->size < q->addr)
		return -EINVAL;
	for (uint32_t i = 0; i < g->nr_ranges; i++) {
		const struct vfio_range *r = &g->range[i];

		/* No range is split. */
		if (!inside(r, q) && r->gpa < q->addr + q->size && q->addr < r->gpa + r->len)
			return -EINVAL;
	}
	return 0;
}

int vfio_dma_unmap(struct vfio_guest *g, const struct vfio_dma_unmap *q)
{
	struct hv *h = g->g.hv;
	int err = unmap_check(g, q);

	for (uint32_t i = 0; !err && i < g->nr_ranges;) {
		struct vfio_range *r = &g->range[i];

		if (!inside(r, q)) {
			i++;
			continue;
		}
		if (r->mem)
			err = h->up->revoke(h->core, &g->g, gpa(r->gpa), r->len);
		if (!err)
			remove_range(g, i);
	}
	return err;
}

/* The core has detached: no reference is left, whatever it forgot. */
void vfio_dma_fini(struct vfio_guest *g)
{
	while (g->nr_ranges) {
		g->range[0].pins = 0;
		remove_range(g, 0);
	}
}

/* The range that holds a, or NULL. */
static struct vfio_range *find(const struct vfio_guest *g, uint64_t a)
{
	for (uint32_t i = 0; i < g->nr_ranges; i++) {
		struct vfio_range *r = &g->range[i];

		if (r->mem && a >= r->gpa && a - r->gpa < r->len)
			return r;
	}
	return NULL;
}

static int copy(struct vfio_guest *g, uint64_t at, uint8_t *buf, size_t len, bool write)
{
	while (len) {
		struct vfio_range *r = find(g, at);
		uint64_t n;

		if (!r)
			return -EFAULT;
		n = r->gpa + r->len - at;
		n = n < len ? n : len;
		if (write)
			memcpy(r->mem + (at - r->gpa), buf, n);
		else
			memcpy(buf, r->mem + (at - r->gpa), n);
		at += n;
		buf += n;
		len -= n;
	}
	return 0;
}

int vfio_ram_read(struct hv_guest *hg, gpa_t src, void *buf, size_t len)
{
	return copy(vfio_guest_of(hg), gpa_x(src), buf, len, false);
}

int vfio_ram_write(struct hv_guest *hg, gpa_t dst, const void *buf, size_t len)
{
	return copy(vfio_guest_of(hg), gpa_x(dst), (uint8_t *)buf, len, true);
}

int vfio_ram_pin(struct hv_guest *hg, gpa_t page, dma_t *out)
{
	struct vfio_range *r = find(vfio_guest_of(hg), gpa_x(page));

	if (!r || !is_aligned(gpa_x(page), VFIO_PAGE))
		return -EFAULT;
	r->pins++;
	*out = dma(window(hg) + gpa_x(page));
	return 0;
}

void vfio_ram_unpin(struct hv_guest *hg, gpa_t page)
{
	struct vfio_range *r = find(vfio_guest_of(hg), gpa_x(page));

	/* An unpin without its pin is a bug of the core, never a guest's doing. */
	assert(r && r->pins);
	r->pins--;
}

int vfio_ram_range(struct hv_guest *hg, unsigned int i, struct hv_ram *out)
{
	const struct vfio_guest *g = vfio_guest_of(hg);

	for (uint32_t k = 0; k < g->nr_ranges; k++) {
		const struct vfio_range *r = &g->range[k];

		if (!r->mem || i--)
			continue;
		*out = (struct hv_ram){ .gpa = gpa(r->gpa),
					.dma = dma(window(hg) + r->gpa),
					.mem = r->mem,
					.len = r->len,
					.fd = -1 };
		return 0;
	}
	return -ENOENT;
}
