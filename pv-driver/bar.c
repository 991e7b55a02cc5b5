// SPDX-License-Identifier: MIT
/*
 * The two apertures: BAR3 for instance memory, BAR1 for USERD pages, polled
 * VRAM objects and one window for all other CPU access to VRAM.
 *
 *  1. Each has an instance block and a directory of its own, limited to the
 *     BAR's length.
 *  2. BAR3's one table shows all that is used before BAR3 is switched on, and
 *     is itself visible in BAR3: after the switch nothing needs PRAMIN.  Its
 *     other entries become 0 through BAR3, before anything else is done there.
 *  3. The window shows window_at.. of VRAM; whoever frees VRAM need not tell,
 *     since nobody reads through it without setting it first.
 */
#include <errno.h>

#include "gpuvm/base/mem.h"
#include "pv-driver/private.h"

#define BAR_BLOCK_GO (1u << 31)

static int bar_new(struct drv *d, struct bar *b, uint32_t nr)
{
	uint64_t len = d->bus->ops->bar_len(d->bus, (int)nr);
	int err;

	if (len < 2 * BAR1_WINDOW)
		return -ENODEV;
	/* Of a BAR's block the GPU reads directory and limit only [nvkm/subdev/bar/gf100.c leaves the rest too]. */
	err = imem_new(d, INST_LEN, false, &b->inst);
	if (!err)
		err = vas_new_bar(d, nr, len, &b->vas);
	if (!err)
		err = vas_bind(b->vas, b->inst);
	return err;
}

int bar3_init(struct drv *d)
{
	struct imem *m;
	uint64_t use;
	int err;

	err = bar_new(d, &d->bar3, 3);
	if (err)
		return err;
	/* BAR3 addresses are handed out by instmem.c, not as mappings. */
	use = heap_avail(&d->bar3.vas->va);
	err = heap_add(&d->bar3_va, 0, use);
	list_for_each(m, &d->imems, node) {
		if (!err)
			err = imem_map_bar3(m);
	}
	if (err)
		return err;
	flush_bar(d);
	wr32(d, NV_PBUS_BAR3_BLOCK, BAR_BLOCK_GO | (uint32_t)(d->bar3.inst->addr >> 12));
	d->bar3_on = true;
	imem_settle(d);
	/* Entries that were not zero yet may have been looked at. */
	return vas_flush(d->bar3.vas);
}

int bar1_init(struct drv *d)
{
	struct vas_range r = { PTE_VRAM, VRAM_RESERVED_LOW, BAR1_WINDOW, FERMI_SMALL_SHIFT, 0 };
	int err;

	err = bar_new(d, &d->bar1, 1);
	if (err)
		return err;
	flush_bar(d);
	wr32(d, NV_PBUS_BAR1_BLOCK, BAR_BLOCK_GO | (uint32_t)(d->bar1.inst->addr >> 12));
	d->window_at = VRAM_RESERVED_LOW;
	return vas_map_range(d->bar1.vas, &r, &d->window);
}

/* BAR3 goes last, together with what is seen through it. */
void bar_fini(struct drv *d)
{
	if (d->bar1.vas)
		mask32(d, NV_PBUS_BAR1_BLOCK, BAR_BLOCK_GO, 0);
	d->window = NULL;
	vas_free(d->bar1.vas);
	imem_free(d->bar1.inst);
	if (d->bar3_on)
		mask32(d, NV_PBUS_BAR3_BLOCK, BAR_BLOCK_GO, 0);
	d->bar3_on = false;
	d->pramin_base = ~0u;
	vas_free(d->bar3.vas);
	imem_free(d->bar3.inst);
	d->bar1.vas = d->bar3.vas = NULL;
	d->bar1.inst = d->bar3.inst = NULL;
}

/*
 * Points the window at VRAM around addr; answers how much of [addr, addr+len) it shows and where.
 */
static uint64_t window_set(struct drv *d, uint64_t addr, uint64_t len, uint64_t *bar_off)
{
	struct vas_range r = { PTE_VRAM, 0, BAR1_WINDOW, FERMI_SMALL_SHIFT, 0 };
	uint64_t top = d->info.vram_len - BAR1_WINDOW, at = addr & ~(PAGE - 1), n;

	r.addr = d->window_at;
	if (r.addr == ~0ull || addr < r.addr || addr >= r.addr + BAR1_WINDOW) {
		r.addr = at < top ? at : top;
		d->window_at = vas_remap(d->window, &r) ? ~0ull : r.addr;
	}
	*bar_off = map_va(d->window) + (addr - r.addr);
	n = r.addr + BAR1_WINDOW - addr;
	return n < len ? n : len;
}

void bar1_copy(struct drv *d, uint64_t addr, uint64_t len, bool write, void *buf)
{
	uint64_t off, n;
	char *p = buf;

	if (d->bus->ops->vram_wr) {
		if (write)
			d->bus->ops->vram_wr(d->bus, addr, buf, len);
		else
			d->bus->ops->vram_rd(d->bus, addr, buf, len);
		return;
	}
	for (; len; len -= n, addr += n, p += n) {
		n = window_set(d, addr, len, &off);
		if (write)
			d->bus->ops->bar_wr(d->bus, 1, off, p, n);
		else
			d->bus->ops->bar_rd(d->bus, 1, off, p, n);
	}
	/* Posted stores have arrived before the GPU is told to look. */
	if (write)
		flush_bar(d);
}
