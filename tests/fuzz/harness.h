/* SPDX-License-Identifier: MIT */
/*
 * What the in-process harnesses share: a card and a mediator that live through
 * all inputs, three guests for each input, the last of which only watches.
 *
 * The claim after each input: the isolation audit finds nothing, the watcher
 * has its memory as it was, and nothing stays behind when the guests leave.
 */
#ifndef TESTS_FUZZ_HARNESS_H
#define TESTS_FUZZ_HARNESS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/fermi/inst.h"
#include "gpuvm/gpuvm.h"
#include "gpuvm/hv/null.h"

#define GUESTS 3 /* the third only watches */
#define GUEST_VRAM (8ull << 20)
#define GUEST_RAM (1ull << 20)
#define CANARY 0x5ca1ab1ecafef00dull
#define CANARY_AT 0x3000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct fuzz {
	struct gpuvm *g;
	struct hv *hv;
	struct hv_guest *hg[GUESTS];
	const uint8_t *p, *end;
	uint32_t seq; /* the harness's to count with */
};

#define must(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s: not true: %s\n", __FILE__, #x);                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The next n bytes of the input as a number; 0 past its end. */
static inline uint64_t take(struct fuzz *f, size_t n)
{
	uint64_t v = 0;

	if ((size_t)(f->end - f->p) < n)
		n = (size_t)(f->end - f->p);
	memcpy(&v, f->p, n);
	f->p += n;
	return v;
}

static inline uint64_t fuzz_rd(struct fuzz *f, int i, enum hv_space s, uint32_t off, uint8_t size)
{
	uint64_t v = 0;

	hv_null_access(f->hg[i], s, off, size, false, &v);
	return v;
}

static inline void fuzz_wr(struct fuzz *f, int i, enum hv_space s, uint32_t off, uint8_t size,
			   uint64_t v)
{
	hv_null_access(f->hg[i], s, off, size, true, &v);
}

/* Time passes, the mediator does a round. */
static inline void fuzz_step(struct fuzz *f, uint64_t ns)
{
	uint64_t next;

	dev_advance(f->g->dev, ns);
	gpuvm_step(f->g, dev_now(f->g->dev), &next);
}

static inline void open_once(struct fuzz *f)
{
	const struct gpuvm_cfg cfg = { 0 };
	struct dev *dev;
	char msg[256] = "";

	if (f->g)
		return;
	if (dev_open("sim:vram=256M,clock=manual", NULL, &dev, msg, sizeof(msg)) ||
	    gpuvm_new(dev, &cfg, &f->g, msg, sizeof(msg))) {
		fprintf(stderr, "fuzz: %s\n", msg);
		abort();
	}
	must(!hv_null_open(&gpuvm_up, f->g, NULL, &f->hv));
	gpuvm_set_hv(f->g, f->hv);
}

static inline hvram_t canary_at(struct fuzz *f)
{
	const struct vgpu *v = f->hg[GUESTS - 1]->vgpu;
	hvram_t at = hvram(0);

	must(!part_vram_g2h(v->part, gvram(CANARY_AT), 8, &at));
	return at;
}

static inline void fuzz_begin(struct fuzz *f, const struct vgpu_cfg *like, const uint8_t *data,
			      size_t len)
{
	static const char *const names[GUESTS] = { "a", "b", "watch" };
	struct vgpu_cfg cfg = *like;
	const uint64_t canary = CANARY;

	open_once(f);
	f->p = data;
	f->end = data + len;
	cfg.vram_len = GUEST_VRAM;
	for (int i = 0; i < GUESTS; i++)
		must(!hv_null_guest_new(f->hv, names[i], GUEST_RAM, &cfg, &f->hg[i]));
	must(!dev_vram_wr(f->g->dev, canary_at(f), &canary, 8));
	memcpy((uint8_t *)hv_null_ram(f->hg[GUESTS - 1]) + CANARY_AT, &canary, 8);
}

static inline void fuzz_end(struct fuzz *f)
{
	uint64_t vram_word = 0, ram_word;

	fuzz_step(f, 1000000);
	must(!gpuvm_audit(f->g, stderr));
	must(!dev_vram_rd(f->g->dev, canary_at(f), &vram_word, 8));
	memcpy(&ram_word, (uint8_t *)hv_null_ram(f->hg[GUESTS - 1]) + CANARY_AT, 8);
	must(vram_word == CANARY && ram_word == CANARY);
	must(hv_null_irqs(f->hg[GUESTS - 1]) == 0);
	for (int i = 0; i < GUESTS; i++)
		hv_null_guest_free(f->hg[i]);
	must(f->g->nr_vgpus == 0);
	must(!gpuvm_audit(f->g, stderr));
}

#endif
