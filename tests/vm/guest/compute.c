// SPDX-License-Identifier: MIT
/*
 * compute: sm_20 programs launched through the DRM interface, with their results
 * checked on the processor: element by element (buffers in VRAM and in system
 * memory), a sum in shared memory with barriers and an atomic total, and a
 * product of matrices with a loop.
 *
 * Prints "compute: ..."; exit code 0 only if every word was right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/vm/guest/kit/shader.h"

#define N 20000u
#define BLOCK 128u
#define SIDE 48u
#define LEN (128u << 10)
#define LO(bo) (uint32_t)(bo)->offset
#define HI(bo) (uint32_t)((bo)->offset >> 32)

struct rig {
	struct nv nv;
	struct nv_chan chan;
	struct shader sh;
	struct nouveau_bo *a, *b, *out;
};

static uint32_t *words(struct rig *r, struct nouveau_bo *bo)
{
	if (nv_wait(&r->nv, bo))
		exit(1);
	return bo->map;
}

static uint32_t noise(uint32_t i)
{
	i ^= i << 13;
	i ^= i >> 17;
	return i * 2654435761u;
}

static int launch(struct rig *r, const char *program, const struct shader_grid *g, const uint32_t *args, uint32_t n)
{
	const struct nv_ref ref[] = { { r->a, NOUVEAU_BO_RD }, { r->b, NOUVEAU_BO_RD }, { r->out, NOUVEAU_BO_RDWR } };

	if (shader_load(&r->sh, program) || shader_launch(&r->sh, g, args, n, ref, 3))
		return -1;
	return nv_wait(&r->nv, r->out);
}

static int verdict(const char *program, uint32_t bad)
{
	if (bad)
		printf("compute: %s: %u words wrong\n", program, bad);
	return bad ? -1 : 0;
}

/* out[i] = a[i] * b[i] + c */
static int madd(struct rig *r)
{
	const uint32_t args[] = { LO(r->out), HI(r->out), LO(r->a), HI(r->a), LO(r->b), HI(r->b), 12345, BLOCK, N };
	const struct shader_grid g = { (N + BLOCK - 1) / BLOCK, BLOCK, 0 };
	uint32_t *a = words(r, r->a), *b = words(r, r->b), *out = words(r, r->out), bad = 0;

	for (uint32_t i = 0; i < N; i++) {
		a[i] = noise(i + 1);
		b[i] = noise(i + 77777);
	}
	memset(out, 0, LEN);
	if (launch(r, "madd", &g, args, sizeof args / 4))
		return -1;
	for (uint32_t i = 0; i < N; i++)
		bad += out[i] != a[i] * b[i] + 12345;
	return verdict("madd", bad + (out[N] != 0));
}

/* out[1 + block] = the block's sum, out[0] = that of all */
static int sum(struct rig *r)
{
	const uint32_t blocks = N / BLOCK;
	const uint32_t args[] = { LO(r->out), HI(r->out), LO(r->a), HI(r->a), 0, 0, 0, BLOCK };
	const struct shader_grid g = { blocks, BLOCK, BLOCK * 4 };
	uint32_t *a = words(r, r->a), *out = words(r, r->out), bad = 0, total = 0;

	for (uint32_t i = 0; i < N; i++)
		a[i] = noise(i + 3);
	memset(out, 0, LEN);
	if (launch(r, "sum", &g, args, sizeof args / 4))
		return -1;
	for (uint32_t k = 0; k < blocks; k++) {
		uint32_t want = 0;

		for (uint32_t i = 0; i < BLOCK; i++)
			want += a[k * BLOCK + i];
		bad += out[1 + k] != want;
		total += want;
	}
	return verdict("sum", bad + (out[0] != total));
}

/* out = a * b, of small whole numbers so that every order of summing gives the same float */
static int mmul(struct rig *r)
{
	const uint32_t args[] = { LO(r->out), HI(r->out), LO(r->a), HI(r->a), LO(r->b), HI(r->b), SIDE };
	const struct shader_grid g = { SIDE, SIDE, 0 };
	float *a = (float *)words(r, r->a), *b = (float *)words(r, r->b), *out = (float *)words(r, r->out);
	uint32_t bad = 0;

	for (uint32_t i = 0; i < SIDE * SIDE; i++) {
		a[i] = (float)(noise(i + 5) % 16) - 8;
		b[i] = (float)(noise(i + 9) % 16) - 8;
	}
	memset(out, 0, LEN);
	if (launch(r, "mmul", &g, args, sizeof args / 4))
		return -1;
	for (uint32_t y = 0; y < SIDE; y++)
		for (uint32_t x = 0; x < SIDE; x++) {
			float want = 0;

			for (uint32_t k = 0; k < SIDE; k++)
				want += a[y * SIDE + k] * b[k * SIDE + x];
			bad += out[y * SIDE + x] != want;
		}
	return verdict("mmul", bad);
}

static int all(const char *where, uint32_t flags)
{
	struct rig r = { 0 };
	int bad = 0;

	if (nv_open(&r.nv) || nv_chan_open(&r.nv, &nv_compute, &r.chan) || shader_open(&r.chan, &r.sh) ||
	    nv_bo(&r.nv, flags, LEN, &r.a) || nv_bo(&r.nv, flags, LEN, &r.b) || nv_bo(&r.nv, flags, LEN, &r.out))
		return 1;
	bad += madd(&r) != 0;
	bad += sum(&r) != 0;
	bad += mmul(&r) != 0;
	shader_close(&r.sh);
	nouveau_bo_ref(NULL, &r.a);
	nouveau_bo_ref(NULL, &r.b);
	nouveau_bo_ref(NULL, &r.out);
	nv_chan_close(&r.chan);
	nv_close(&r.nv);
	printf("compute: 3 programs, buffers in %s: %d failed\n", where, bad);
	return bad;
}

int main(void)
{
	int bad;

	nv_program = "compute";
	setvbuf(stdout, NULL, _IOLBF, 0);
	bad = all("system memory", NV_SYS);
	bad += all("VRAM", NV_VRAM_MAP);
	return bad != 0;
}
