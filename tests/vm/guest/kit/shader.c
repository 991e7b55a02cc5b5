// SPDX-License-Identifier: MIT
/*
 * Launches through class 90c0.  Methods: rnndb/graph/gf100_compute.xml; the
 * order and the constants written in line are as Mesa's nvc0_compute.c has them.
 */
#include "tests/vm/guest/kit/shader.h"

#include <stdio.h>
#include <string.h>

#define CODE_LEN (64u << 10)
#define CONSTANTS_LEN 4096u
#define SHARED_WINDOW 0xfe000000u
#define LOCAL_WINDOW 0xff000000u

static void one(struct nv_chan *c, uint32_t mthd, uint32_t val)
{
	nv_method(c, &nv_compute, mthd, 1);
	nv_put(c, val);
}

int shader_open(struct nv_chan *c, struct shader *s)
{
	*s = (struct shader){ .chan = c };
	if (nv_bo(c->nv, NV_VRAM_MAP, CODE_LEN, &s->code) ||
	    nv_bo(c->nv, NV_VRAM, CONSTANTS_LEN, &s->constants) || nv_begin(c, 16, NULL, 0))
		return -1;
	nv_method(c, &nv_compute, 0x1608, 2); /* CODE_ADDRESS */
	nv_address(c, s->code->offset);
	one(c, 0x214, SHARED_WINDOW);
	one(c, 0x77c, LOCAL_WINDOW);
	return 0;
}

void shader_close(struct shader *s)
{
	nouveau_bo_ref(NULL, &s->code);
	nouveau_bo_ref(NULL, &s->constants);
}

int shader_load(struct shader *s, const char *name)
{
	char path[100];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, NV_KERNELS "/%s.bin", name);
	f = fopen(path, "rb");
	if (!f)
		return nv_failed(path);
	if (nv_wait(s->chan->nv, s->code)) {
		fclose(f);
		return -1;
	}
	n = fread((uint8_t *)s->code->map + s->used, 1, CODE_LEN - s->used, f);
	fclose(f);
	s->entry = s->used;
	s->used += (uint32_t)(n + 63) & ~63u;
	return n ? 0 : nv_failed(path);
}

static void constants(struct shader *s, const uint32_t *args, uint32_t n)
{
	struct nv_chan *c = s->chan;

	nv_method(c, &nv_compute, 0x2380, 3);
	nv_put(c, CONSTANTS_LEN);
	nv_address(c, s->constants->offset);
	one(c, 0x1694, 1); /* bind as c0 */
	one(c, 0x238c, 0);
	/* CB_DATA: every word to the next place, by the same method. */
	nv_put(c, 0x60000000 | n << 16 | nv_compute.subchan << 13 | 0x2390 >> 2);
	for (uint32_t i = 0; i < n; i++)
		nv_put(c, args[i]);
}

int shader_launch(struct shader *s, const struct shader_grid *g, const uint32_t *args, uint32_t n,
		  const struct nv_ref *ref, int nr)
{
	struct nv_ref all[6] = { { s->code, NOUVEAU_BO_RD }, { s->constants, NOUVEAU_BO_RDWR } };
	struct nv_chan *c = s->chan;

	memcpy(all + 2, ref, (size_t)nr * sizeof *ref);
	if (nv_begin(c, 64 + n, all, nr + 2))
		return -1;
	constants(s, args, n);
	one(c, 0x1698, 0x1011); /* caches of code and constants */
	one(c, 0x3b4, s->entry);
	nv_method(c, &nv_compute, 0x204, 2); /* no l[] */
	nv_put(c, 0);
	nv_put(c, 0);
	one(c, 0x24c, g->shared);
	nv_method(c, &nv_compute, 0x3ac, 2);
	nv_put(c, 1 << 16 | g->block);
	nv_put(c, 1);
	nv_method(c, &nv_compute, 0x238, 2);
	nv_put(c, 1 << 16 | g->grid);
	nv_put(c, 1);
	one(c, 0x368, 0x1000); /* LAUNCH */
	return nv_kick(c);
}
