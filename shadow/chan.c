// SPDX-License-Identifier: MIT
/*
 * Shadow instance blocks: the page that tells the GPU where a channel's ring,
 * USERD page, address space and engine contexts are.
 *
 * What the guest wrote is copied word by word by what is known of each word;
 * the rest of the page stays 0.  Every physical address in it (USERD, page
 * directory) is the mediator's; everything else is GPU virtual and therefore
 * goes through the shadow tables.
 */
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/base/mem.h"
#include "shadow/pv_private.h"

#define IMG_LEN sizeof(((struct shadow_chan *)0)->img)
#define RAMFC_LEN INST_PDB_LO
/*
 * gxen took these two RAMFC words for addresses of a video engine; nouveau leaves them 0, and so do
 * we.
 */
#define RAMFC_UNK64 0x64
#define RAMFC_UNK68 0x68

static const uint32_t ctx_off[NR_ENGINES] = {
	[ENGINE_GR] = INST_CTX_GR,	 [ENGINE_MSPDEC] = INST_CTX_MSPDEC,
	[ENGINE_MSPPP] = INST_CTX_MSPPP, [ENGINE_MSVLD] = INST_CTX_MSVLD,
	[ENGINE_CE0] = INST_CTX_CE0,	 [ENGINE_CE1] = INST_CTX_CE1,
};

uint32_t chan_ctx_off(enum fermi_engine e)
{
	return ctx_off[e];
}

struct shadow_chan *chan_by_id(struct shadow_guest *sg, gchan_t id)
{
	struct shadow_chan *ch;

	list_for_each(ch, &sg->chans, node)
		if (gchan_x(ch->id) == gchan_x(id))
			return ch;
	return NULL;
}

struct shadow_chan *shadow_chan_by_inst(struct shadow_guest *sg, gvram_t inst)
{
	struct shadow_chan *ch;

	list_for_each(ch, &sg->chans, node)
		if (gvram_x(ch->ginst) == gvram_x(inst))
			return ch;
	return NULL;
}

struct shadow_chan *shadow_chan_by_host_inst(struct shadow_guest *sg, hvram_t inst)
{
	struct shadow_chan *ch;

	list_for_each(ch, &sg->chans, node)
		if (hvram_x(ch->hinst) == hvram_x(inst))
			return ch;
	return NULL;
}

/* ---- words 0x200-0x27f: address space and engine contexts ----------------------------- */

static bool held(const struct shadow_chan *ch, const struct vas *v)
{
	for (uint32_t i = 0; i < CHAN_HELD_MAX; i++)
		if (ch->held[i] == v)
			return true;
	return false;
}

/*
 * ch leaves v.  Once the channel may have run, the device may still have v's
 * directory loaded, so v stays until ch is unbound.
 */
static void leave(struct shadow_chan *ch, struct vas *v)
{
	if (!ch->ran || !v || held(ch, v)) {
		vas_put(v);
		return;
	}
	for (uint32_t i = 0; i < CHAN_HELD_MAX; i++)
		if (!ch->held[i]) {
			ch->held[i] = v;
			return;
		}
}

/* Whether leave() would have no place for the present address space. */
static bool held_full(const struct shadow_chan *ch)
{
	return ch->ran && ch->vas && !held(ch, ch->vas) && !held(ch, NULL);
}

/*
 * Turns ch to the guest's directory `pdb`; *old is what leave() is due for
 * when the device knows of the change.  Guest faults leave ch with the empty
 * directory; an error of the world leaves all as it was.
 */
static int rebind(struct shadow_chan *ch, uint64_t pdb, struct vas **old)
{
	struct vas *v = NULL;
	int err = 0;

	*old = NULL;
	if (held_full(ch)) {
		sg_fault(ch->sg, SHADOW_FAULT_PDB, pdb);
		return 0;
	}
	if (ch->sg->pv)
		err = pdb ? pv_chan_vas(ch->sg, ch->id, &v) : 0;
	else if (pdb)
		err = vas_get(ch->sg, pdb & 3, align_down(pdb, 4096), &v);
	else
		sg_fault(ch->sg, SHADOW_FAULT_PDB, 0);
	if (err && err != -EFAULT && err != -EDQUOT && err != -ENOSPC)
		return err;
	*old = ch->vas;
	ch->vas = v;
	ch->pdb = pdb;
	return 0;
}

