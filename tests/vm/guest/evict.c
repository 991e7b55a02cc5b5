// SPDX-License-Identifier: MIT
/*
 * evict: more buffers in VRAM than VRAM holds.  Each is filled through the GPU
 * with contents of its own; making room for the later ones the kernel moves the
 * earlier ones out, and back when they are read.
 *
 * Prints "evict: ..."; exit code 0 only if every word was right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/vm/guest/kit/nv.h"

#define LEN (4u << 20)
#define PAGE 4096u
#define EXTRA 6 /* buffers more than fit */

struct set {
	struct nv nv;
	struct nv_chan chan;
	struct nouveau_bo *in, *out, **bo;
	uint32_t nr;
};

/* All buffers share a pattern; the first word of each page tells buffer and page. */
static void tag(uint32_t *mem, uint32_t k)
{
	for (uint32_t p = 0; p < LEN / PAGE; p++)
		mem[p * PAGE / 4] = k << 16 | p;
}

static int fill(struct set *s)
{
	uint32_t *w;

	if (nv_wait(&s->nv, s->in))
		return -1;
	w = s->in->map;
	for (uint32_t i = 0; i < LEN / 4; i++)
		w[i] = i * 2654435761u;
	for (uint32_t k = 0; k < s->nr; k++) {
		if (nv_bo(&s->nv, NV_VRAM, LEN, &s->bo[k]) || nv_wait(&s->nv, s->in))
			return -1;
		tag(s->in->map, k);
		if (nv_copy(&s->chan, &nv_copier[NV_M2MF], s->in, s->bo[k]))
			return -1;
	}
	return nv_wait(&s->nv, s->in);
}

static int verify(struct set *s)
{
	uint32_t bad = 0;

	for (uint32_t k = 0; k < s->nr; k++) {
		tag(s->in->map, k);
		if (nv_copy(&s->chan, &nv_copier[NV_M2MF], s->bo[k], s->out) || nv_wait(&s->nv, s->out))
			return -1;
		bad += memcmp(s->in->map, s->out->map, LEN) != 0;
		memset(s->out->map, 0xa5, PAGE);
	}
	if (bad)
		printf("evict: %u of %u buffers wrong\n", bad, s->nr);
	return bad ? -1 : 0;
}

int main(void)
{
	struct set s = { 0 };
	int err;

	nv_program = "evict";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (nv_open(&s.nv) || nv_chan_open(&s.nv, &nv_copier[NV_M2MF], &s.chan) ||
	    nv_bo(&s.nv, NV_SYS, LEN, &s.in) || nv_bo(&s.nv, NV_SYS, LEN, &s.out))
		return 1;
	s.nr = (uint32_t)(s.nv.dev->vram_size / LEN) + EXTRA;
	s.bo = calloc(s.nr, sizeof *s.bo);
	if (!s.bo)
		return 1;
	err = fill(&s);
	if (!err)
		err = verify(&s);
	printf("evict: %u buffers of %u MiB in %u MiB of VRAM\n", s.nr, LEN >> 20,
	       (uint32_t)(s.nv.dev->vram_size >> 20));
	return err ? 1 : 0;
}
