// SPDX-License-Identifier: MIT
/*
 * Fuzzes the hp-pv ring: sessions anywhere, requests of any kind, pieces of
 * anything run by the GPU, indices that lie, by two guests.
 *
 * The claim, checked after each input (harness.h), and: a session that is on
 * takes every request that was rung for, within a bounded number of steps.
 *
 * An input is a list of steps, one tag byte each: bit 7 the guest, bits 0-2 the
 * step.  Numbers are mostly taken near what is sound, so that whole sessions
 * come to be; a bit in the request's byte makes them raw.
 */
#include "tests/fuzz/harness.h"

#include "gpuvm/fermi/methods.h"
#include "gpuvm/hp.h"
#include "pv-driver/drv.h"
#include "pv-driver/hp_abi.h"

#define MAX_STEPS 512
#define RING 0x10000u
#define MEM 0x40000u /* behind the ring */

struct side {
	uint32_t head;
	uint64_t va; /* of what was mapped last */
	bool wild;   /* its indices lied since the session began */
};
struct fuzz_hp {
	struct fuzz f;
	struct side side[GUESTS];
};

static uint8_t *ram(struct fuzz_hp *h, int i)
{
	return hv_null_ram(h->f.hg[i]);
}

static void reg(struct fuzz_hp *h, int i, uint32_t off, uint32_t val)
{
	fuzz_wr(&h->f, i, HV_BAR_PV, off, 4, val);
}

static bool on(struct fuzz_hp *h, int i)
{
	return fuzz_rd(&h->f, i, HV_BAR_PV, HP_REG_ENABLE, 4) == HP_SESSION_ON &&
	       fuzz_rd(&h->f, i, HV_BAR_PV, HP_REG_RING_LO, 4) == RING;
}

static void up(struct fuzz_hp *h, int i)
{
	reg(h, i, HP_REG_DRV_VERSION, HP_VERSION);
	reg(h, i, HP_REG_DRV_FEATURES, 0);
	reg(h, i, HP_REG_RING_LO, RING);
	reg(h, i, HP_REG_RING_HI, 0);
	reg(h, i, HP_REG_ENABLE, 1);
	h->side[i] = (struct side){ 0 };
	fuzz_step(&h->f, 1000);
}

static void slot(struct fuzz_hp *h, int i, const void *from)
{
	memcpy(ram(h, i) + RING + HP_SLOTS_OFF + h->side[i].head++ % HP_SLOTS * HP_SLOT_LEN, from,
	       HP_SLOT_LEN);
}

static struct hp_req near_req(struct fuzz_hp *h, int i, uint16_t op)
{
	struct fuzz *f = &h->f;
	uint8_t b = (uint8_t)take(f, 1);
	struct hp_req q = { .op = op, .slots = 1, .tag = b & 0x80 ? 0 : h->side[i].head + 1,
			    .id = b & 3 };

	switch (op) {
	case HP_OP_BO_NEW:
		b = (uint8_t)take(f, 1);
		q.a = (1 + (b & 7)) * 4096ull << (b & 8 ? 4 : 0);
		q.b = b & 0x10 ? HP_VRAM : MEM + (b >> 5) * 0x4000ull;
		break;
	case HP_OP_CHAN_NEW:
		q.n = 1 + (uint32_t)take(f, 1) % 7;
		break;
	case HP_OP_MAP:
	case HP_OP_UNMAP:
	case HP_OP_BO_FREE:
	case HP_OP_EXPOSE:
		b = (uint8_t)take(f, 1);
		q.id = 1 + b % 8;
		q.id2 = 1 + (b >> 3) % 3;
		q.a = h->side[i].va;
		q.c = b >> 6;
		break;
	case HP_OP_SUBMIT:
		q.n = (uint32_t)take(f, 1) % 6;
		q.slots = (uint16_t)(1 + (q.n + 3) / 4);
		break;
	default:
		q.a = take(f, 1) % 3 * 56;
	}
	return q;
}

static struct hp_req raw_req(struct fuzz_hp *h, uint16_t op)
{
	struct fuzz *f = &h->f;
	struct hp_req q = { .op = op };