static void image(const struct shadow_chan *ch, const uint32_t *w, uint32_t *img)
{
	hvram_t pd = ch->vas ? ch->vas->pd : ch->sg->s->empty_pd;
	uint64_t limit = (uint64_t)w[IMG_WORD(INST_LIMIT_HI)] << 32 | w[IMG_WORD(INST_LIMIT_LO)];
	const uint64_t max = (1ull << FERMI_VA_BITS) - 1;

	memset(img, 0, IMG_LEN);
	limit = limit < max ? limit : max;
	img[IMG_WORD(INST_PDB_LO)] = lo32(hvram_x(pd)) | PTE_VRAM;
	img[IMG_WORD(INST_PDB_HI)] = hi32(hvram_x(pd));
	img[IMG_WORD(INST_LIMIT_LO)] = lo32(limit);
	img[IMG_WORD(INST_LIMIT_HI)] = hi32(limit);
	for (uint32_t e = 0; e < NR_ENGINES; e++) {
		const uint32_t *ctx = &w[IMG_WORD(ctx_off[e])];

		/* Without the bit it is no GPU virtual address, whatever else it may be. */
		if (!(ctx[0] & INST_CTX_VALID))
			continue;
		img[IMG_WORD(ctx_off[e])] = align_down(ctx[0], 4096) | INST_CTX_VALID;
		img[IMG_WORD(ctx_off[e]) + 1] = ctx[1] & 0xff;
	}
}

/* Takes over the guest's words 0x200-0x27f; first: the shadow was never written. */
static int take(struct shadow_chan *ch, const uint32_t *w, bool first)
{
	uint64_t raw = (uint64_t)w[IMG_WORD(INST_PDB_HI)] << 32 | w[IMG_WORD(INST_PDB_LO)];
	/* A paravirtual guest names its directories otherwise, whatever its page says. */
	uint64_t pdb = ch->sg->pv ? pv_chan_key(ch->sg, ch->id) : align_down(raw, 4096) | (raw & 3);
	uint32_t img[ARRAY_SIZE(ch->img)];
	struct vas *old = NULL;
	int err = 0;

	/*
	 * A directory that was refused is tried again: the guest may have mended it, or quota come
	 * free.
	 */
	if (first || pdb != ch->pdb || (pdb && !ch->vas))
		err = rebind(ch, pdb, &old);
	if (err)
		return err;
	image(ch, w, img);
	if (first || memcmp(img, ch->img, sizeof(img)) != 0) {
		err = vram_put(ch->sg->s, hvram(hvram_x(ch->hinst) + INST_PDB_LO), img,
			       sizeof(img));
		memcpy(ch->img, img, sizeof(img));
	}
	leave(ch, old);
	return err;
}

static int retake(struct shadow_chan *ch)
{
	uint32_t w[ARRAY_SIZE(ch->img)];
	int err = shadow_gmem_rd(ch->sg, PTE_VRAM, gvram_x(ch->ginst) + INST_PDB_LO, w, sizeof(w));

	return err ? err : take(ch, w, false);
}

bool shadow_chan_due(const struct shadow_chan *ch)
{
	return ch->vas && ch->vas->stale;
}

void shadow_chan_busy(struct shadow_chan *ch, bool busy)
{
	ch->busy = busy;
}

bool chan_uses(const struct shadow_chan *ch, const struct vas *v)
{
	return ch->busy && (ch->vas == v || held(ch, v));
}

int shadow_chan_sync(struct shadow_chan *ch)
{
	int err = retake(ch), e = 0;

	if (ch->vas && ch->vas->stale)
		e = vas_sync(ch->vas);
	/* A directory that went bad was counted; the shadow has no tables then. */
	return err ? err : e == -EFAULT ? 0 : e;
}

/* ---- RAMFC ------------------------------------------------------------------------------ */

/*
 * A channel starts at the ring's entry 0 with nothing under way, whatever its
 * page says: what the device would go on with there (ring entries, the rest of
 * a segment or packet, a method, an acquire) would run without a doorbell, past
 * the scheduler.  A position beyond the ring would never end.
 */
static const uint16_t progress[] = {
	RAMFC_GP_PUT, RAMFC_GP_GET, RAMFC_GET_LO,     RAMFC_GET_HI,    RAMFC_PUT_LO,
	RAMFC_PUT_HI, RAMFC_METHOD, RAMFC_DMA_STATE1, RAMFC_SEM_STATE,
};

static void ramfc(const struct shadow_chan *ch, uint32_t *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(progress); i++)
		w[progress[i] / 4] = 0;
	w[RAMFC_USERD_LO / 4] = lo32(hvram_x(ch->userd)) | PTE_VRAM;
	w[RAMFC_USERD_HI / 4] = hi32(hvram_x(ch->userd));
	w[RAMFC_UNK64 / 4] = 0;
	w[RAMFC_UNK68 / 4] = 0;
}

void chan_written(struct shadow_chan *ch, uint32_t off, uint32_t len)
{
	uint32_t from = (uint32_t)align_down(off, 4), to = (uint32_t)align_up(off + len, 4);
	uint32_t w[RAMFC_LEN / 4];
	int err = 0;

	if (to > INST_PDB_LO && from < INST_PDB_LO + IMG_LEN)
		err = retake(ch);
	if (err)
		log_error(ch->sg->s->log, "channel %u: instance block not taken over: %s",
			  gchan_x(ch->id), strerror(-err));
	/*
	 * Once the device may have run the channel its RAMFC is the device's, until it is bound
	 * anew.
	 */
	if (from >= RAMFC_LEN || ch->ran)
		return;
	to = to < RAMFC_LEN ? to : RAMFC_LEN;
	if (shadow_gmem_rd(ch->sg, PTE_VRAM, gvram_x(ch->ginst), w, sizeof(w)))
		return;
	ramfc(ch, w);
	vram_put(ch->sg->s, hvram(hvram_x(ch->hinst) + from), w + from / 4, to - from);
}

