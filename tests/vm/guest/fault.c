// SPDX-License-Identifier: MIT
/*
 * fault: an address where nothing is mapped, given to each copier and to a
 * shader program.  That channel dies; one that was there before and one that is
 * made afterwards work.
 *
 * Prints "fault: ..."; exit code 0 only if it went that way for all.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/vm/guest/kit/nv.h"
#include "tests/vm/guest/kit/shader.h"

#define LEN (64u << 10)
#define NOWHERE 0xdead000000ull

struct rig {
	struct nv nv;
	struct nouveau_bo *a, *b, *vram;
};

static int works(struct rig *r, const char *whose, struct nv_chan *c, const struct nv_engine *e, uint8_t seed)
{
	if (nv_wait(&r->nv, r->a) || nv_wait(&r->nv, r->b))
		return -1;
	memset(r->a->map, seed, LEN);
	memset(r->b->map, 0, LEN);
	if (nv_copy(c, e, r->a, r->vram) || nv_copy(c, e, r->vram, r->b) || nv_wait(&r->nv, r->b))
		return -1;
	if (memcmp(r->a->map, r->b->map, LEN)) {
		printf("fault: the %s channel copies wrong\n", whose);
		return -1;
	}
	return 0;
}

/*
 * Until the channel has died, which ends the wait for its work.  Linux 6.1 forgets to end it if the
 * channel dies while the submission is still being noted; so nobody waits for long here, and what
 * the machine's log says of the fault is looked at outside.
 */
static void wait_for_death(struct rig *r)
{
	for (int i = 0; i < 200; i++) {
		if (nouveau_bo_wait(r->b, NOUVEAU_BO_RDWR | NOUVEAU_BO_NOBLOCK, r->nv.client) != -EBUSY)
			return;
		usleep(5000);
	}
}

/* Submits work that cannot be done; Linux 6.12 may find the channel dead before it returns. */
static int bad_copy(struct rig *r, struct nv_chan *c, const struct nv_engine *e)
{
	const struct nv_ref ref = { r->b, NOUVEAU_BO_WR };

	if (nv_begin(c, NV_COPY_WORDS, &ref, 1))
		return -1;
	nv_copy_va(c, e, NOWHERE, r->b->offset, LEN);
	nouveau_pushbuf_kick(c->push, c->chan);
	wait_for_death(r);
	return 0;
}

static int bad_shader(struct rig *r, struct nv_chan *c)
{
	const uint32_t args[] = { (uint32_t)NOWHERE, (uint32_t)(NOWHERE >> 32), 0, 0, 0, 0, 1, 32, 32 };
	const struct shader_grid g = { .grid = 1, .block = 32 };
	struct shader s;

	if (shader_open(c, &s) || shader_load(&s, "store"))
		return -1;
	shader_launch(&s, &g, args, sizeof args / 4, (struct nv_ref[]){ { r->b, NOUVEAU_BO_WR } }, 1);
	wait_for_death(r);
	shader_close(&s);
	return 0;
}

static int dies(struct rig *r, const struct nv_engine *e)
{
	struct nv_chan bad, before, after;
	/* The engine that dies is not the one that proves the others' life. */
	const struct nv_engine *other = &nv_copier[e == &nv_copier[NV_CE0] ? NV_CE1 : NV_CE0];
	bool shader = e == &nv_compute;

	if (nv_chan_open(&r->nv, other, &before) || nv_chan_open(&r->nv, e, &bad) ||
	    (shader ? bad_shader(r, &bad) : bad_copy(r, &bad, e)))
		return -1;
	nv_chan_close(&bad);
	if (works(r, "earlier", &before, other, 0x11))
		return -1;
	nv_chan_close(&before);
	if (shader)
		e = &nv_copier[NV_M2MF];
	if (nv_chan_open(&r->nv, e, &after) || works(r, "new", &after, e, 0x22))
		return -1;
	nv_chan_close(&after);
	return 0;
}

int main(void)
{
	const struct nv_engine *all[] = { &nv_copier[NV_M2MF], &nv_copier[NV_CE0], &nv_copier[NV_CE1], &nv_compute };
	int bad = 0;

	nv_program = "fault";
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < 4; i++) {
		struct rig r = { 0 };
		int err = nv_open(&r.nv);

		if (!err)
			err = nv_bo(&r.nv, NV_SYS, LEN, &r.a) || nv_bo(&r.nv, NV_SYS, LEN, &r.b) ||
			      nv_bo(&r.nv, NV_VRAM, LEN, &r.vram) || dies(&r, all[i]);
		if (err)
			printf("fault: not survived: %s\n", all[i]->name);
		bad += err != 0;
		nouveau_bo_ref(NULL, &r.a);
		nouveau_bo_ref(NULL, &r.b);
		nouveau_bo_ref(NULL, &r.vram);
		nv_close(&r.nv);
	}
	printf("fault: a bad address on 4 engines: %d failed\n", bad);
	return bad != 0;
}