	q.slots = (uint16_t)take(f, 2);
	q.tag = (uint32_t)take(f, 4);
	q.id = (uint32_t)take(f, 4);
	q.id2 = (uint32_t)take(f, 4);
	q.a = take(f, 8);
	q.b = take(f, 8);
	q.c = take(f, 8);
	q.n = (uint32_t)take(f, 4);
	return q;
}

/* Commands into the page that pieces name: a header and its words, near what the engine knows. */
static void commands(struct fuzz_hp *h, int i)
{
	uint32_t *w = (uint32_t *)(ram(h, i) + MEM);

	for (int k = 0; k < 8; k++) {
		uint8_t b = (uint8_t)take(&h->f, 1);

		w[2 * k] = push_header(PUSH_INC, DRV_SUBC_M2MF, (b & 0x7f) * 8u, 1);
		w[2 * k + 1] = b & 0x80 ? (uint32_t)take(&h->f, 4) : (uint32_t)h->side[i].va;
	}
}

static void pieces(struct fuzz_hp *h, int i, const struct hp_req *q)
{
	for (uint32_t s = 1; s < q->slots; s++) {
		struct hp_piece p[4] = { { 0 } };

		for (uint32_t k = 0; k < 4; k++) {
			uint8_t b = (uint8_t)take(&h->f, 1);

			p[k].va = h->side[i].va + (b & 0x80 ? take(&h->f, 5) : (b & 7) * 8u);
			p[k].dwords = b & 0x40 ? (uint32_t)take(&h->f, 4) : 1u + (b >> 3 & 7);
		}
		slot(h, i, p);
	}
}

/* Some requests, one bell. */
static void batch(struct fuzz_hp *h, int i)
{
	struct hp_ring *r = (struct hp_ring *)(ram(h, i) + RING);
	uint32_t n = 1 + (uint32_t)take(&h->f, 1) % 12;

	for (uint32_t k = 0; k < n; k++) {
		uint8_t tag = (uint8_t)take(&h->f, 1);
		uint16_t op = (tag & 0x7f) % (HP_OP_END + 1);
		struct hp_req q = tag & 0x80 ? raw_req(h, op) : near_req(h, i, op);

		h->side[i].wild |= tag & 0x80;
		slot(h, i, &q);
		if (!(tag & 0x80))
			pieces(h, i, &q);
	}
	r->head = h->side[i].head;
	reg(h, i, HP_REG_BELL, n);
	for (int k = 0; k < 8; k++)
		fuzz_step(&h->f, 1000);
	must(h->side[i].wild || !on(h, i) || r->tail == h->side[i].head);
	if (r->answer.val[1])
		h->side[i].va = r->answer.val[1];
}

static void one(struct fuzz_hp *h)
{
	uint8_t tag = (uint8_t)take(&h->f, 1);
	int i = tag >> 7;

	switch (tag & 7) {
	case 0: up(h, i); return;
	case 1:
		h->side[i].wild = true;
		reg(h, i, (uint32_t)take(&h->f, 1) * 4, (uint32_t)take(&h->f, 4));
		return;
	case 2:
		/* The header, by whatever comes. */
		h->side[i].wild = true;
		memset(ram(h, i) + RING + take(&h->f, 1) * 4, (int)take(&h->f, 1), 4);
		reg(h, i, HP_REG_BELL, 0);
		return;
	case 3: commands(h, i); return;
	case 4:
		fuzz_rd(&h->f, i, take(&h->f, 1) & 1 ? HV_BAR1 : HV_BAR0, (uint32_t)take(&h->f, 3), 4);
		return;
	case 5:
		if (take(&h->f, 1) == 0xff) {
			vgpu_reset(h->f.hg[i]->vgpu);
			h->side[i].wild = true;
		}
		fuzz_step(&h->f, 1000000);
		return;
	default: batch(h, i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fuzz_hp h; /* lives as long as the program: opening a card costs more than an input */
	const struct vgpu_cfg cfg = { .mode = VGPU_HP_PV, .timeout_ms = 5 };

	fuzz_begin(&h.f, &cfg, data, len);
	for (int i = 0; i < GUESTS; i++)
		up(&h, i);
	for (int n = 0; n < MAX_STEPS && h.f.p < h.f.end; n++)
		one(&h);
	fuzz_end(&h.f);
	return 0;
}