/* ---- life ------------------------------------------------------------------------------- */

/* Reads the guest's page once and makes the shadow of it. */
static int build(struct shadow_chan *ch)
{
	uint32_t w[(INST_PDB_LO + IMG_LEN) / 4];
	int err = shadow_gmem_rd(ch->sg, PTE_VRAM, gvram_x(ch->ginst), w, sizeof(w));

	if (err)
		return err;
	ch->guserd_target = w[RAMFC_USERD_LO / 4] & 3;
	ch->guserd_addr =
		align_down((uint64_t)w[RAMFC_USERD_HI / 4] << 32 | w[RAMFC_USERD_LO / 4], 512);
	ramfc(ch, w);
	err = vram_put(ch->sg->s, ch->hinst, w, RAMFC_LEN);
	return err ? err : take(ch, w + INST_PDB_LO / 4, true);
}

int shadow_chan_bind(struct shadow_guest *sg, gchan_t id, gvram_t inst, hvram_t userd,
		     struct shadow_chan **out)
{
	struct shadow_chan *ch;
	int err;

	if (gchan_x(id) >= GF100_NR_CHAN)
		return -EINVAL;
	if (chan_by_id(sg, id))
		return -EEXIST;
	if (!is_aligned(gvram_x(inst), INST_LEN) ||
	    !range_ok(gvram_x(inst), INST_LEN, part_vram_len(sg->cfg.part))) {
		sg_fault(sg, SHADOW_FAULT_INST, gvram_x(inst));
		return -EFAULT;
	}
	ch = mem_new(struct shadow_chan);
	if (!ch)
		return -ENOMEM;
	list_init(&ch->node);
	ch->sg = sg;
	ch->id = id;
	ch->ginst = inst;
	ch->userd = userd;
	err = sg_heap_get(sg, INST_LEN, &ch->hinst);
	if (err) {
		if (err == -EDQUOT || err == -ENOSPC)
			sg_fault(sg, SHADOW_FAULT_QUOTA, gchan_x(id));
		goto err;
	}
	ch->has_inst = true;
	err = build(ch);
	if (err)
		goto err;
	watch_add(sg, inst);
	ch->watched = true;
	list_add_tail(&sg->chans, &ch->node);
	watch_windows(sg);
	*out = ch;
	return 0;
err:
	shadow_chan_unbind(ch);
	return err;
}

/* The device's channel table must not name a page that is about to be reused. */
static void untable(struct shadow_chan *ch)
{
	struct dev *d = ch->sg->s->dev;
	hchan_t h;
	uint32_t reg;

	if (part_chan_g2h(ch->sg->cfg.part, ch->id, &h) || hchan_x(h) >= GF100_NR_CHAN)
		return;
	reg = reg_at(REGID_PFIFO_CHAN_INST, hchan_x(h));
	if (CHAN_INST_ADDR(dev_rd32(d, reg)) == hvram_x(ch->hinst))
		dev_wr32(d, reg, 0);
}

void shadow_chan_unbind(struct shadow_chan *ch)
{
	if (!ch)
		return;
	list_del(&ch->node);
	if (ch->committed)
		shadow_runlist_commit(ch->sg->s);
	if (ch->watched) {
		watch_del(ch->sg, ch->ginst);
		untable(ch);
	}
	vas_put(ch->vas);
	for (uint32_t i = 0; i < CHAN_HELD_MAX; i++)
		vas_put(ch->held[i]);
	if (ch->has_inst)
		sg_heap_put(ch->sg, ch->hinst, INST_LEN);
	mem_free(ch);
}

hvram_t shadow_chan_inst(const struct shadow_chan *ch)
{
	return ch->hinst;
}

gvram_t shadow_chan_guest_inst(const struct shadow_chan *ch)
{
	return ch->ginst;
}

gchan_t shadow_chan_id(const struct shadow_chan *ch)
{
	return ch->id;
}

void shadow_chan_guest_userd(const struct shadow_chan *ch, uint32_t *target, uint64_t *addr)
{
	*target = ch->guserd_target;
	*addr = ch->guserd_addr;
}

uint32_t shadow_chan_engines(const struct shadow_chan *ch)
{
	uint32_t m = 0;

	for (uint32_t e = 0; e < NR_ENGINES; e++)
		if (ch->img[IMG_WORD(ctx_off[e])] & INST_CTX_VALID)
			m |= 1u << e;
	return m;
}
