// SPDX-License-Identifier: MIT
/*
 * Instance memory: VRAM that the GPU reads by itself (page tables, instance
 * blocks, runlists, contexts), written by the CPU.
 *
 *  1. Until bar3_init() is through, everything goes through PRAMIN, a 1 MiB
 *     window that is moved on demand; after that, through the object's pages
 *     in BAR3.  An object that found no room in BAR3 stays on PRAMIN.
 *     PRAMIN takes a dword at a time, in a guest a trap each: zeroes wait for
 *     BAR3 (early), and until then only what was written is there.
 *  2. A bus that moves VRAM by itself is asked to, always.
 *  3. Writes are visible to the GPU after flush_bar(); whoever changes page
 *     tables calls it (vas.c).
 */
#include <errno.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "pv-driver/private.h"

#define PRAMIN_LEN 0x100000ull

int imem_new(struct drv *d, uint64_t len, bool zero, struct imem **out)
{
	struct imem *m = mem_new(struct imem);
	int err;

	if (!m)
		return -ENOMEM;
	m->drv = d;
	m->len = align_up(len, PAGE);
	list_init(&m->node);
	err = heap_alloc(&d->vram, m->len, PAGE, true, &m->vram);
	if (!err) {
		m->addr = m->vram->at;
		list_add_tail(&d->imems, &m->node);
		err = d->bar3_on ? imem_map_bar3(m) : 0;
	}
	if (err) {
		imem_free(m);
		return err;
	}
	if (zero && !d->bar3_on && !d->bus->ops->vram_wr) {
		m->early = mem_calloc(1, m->len);
		if (!m->early) {
			imem_free(m);
			return -ENOMEM;
		}
	} else if (zero) {
		imem_zero(m, 0, m->len);
	}
	*out = m;
	return 0;
}

void imem_settle(struct drv *d)
{
	struct imem *m;

	list_for_each(m, &d->imems, node) {
		uint8_t *early = m->early;

		m->early = NULL;
		if (early)
			imem_wr(m, 0, early, m->len);
		mem_free(early);
	}
}

/*
 * BAR3's own table is already there, so this touches no allocator but the
 * range heap and cannot recurse.
 */
int imem_map_bar3(struct imem *m)
{
	struct drv *d = m->drv;
	struct drv_vas *vas = d->bar3.vas;
	uint32_t nr = (uint32_t)(m->len / PAGE);
	int err;

	err = heap_alloc(&d->bar3_va, m->len, PAGE, false, &m->bar3);
	if (err)
		return err == -ENOSPC ? 0 : err;
	err = d->backend->set(d, vas->pde[0].small, (uint32_t)(m->bar3->at / PAGE), nr,
			      pte_pack(PTE_VRAM, m->addr, PTE_PRESENT), PTE_STEP(FERMI_SMALL_SHIFT));
	d->stats.ptes_written += nr;
	return err ? err : vas_flush(vas);
}

static void unmap_bar3(struct imem *m)
{
	struct drv *d = m->drv;

	if (!m->bar3)
		return;
	if (d->bar3_on && d->bar3.vas && m != d->bar3.vas->pde[0].small->mem) {
		d->backend->set(d, d->bar3.vas->pde[0].small, (uint32_t)(m->bar3->at / PAGE),
				(uint32_t)(m->len / PAGE), 0, 0);
		vas_flush(d->bar3.vas);
	}
	heap_free(&d->bar3_va, m->bar3);
	m->bar3 = NULL;
}

void imem_free(struct imem *m)
{
	if (!m)
		return;
	unmap_bar3(m);
	list_del(&m->node);
	heap_free(&m->drv->vram, m->vram);
	mem_free(m->early);
	mem_free(m);
}

/* Register offset of VRAM address at in the PRAMIN window, which it moves if need be. */
static uint32_t pramin(struct drv *d, uint64_t at)
{
	uint32_t base = (uint32_t)(align_down(at, PRAMIN_LEN) >> 16);

	if (d->pramin_base != base) {
		wr32(d, NV_PBUS_PRAMIN_BASE, base);
		d->pramin_base = base;
	}
	return NV_PRAMIN + (uint32_t)(at & (PRAMIN_LEN - 1));
}

static bool through_bar3(const struct imem *m)
{
	return m->drv->bar3_on && m->bar3;
}

/* PRAMIN moves dwords only: off and len are multiples of 4 for instance memory. */
void imem_rd(struct imem *m, uint64_t off, void *buf, size_t len)
{
	struct drv *d = m->drv;
	uint32_t v;

	if (d->bus->ops->vram_rd) {
		d->bus->ops->vram_rd(d->bus, m->addr + off, buf, len);
		return;
	}
	if (m->early) {
		memcpy(buf, m->early + off, len);
		return;
	}
	if (through_bar3(m)) {
		d->bus->ops->bar_rd(d->bus, 3, m->bar3->at + off, buf, len);
		return;
	}
	for (size_t i = 0; i < len; i += 4) {
		v = rd32(d, pramin(d, m->addr + off + i));
		memcpy((char *)buf + i, &v, 4);
	}
}

void imem_wr(struct imem *m, uint64_t off, const void *buf, size_t len)
{
	struct drv *d = m->drv;
	uint32_t v;

	if (d->bus->ops->vram_wr) {
		d->bus->ops->vram_wr(d->bus, m->addr + off, buf, len);
		return;
	}
	if (m->early)
		memcpy(m->early + off, buf, len);
	if (through_bar3(m)) {
		d->bus->ops->bar_wr(d->bus, 3, m->bar3->at + off, buf, len);
		return;
	}
	for (size_t i = 0; i < len; i += 4) {
		memcpy(&v, (const char *)buf + i, 4);
		wr32(d, pramin(d, m->addr + off + i), v);
	}
}

void imem_zero(struct imem *m, uint64_t off, size_t len)
{
	static const uint8_t zero[4096];
	size_t n;

	for (; len; len -= n, off += n) {
		n = len < sizeof(zero) ? len : sizeof(zero);
		imem_wr(m, off, zero, n);
	}
}

void imem_wr32(struct imem *m, uint64_t off, uint32_t v)
{
	imem_wr(m, off, &v, sizeof(v));
}

void imem_wr64(struct imem *m, uint64_t off, uint64_t v)
{
	imem_wr(m, off, &v, sizeof(v));
}

uint64_t imem_rd64(struct imem *m, uint64_t off)
{
	uint64_t v;

	imem_rd(m, off, &v, sizeof(v));
	return v;
}
